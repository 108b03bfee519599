"""What people teach: a format saved in their name, and what waits in its shape read again; by console and API."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.db import IntegrityError

from dashboard import jobs
from dashboard.console.actions import ActionError, LoggedChange
from dashboard.models import Job
from signals.models import Format, Source
from signals.teaching.previewing import Preview, tried
from signals.teaching.saving import brought_in, restore, retire, save
from signals.teaching.shapes import open_rows

TRIED = 100
MEANWHILE = "Somebody saved one of this name at the same moment. Look at Formats, and save again."


@dataclass(frozen=True, slots=True)
class Taught:
    """A version that was saved, what the log says of it, and the job that reads what waits, if any does."""

    format: Format
    change: LoggedChange
    job: Job | None = None


def teach(person: User, spec: Mapping[str, Any], *, source: Source | None, shape: str, now: datetime) -> Taught:
    """Save a format, in use at once, and have what waits in a shape read again ("": nothing). Raises SpecError for one
    that cannot be used, ActionError where somebody was faster."""
    try:
        made = save(spec, source=source, by=person, now=now)
    except IntegrityError as error:
        raise ActionError(MEANWHILE) from error
    says = f"Taught version {made.version} of {made.name} for {source or 'every source'}."
    job = reading_again(person, shape, source, now) if shape else None
    return Taught(made, LoggedChange(made, says, made=True), job)


def take_out(row: Format, now: datetime) -> Taught:
    """Raises ActionError where it is not in use (any more)."""
    if row.state != Format.State.ACTIVE:
        raise ActionError("It is not in use.")
    changed = retire(row, now=now)
    return Taught(changed, LoggedChange(changed, "Retired."))


def go_back(person: User, row: Format, now: datetime) -> Taught:
    """An earlier version, as the newest. Raises ActionError where it is in use already, or somebody was faster."""
    if row.state == Format.State.ACTIVE:
        raise ActionError("It is in use already.")
    try:
        made = restore(row, by=person, now=now)
    except IntegrityError as error:
        raise ActionError(MEANWHILE) from error
    return Taught(made, LoggedChange(made, f"Went back to version {row.version}.", made=True))


def tried_on_read(spec: Mapping[str, Any], row: Format, source: Source | None) -> Preview:
    """What it would make of the latest that versions of a format have read."""
    read = list(brought_in(row).exclude(body=None).select_related("source").prefetch_related("body")[:TRIED])
    return tried(spec, reversed(read), source)


def problem_of(outcome: Preview) -> str:
    """Why a format cannot be saved: it is wrong, or reads nothing of what waits."""
    if outcome.problem:
        return str(outcome.problem)
    return (
        "Nothing that waits in this shape can be read so. The reasons are below."
        if outcome.unread > outcome.read == 0
        else ""
    )


def reading_again(person: User, shape: str, source: Source | None, now: datetime) -> Job | None:
    """The job that reads again what waits in a shape, of one source or of all; None when nothing does."""
    waiting = open_rows(shape, source)
    first = waiting.first()
    if first is None:
        return None
    sources = waiting.order_by().values_list("delivery__source__name", flat=True).distinct()
    asked = {
        "shape": shape,
        "label": first.shape_label,
        "source": source.name if source else "",
        "sources": list(sources),
    }
    return jobs.start(jobs.TEACH, "Reading again", asked, total=waiting.count(), by=person, now=now)

"""Saving formats: every change is a new version, and every earlier one can come back."""

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import QuerySet

from signals.dialects.spec import SpecError, compiled
from signals.models import Delivery, Format, Source

from .known import forget

State = Format.State
MOST_IMPORTED = 100


def save(spec: Mapping[str, Any], *, source: Source | None, by: User | None, now: datetime, note: str = "") -> Format:
    """A new version of the format that the spec names, in use at once for the source (None: for all).

    It replaces the version that is in use for the same. What such alerts never tell is switched off at the source.
    Raises SpecError for a spec that cannot be used: nothing is saved.
    """
    compiled(spec)
    with transaction.atomic():
        # All versions of the name, so that two who save at once number theirs one after the other.
        versions = Format.objects.select_for_update().filter(name=spec["name"])
        last = max((row.version for row in versions), default=0)
        in_use(spec["name"], source).update(state=State.REPLACED, changed_at=now)
        row = Format.objects.create(
            name=spec["name"],
            version=last + 1,
            source=source,
            spec=dict(spec),
            created_by=by,
            creator=by.get_username() if by else "",
            created_at=now,
            changed_at=now,
            note=note,
        )
        if source is not None:
            owe_less(source, spec.get("gaps_off", []))
    forget()
    return row


def in_use(name: str, source: Source | None) -> QuerySet[Format]:
    return Format.objects.filter(name=name, source=source, state=State.ACTIVE)


def owe_less(source: Source, gaps: Iterable[str]) -> None:
    """Switch gaps off at a source whose alerts never carry what they are about."""
    row = Source.objects.select_for_update().get(pk=source.pk)
    added = [gap for gap in gaps if gap not in row.gaps_off]
    if added:
        row.gaps_off = [*row.gaps_off, *added]
        row.save(update_fields=["gaps_off"])
        source.gaps_off = row.gaps_off


def retire(row: Format, *, now: datetime) -> Format:
    """Take a version out of use. What it has read stays: `brought_in` lists it."""
    Format.objects.filter(pk=row.pk, state=State.ACTIVE).update(state=State.RETIRED, changed_at=now)
    forget()
    row.refresh_from_db()
    return row


def restore(row: Format, *, by: User | None, now: datetime) -> Format:
    """An earlier version comes back, as the newest one."""
    return save(row.spec, source=row.source, by=by, now=now, note=f"version {row.version} again")


def brought_in(row: Format) -> QuerySet[Delivery]:
    """The deliveries that any version of the format has read for the same sources, newest first."""
    versions = Format.objects.filter(name=row.name, source=row.source)
    return Delivery.objects.filter(format__in=versions).order_by("-pk")


def exported(rows: Iterable[Format]) -> str:
    """Formats as text, to be kept and imported elsewhere."""
    return json.dumps({"formats": [row.spec for row in rows]}, indent=2, ensure_ascii=False) + "\n"


def imported(text: str, *, source: Source | None, by: User | None, now: datetime) -> list[Format]:
    """Save what was exported: all of it or, with a SpecError, nothing."""
    specs = read_specs(text)
    with transaction.atomic():
        return [save(spec, source=source, by=by, now=now, note="imported") for spec in specs]


def read_specs(text: str) -> list[dict[str, Any]]:
    """The specs of an export, each of which could be saved; one spec alone will do, too. Raises SpecError."""
    try:
        told = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise SpecError("", f"The file is not JSON: {error}.") from None
    specs = told.get("formats", [told]) if isinstance(told, dict) else told
    if not isinstance(specs, list) or not 0 < len(specs) <= MOST_IMPORTED:
        raise SpecError("formats", f"The file holds a list of 1 to {MOST_IMPORTED} formats.")
    for spec in specs:
        compiled(spec)
    return specs

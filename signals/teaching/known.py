"""The formats that are in use, as a process knows them: asked for once in a few seconds, compiled once.

What the indicator sends costs none of it: dialects in code come first, and formats are only asked for what those
cannot read.
"""

import json
import logging
from functools import lru_cache
from typing import NamedTuple

from django.core.cache import cache

from signals.dialects import Formats
from signals.dialects.base import Dialect
from signals.dialects.spec import SpecError, compiled
from signals.models import Format

log = logging.getLogger(__name__)
KEY, SECONDS = "formats", 5  # in which every process learns of a change


class Known(NamedTuple):
    """An active format as it is remembered: its spec as text, by which it is compiled once."""

    key: int
    source_id: int | None
    spec: str


def formats_of(source_id: int | None) -> Formats:
    """What gives the dialects of a source's own formats, and then of those for all; None: only the latter."""
    return lambda: tuple(
        dialect
        for each in remembered()
        if each.source_id in (source_id, None) and (dialect := made(each.key, each.spec)) is not None
    )


def remembered() -> tuple[Known, ...]:
    """The active formats, those of a source first. Raises DatabaseError."""
    known: tuple[Known, ...] | None = cache.get(KEY)
    if known is None:
        rows = Format.objects.filter(state=Format.State.ACTIVE).order_by("name", "pk")
        found = [Known(*row[:2], json.dumps(row[2])) for row in rows.values_list("pk", "source_id", "spec")]
        known = tuple(sorted(found, key=lambda each: each.source_id is None))
        cache.set(KEY, known, SECONDS)
    return known


def forget() -> None:
    """Ask again at the next need: a format was changed here."""
    cache.delete(KEY)


@lru_cache(maxsize=512)
def made(key: int, spec: str) -> Dialect | None:
    """The dialect of a stored spec; None, and a line in the log, where it cannot be compiled any more."""
    try:
        return compiled(json.loads(spec), key)
    except SpecError as error:
        log.warning("format %d is left out: %s", key, error)
        return None

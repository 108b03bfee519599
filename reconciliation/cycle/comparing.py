"""Which of a signal's columns a plan changed."""

from itertools import compress
from operator import attrgetter, is_not
from typing import Any

from signals.models import AutomatedSignal
from signals.signal.rebuilding import COMPARED

_FIELDS: dict[str, Any] = {field.name: field for field in AutomatedSignal._meta.concrete_fields}
_PLACES: dict[str, int | None] = {name: getattr(_FIELDS[name], "decimal_places", None) for name in COMPARED}
_values = attrgetter(*(_FIELDS[name].attname for name in _PLACES))


def changed(stored: AutomatedSignal, wanted: AutomatedSignal) -> list[str]:
    """The names of the columns whose values differ, as far as the database keeps their digits."""
    before, after = _values(stored), _values(wanted)
    others = compress(zip(_PLACES.items(), before, after, strict=True), map(is_not, before, after))
    return [name for (name, places), old, new in others if old != new and differ(old, new, places)]


def differs(name: str, stored: AutomatedSignal, wanted: Any) -> bool:
    """Whether one column should hold another value, likewise."""
    return differ(getattr(stored, name), wanted, _PLACES[name])


def differ(before: Any, after: Any, places: int | None) -> bool:
    if before == after:
        return False
    return None in (places, before, after) or bool(round(before, places) != round(after, places))

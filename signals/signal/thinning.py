"""Thinning: which updates of an ended trade can go, and the signal be the same. Pure.

A trade of hours is told by hundreds of updates, of which its row needs few: an update decides a value only where no
later one does. What stays is what any reader of events asks for: the updates that the row or a fill names, the first
and the last of those that tell the same measurements, who holds a peak, and one in each quarter of an hour, so that the
way of the trade can still be seen. All that is no update stays, too. That the row follows from what is left is not
believed but tried (reconciliation/cycle/thinning.py).
"""

from collections import defaultdict
from collections.abc import Collection, Hashable, Iterable, Sequence
from datetime import timedelta
from decimal import Decimal

from signals.models import SignalEvent
from signals.vocabulary import EventType

from .registers import PEAKS

STEP = timedelta(minutes=15)
FEW = 12
"""Of a trade with no more updates none goes: it would not be worth an entry in the audit log."""


def superfluous(events: Iterable[SignalEvent], named: Collection[str]) -> list[SignalEvent]:
    """The updates of one signal that can go. `named` are the events (`checksum:position`) that something refers to."""
    updates = [event for event in events if event.type == EventType.MFE_UPDATE]
    if len(updates) <= FEW:
        return []
    updates.sort(key=lambda event: (event.fire_minute, event.payload_checksum, event.position))
    stay = {event.pk for event in updates if name_of(event) in named}
    stay |= ends(updates) | peaks(updates) | samples(updates)
    return [event for event in updates if event.pk not in stay]


def name_of(event: SignalEvent) -> str:
    """As provenance and evidence name it."""
    return f"{event.payload_checksum}:{event.position}"


def ends(updates: Sequence[SignalEvent]) -> set[int]:
    """The first and the last of those that tell the same."""
    alike: dict[Hashable, list[int]] = defaultdict(list)
    for event in updates:
        alike[frozenset(event.facts)].append(event.pk)
    return {key for keys in alike.values() for key in (keys[0], keys[-1])}


def peaks(updates: Sequence[SignalEvent]) -> set[int]:
    """For each leg the first that tells its highest."""
    found = set()
    for field in PEAKS:
        telling = [event for event in updates if field in event.facts]
        if telling:
            found.add(max(telling, key=lambda event: Decimal(event.facts[field])).pk)
    return found


def samples(updates: Sequence[SignalEvent]) -> set[int]:
    """The first of each quarter of an hour."""
    first: dict[int, int] = {}
    for event in updates:
        first.setdefault(int(event.fire_minute.timestamp() // STEP.total_seconds()), event.pk)
    return set(first.values())

"""Letting go of updates that nothing needs any more, of trades that ended long ago, by a setting or by hand.

Each cycle looks at its share of the day's round through all signals, so that in a day all are looked at, those of an
old log that was imported yesterday, too. Nothing is written of what there is nothing to do about. A signal is thinned
only where its row still follows from what is left, by the code of `rebuild_signals --check`.
"""

import logging
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Count, Max, Q, QuerySet

from reconciliation.guarding import door
from signals.models import AutomatedSignal, Fill, SignalEvent, Source, Thinned
from signals.signal.rebuilding import differences, rederive
from signals.signal.regrouping import by_signal
from signals.signal.thinning import FEW, superfluous
from signals.storage.queries import batches
from signals.vocabulary import EventType, Status

log = logging.getLogger(__name__)
ENDED = (Status.COMPLETED, Status.CANCELLED)
AT_ONCE = 100  # signals of one transaction: some ten thousand updates
IN_ONE_STATEMENT = 5_000  # keys; SQLite takes no more than 32,766
OF_A_CYCLE = 500  # signals, of which each has its updates read
DAY = timedelta(days=1)


class NotTheSameError(Exception):
    """A signal's row would not follow from what is left of its events."""

    def __init__(self, keys: Collection[int]) -> None:
        super().__init__(f"signals {sorted(keys)} do not follow from fewer updates")
        self.keys = keys


@dataclass(slots=True)
class Let:
    """What was let go, or would be."""

    signals: int = 0
    updates: int = 0
    unlike: int = 0
    """Signals left as they are, for their row would not follow from less."""

    def add(self, other: "Let") -> None:
        self.signals += other.signals
        self.updates += other.updates
        self.unlike += other.unlike


def thin_share(now: datetime) -> Let:
    """A cycle's share of the round, where UPDATE_THINNING_DAYS says so (0: nothing is thinned)."""
    if not settings.UPDATE_THINNING_DAYS:
        return Let()
    cutoff = now - timedelta(days=settings.UPDATE_THINNING_DAYS)
    last = AutomatedSignal.hidden_too.aggregate(last=Max("pk"))["last"] or 0
    first, end = share(now, settings.SYNC_INTERVAL, last)
    keys = candidates(cutoff).filter(pk__gte=first, pk__lt=end).values_list("pk", flat=True)[:OF_A_CYCLE]
    return thin(list(keys), now=now, actor="")


def share(now: datetime, interval: int, last: int) -> tuple[int, int]:
    """The keys that the cycle of this moment looks at, the end excluded. Pure.

    An interval's before it and one's behind it: a cycle may come late, and the day is over between two.
    """
    passed = (now - now.replace(hour=0, minute=0, second=0, microsecond=0)) / DAY
    width = timedelta(seconds=interval) / DAY
    return int(last * (passed - width)), int(last * (passed + width)) + 1


def candidates(cutoff: datetime) -> QuerySet[AutomatedSignal]:
    """Signals that ended before then, were not thinned and have updates enough."""
    updates = Count("events", filter=Q(events__type=EventType.MFE_UPDATE))
    old = AutomatedSignal.objects.filter(status__in=ENDED, last_event_at__lt=cutoff, thinned=None, event_count__gt=FEW)
    settled = old.filter(needs_sync=False, rebuild_error="")
    return settled.annotate(updates=updates).filter(updates__gt=FEW).order_by("pk")


def thin(keys: Sequence[int], *, now: datetime, actor: str, dry_run: bool = False) -> Let:
    """Thin these signals, a few in each transaction."""
    found = Let()
    for some in batches(sorted(keys), AT_ONCE):
        for source in Source.objects.filter(signals__in=some).distinct():
            found.add(thin_some(source, some, now=now, actor=actor, dry_run=dry_run))
    return found


def thin_some(source: Source, keys: Sequence[int], *, now: datetime, actor: str, dry_run: bool) -> Let:
    """Those of one source. Where one would not be the same, the others are done without it."""
    unlike: set[int] = set()
    while True:
        try:
            with transaction.atomic():
                signals = locked(source, set(keys) - unlike)
                going = {key: events for key, events in superfluous_of(signals).items() if events}
                if going and not dry_run:
                    let_go(signals, going, now, actor)
        except NotTheSameError as error:
            log.warning("%s: they are left as they are", error)
            unlike |= set(error.keys)
            continue
        return Let(len(going), sum(map(len, going.values())), len(unlike))


def locked(source: Source, keys: Collection[int]) -> list[AutomatedSignal]:
    rows = AutomatedSignal.objects.select_for_update(of=("self",)).filter(source=source, pk__in=keys, thinned=None)
    return list(rows.order_by("pk"))


def superfluous_of(signals: Sequence[AutomatedSignal]) -> Mapping[int, list[SignalEvent]]:
    keys = [signal.pk for signal in signals]
    events = by_signal(SignalEvent.objects.filter(signal__in=keys).order_by("signal_id", "pk"))
    named = references(signals)
    return {key: superfluous(own, named[key]) for key, own in events.items()}


def references(signals: Sequence[AutomatedSignal]) -> Mapping[int, set[str]]:
    """The events that a signal's values and its fills, be they undone, are of."""
    named: dict[int, set[str]] = defaultdict(set)
    for signal in signals:
        named[signal.pk].update(texts(signal.provenance))
    for key, evidence in Fill.objects.filter(signal__in=signals).order_by().values_list("signal", "evidence"):
        named[key].update(texts(evidence))
    return named


def texts(told: object) -> Iterator[str]:
    """All texts in something of JSON."""
    if isinstance(told, str):
        yield told
    elif isinstance(told, dict):
        for value in told.values():
            yield from texts(value)
    elif isinstance(told, list):
        for value in told:
            yield from texts(value)


def let_go(
    signals: Sequence[AutomatedSignal], going: Mapping[int, Sequence[SignalEvent]], now: datetime, actor: str
) -> None:
    """Delete the updates through the door. Raises NotTheSameError where a row would not follow from the rest."""
    touched = [signal for signal in signals if signal.pk in going]
    keys = [event.pk for events in going.values() for event in events]
    why = f"Updates of {len(going)} signals that ended long ago, which no value of theirs needs, were let go."
    with door.opened(SignalEvent, keys, why=why, actor=actor, now=now):
        for some in batches(keys, IN_ONE_STATEMENT):
            SignalEvent.objects.filter(pk__in=some).delete()
    Thinned.objects.bulk_create(Thinned(signal_id=key, updates=len(events), at=now) for key, events in going.items())
    if unlike := {signal.pk for signal, fresh in rederive(touched) if differences(signal, fresh)}:
        raise NotTheSameError(unlike)

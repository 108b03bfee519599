"""What a cycle must look at: signals that changed, fell due, or are named. Queued on the rows by partial indexes."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from reconciliation.gaps import CATALOGUE, GapView
from reconciliation.models import GapRecord, SetAside
from reconciliation.repainting import exports
from reconciliation.replay.stepping import step, take_back
from signals.models import AutomatedSignal, Fill, Source
from signals.signal.remaking import remake
from signals.signal.saving import regroup_shared
from signals.storage.queries import batches

from . import alignments, late_bars
from .nearby_signals import KEYS, disturbed

SIGNALS_AT_ONCE = 500


@dataclass(frozen=True)
class Scope:
    """Which signals: all that are due, also those put off (`by_hand`), or only those of the trade ids."""

    now: datetime
    by_hand: bool = False
    trade_ids: tuple[str, ...] = ()
    source: Source | None = None

    @property
    def whole(self) -> bool:
        return not self.trade_ids and self.source is None


@dataclass(frozen=True)
class Chunk:
    """Keys of signals of one source, to be done together."""

    source: Source
    keys: Sequence[int]


def find_work(scope: Scope, view: GapView, *, mark: bool) -> dict[int, set[int]]:
    """Keys of the signals to examine, by source. `mark` keeps the disturbed ones in the queue, should the cycle die."""
    signals = signals_in(scope)
    if scope.trade_ids:
        return by_source(signals)
    work = by_source(*due(signals, scope))
    if scope.by_hand:
        add(work, by_source(*put_off(signals, view)))
    news = changed(signals)
    for source, firsts in news.items():
        keys = disturbed(firsts, source, widely=scope.by_hand) | alignments.concerned(firsts, source)
        keys -= work[source.pk]
        for some in batches(keys if mark else (), KEYS):
            AutomatedSignal.objects.filter(pk__in=some).update(needs_sync=True)
        work[source.pk] |= keys
    if scope.source is not None:
        bars = late_bars.fresh_bars()  # which stay so, for the signals of other sources
        work[scope.source.pk] |= late_bars.pick_up(bars, scope.now, mark=False)[scope.source.pk]
    if scope.whole:
        switched = list(Source.objects.filter(switched=True).order_by("pk"))
        if mark and switched:  # before they are no longer called so
            add(work, take_back(switched, scope.now))
        add(work, by_source(of_switched(switched, mark=mark)))
        bars = late_bars.fresh_bars()
        add(work, late_bars.pick_up(bars, scope.now, mark=mark))
        if mark and news:
            add(work, exports.take_in())
        if mark:  # a dry run writes nothing, so it knows what the last cycle replayed
            add(work, step(late_bars.first_whole(bars), news, scope.now))
    return work


def signals_in(scope: Scope) -> QuerySet[AutomatedSignal]:
    """The signals that the scope names. Raises ValueError when there is one of them not."""
    signals = AutomatedSignal.objects.all()
    if scope.source is not None:
        signals = signals.filter(source=scope.source)
    if scope.trade_ids:
        signals = signals.filter(trade_id__in=scope.trade_ids)
        unknown = set(scope.trade_ids) - set(signals.order_by().values_list("trade_id", flat=True))
        if unknown:
            raise ValueError(f"there is no signal {', '.join(sorted(unknown))}")
    return signals


def of_switched(sources: Sequence[Source], *, mark: bool) -> QuerySet[AutomatedSignal]:
    """All signals of the sources whose switches were changed, or of which more was learned.

    `mark` decides again what followed from them, also of which symbol an alert is that names none, and puts the signals
    into the queue for good.
    """
    switched = [source.pk for source in sources]
    for source in sources if mark else ():
        remake(source)
        regroup_shared(source, now=timezone.now())
    found = AutomatedSignal.objects.filter(source__in=switched)
    if mark and switched:
        with transaction.atomic():
            found.update(needs_sync=True, flips=None)
            Source.objects.filter(pk__in=switched).update(switched=False)
    return found


def changed(signals: QuerySet[AutomatedSignal]) -> dict[Source, list[datetime]]:
    """When the signals that changed since the last cycle were first heard of, by source."""
    moments: dict[int, list[datetime]] = defaultdict(list)
    for source, first in signals.filter(needs_sync=True).order_by().values_list("source_id", "first_event_at"):
        moments[source].append(first)
    return {source: moments[source.pk] for source in Source.objects.filter(pk__in=moments)}


def due(signals: QuerySet[AutomatedSignal], scope: Scope) -> Iterator[QuerySet[AutomatedSignal]]:
    """One query for each index."""
    yield signals.filter(needs_sync=True)
    yield signals.filter(check_at__lte=scope.now)
    again = SetAside.objects.all() if scope.by_hand else SetAside.objects.filter(retry_at__lte=timezone.now())
    yield signals.filter(pk__in=again.values("signal"))


def put_off(signals: QuerySet[AutomatedSignal], view: GapView) -> Iterator[QuerySet[AutomatedSignal]]:
    """What only a run by hand looks at again: open gaps, measurements from prices, alignments that others tell."""
    yield signals.filter(pk__in=GapRecord.objects.filter(state=GapRecord.State.OPEN).values("signal"))
    for name, gap in CATALOGUE.items():
        if gap.live:
            yield signals.filter(view.q_waiting(name))
    measured = Fill.objects.filter(Q(as_of__isnull=False), state=Fill.State.ACTIVE)
    yield signals.filter(pk__in=measured.values("signal"))
    yield signals.filter(pk__in=alignments.filled().values("signal"))


def by_source(*found: QuerySet[AutomatedSignal]) -> dict[int, set[int]]:
    work: dict[int, set[int]] = defaultdict(set)
    for rows in found:
        for source, key in rows.order_by().values_list("source_id", "pk"):
            work[source].add(key)
    return work


def add(work: dict[int, set[int]], more: dict[int, set[int]]) -> None:
    for source, keys in more.items():
        work[source] |= keys


def chunks_of(work: dict[int, set[int]], sources: Iterable[Source]) -> Iterator[Chunk]:
    """The work in chunks of one source each, in the order of keys."""
    for source in sources:
        keys = sorted(work.get(source.pk, ()))
        for start in range(0, len(keys), SIGNALS_AT_ONCE):
            yield Chunk(source, keys[start : start + SIGNALS_AT_ONCE])

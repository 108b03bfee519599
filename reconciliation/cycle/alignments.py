"""Alignments of higher timeframes that events told: around signals that have none, and whom they concern."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from functools import reduce
from operator import attrgetter, or_

from django.db.models import Q, QuerySet

from reconciliation.findings import q_contradicted
from reconciliation.models import GapRecord
from reconciliation.tiers.calculation.alignment import FARTHEST, GAP, WINDOW, moment_of
from reconciliation.tiers.calculation.methods import METHODS
from reconciliation.tiers.proposals import Told
from signals.clock import TradeId
from signals.models import AutomatedSignal, Fill, Source
from signals.signal.deriving import named_bar
from signals.storage.queries import batches, merged
from signals.tiers import CALCULATION

from .nearby_signals import KEYS, NEARBY, PERIODS, around

RESTS_ON = ("signal_time", "direction", "htf_alignment")  # what a signal tells of trends: none may be contradicted
NEEDED = (
    "source_id", "trade_id", "symbol", "htf_as_of", "htf_alignment", "triangle_time", "clock_zone", "first_event_at",
)  # fmt: skip


class Alignments:
    """Told alignments of each symbol in order of time, given out by case. `home` is that of those that state none."""

    def __init__(self, told: Iterable[Told], home: str) -> None:
        self.home, self.told = home, dict[str, list[Told]]()
        for one in sorted(told, key=attrgetter("at", "trade_id")):
            self.told.setdefault(one.symbol or home, []).append(one)

    def __call__(self, base: AutomatedSignal) -> Sequence[Told]:
        """Those nearest to a signal without one, whatever else was loaded for others."""
        moment, told = moment_of(base), self.told.get(base.symbol or self.home, [])
        if not told or moment is None or base.htf_alignment is not None:
            return ()
        when = attrgetter("at")
        here = bisect_right(told, moment, key=when)
        first = max(bisect_left(told, moment - FARTHEST, key=when), here - WINDOW)
        return told[first : min(bisect_right(told, moment + FARTHEST, key=when), here + WINDOW)]


def load_told(bases: Sequence[AutomatedSignal], source: Source) -> Alignments:
    """The alignments around those that have none."""
    without = [base for base in bases if base.htf_alignment is None] if METHODS["neighbours"] else []
    moments = (moment for base in without if (moment := moment_of(base)) is not None)
    return Alignments(told_near(moments, source), source.symbol)


def told_near(moments: Iterable[datetime], source: Source) -> Iterator[Told]:
    telling = AutomatedSignal.objects.filter(source=source, htf_as_of__isnull=False)
    sound = telling.exclude(q_contradicted(*RESTS_ON)).order_by()
    for periods in batches(merged((moment - FARTHEST, moment + FARTHEST) for moment in moments), PERIODS):
        within = reduce(or_, (Q(htf_as_of__gte=start, htf_as_of__lte=end) for start, end in periods))
        yield from filter(None, map(told_by, sound.filter(within).only(*NEEDED)))


def told_by(signal: AutomatedSignal) -> Told | None:
    """What an event told of a signal, if any. Bar and direction are the id's: fills have no say in what others tell."""
    at, trends = signal.htf_as_of, signal.htf_alignment
    if at is None or trends is None:
        return None
    bar, named = signal.triangle_time or named_bar(signal), TradeId.parse(signal.trade_id)
    return Told(at, signal.trade_id, trends, named.direction if named and bar == at else None, signal.symbol)


def concerned(changed: Sequence[datetime], source: Source) -> set[int]:
    """Signals near the changed ones, by their first events, whose alignment others tell or may tell now."""
    if not METHODS["neighbours"] or CALCULATION.key in source.tiers_off:
        return set()
    if not AutomatedSignal.objects.filter(source=source, htf_as_of__isnull=False).exists():
        return set()
    found: set[int] = set()
    for signals in around(changed, source, NEARBY):
        for some in batches(signals.filter(htf_as_of__isnull=True).order_by().values_list("pk", flat=True), KEYS):
            found.update(filled().filter(signal__in=some).values_list("signal_id", flat=True))
            still_open = GapRecord.objects.filter(gap=GAP, state=GapRecord.State.OPEN, signal__in=some)
            found.update(still_open.values_list("signal_id", flat=True))
    return found


def filled() -> QuerySet[Fill]:
    """The standing alignments that other signals tell."""
    return Fill.objects.filter(state=Fill.State.ACTIVE, tier=CALCULATION.key, field="htf_alignment")

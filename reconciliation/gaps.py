"""The one catalogue of gaps: what a signal at its point of life should have and has not.

Each gap is declared once, as a queryset condition and as the same condition over a loaded signal; scan, counts,
filters and pages all ask here, through a `GapView`. tests/reconciliation/test_gaps.py proves that both say the same.
Time enters as moments (see `lateness`), so that the conditions are plain comparisons of columns.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from operator import or_
from typing import Any, NamedTuple, Self

from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import F, Q, QuerySet

from signals.clock import MINUTE
from signals.facts import EventFacts
from signals.market import market
from signals.models import AutomatedSignal, Source
from signals.signal.registers import BIRTH
from signals.timeframe import Timeframe
from signals.vocabulary import EventType, Origin, Status

from .lateness import Old, actionable_from, levels
from .models import GapRecord

OWING = (Status.CONFIRMED, Status.COMPLETED)
NOTHING = Q(pk__in=())
# A signal that replay found owes nothing: nobody sent it.
HEARD = Q(origin=Origin.ALERTS)

Dismissed = frozenset[tuple[int, str]]
Missing = Callable[[Old], Q]
Lacks = Callable[[AutomatedSignal, Old], bool]
Closes = Callable[[EventFacts], bool]
OwedSince = Callable[[AutomatedSignal], datetime | None]
ASK = "Reload the chart or recreate the alert in TradingView, export its alert log and import it here."


@dataclass(frozen=True, kw_only=True)
class Gap:
    """One kind of gap: all that scan, counts, cycle, filters and pages know of it.

    `fields` are those of the signal that it is about; `missing` and `lacks` its condition, given the moment up to
    which a bar is too old. `tiers` are those that can fill it, in order of trust; `closed_by` says whether an event
    carries what is missing (whether it does close the gap, the projection decides); `remedy` is what an operator can
    do. A gap with `owed_since` is live: a measurement that prices can tell of, which waits before it is actionable,
    by the minutes since that bar of a confirmed trade. Any other gap ignores the moment.
    """

    name: str
    title: str
    short: str
    weight: int
    fields: tuple[str, ...]
    condition: tuple[Missing, Lacks]
    tiers: tuple[str, ...]
    closed_by: Closes
    remedy: str = ASK
    owed_since: OwedSince | None = None

    @property
    def live(self) -> bool:
        return self.owed_since is not None

    @property
    def missing(self) -> Missing:
        return self.condition[0]

    @property
    def lacks(self) -> Lacks:
        return self.condition[1]


def empty(column: str, *, owing: bool) -> tuple[Missing, Lacks]:
    """The condition that a column is empty: of every signal, or (`owing`) from confirmation on."""

    def missing(_: Old) -> Q:
        absent = Q(**{f"{column}__isnull": True})
        return absent & Q(status__in=OWING) if owing else absent

    def lacks(signal: AutomatedSignal, _: Old) -> bool:
        return getattr(signal, column) is None and (signal.status in OWING or not owing)

    return missing, lacks


def no_targets(_: Old) -> Q:
    absent = Q(targets__isnull=True) | Q(targets__tp1__isnull=True) | Q(targets__tp1=None) | Q(targets__tp1="0")
    return absent & Q(status__in=OWING)


def lacks_targets(signal: AutomatedSignal, _: Old) -> bool:
    return signal.status in OWING and (signal.targets or {}).get("tp1") in {None, "0"}


def no_mfe(old: Old) -> Q:
    """Active: the latest covered bar is too old. Finished: no MFE, or none up to the bar before the end."""
    covered = F("mfe_as_of") + old.last_covered
    never = Q(be_mfe__isnull=True, no_be_mfe__isnull=True)
    stopped = Q(stop_exit_at__isnull=False)
    reported = Q(seen_completed_at__isnull=False)
    short = (
        Q(stop_exit_at__gt=covered)
        | (~stopped & Q(seen_completed_at__gt=covered))
        | (~stopped & ~reported & Q(be_exit_at__gt=covered))
    )
    return Q(status=Status.CONFIRMED, mfe_as_of__lte=old.bar) | (Q(status=Status.COMPLETED) & (never | short))


def lacks_mfe(signal: AutomatedSignal, old: Old) -> bool:
    covered = signal.mfe_as_of
    if signal.status == Status.CONFIRMED:
        return covered is not None and covered <= old.bar
    if signal.status != Status.COMPLETED:
        return False
    if signal.be_mfe is None and signal.no_be_mfe is None:
        return True
    ended = signal.stop_exit_at or signal.seen_completed_at or signal.be_exit_at
    return ended is not None and covered is not None and ended > covered + old.last_covered


def no_mae(old: Old) -> Q:
    """Never reported. While the trade is active, it is owed as its first update would be."""
    born = Q(entry_fired_at__lte=old.fired) | Q(entry_fired_at__isnull=True, first_event_at__lte=old.fired)
    return Q(mae__isnull=True) & (Q(status=Status.COMPLETED) | (Q(status=Status.CONFIRMED) & born))


def lacks_mae(signal: AutomatedSignal, old: Old) -> bool:
    if signal.mae is not None:
        return False
    born = signal.entry_fired_at or signal.first_event_at
    return signal.status == Status.COMPLETED or (signal.status == Status.CONFIRMED and born <= old.fired)


def latest_bar(signal: AutomatedSignal) -> datetime | None:
    bar: datetime | None = signal.mfe_as_of
    return bar


def bar_before_entry(signal: AutomatedSignal) -> datetime | None:
    """None once MAE was reported: then it is not owed any more."""
    return None if signal.mae is not None else (signal.entry_fired_at or signal.first_event_at) - MINUTE


def carried(*facts: str) -> Closes:
    """Closed by any event that carries one of these facts."""
    return lambda event: not event.values.keys().isdisjoint(facts)


def carried_at_birth(*facts: str) -> Closes:
    """Likewise, but other events say it of their own bar."""
    carries = carried(*facts)
    return lambda event: event.type in BIRTH and carries(event)


def confirms(event: EventFacts) -> bool:
    return event.type == EventType.ENTRY or "confirmation_time" in event.values


CATALOGUE: Mapping[str, Gap] = {
    gap.name: gap
    for gap in (
        Gap(
            name="no_mfe_update",
            title="No current MFE",
            short="MFE",
            weight=20,
            fields=("be_mfe", "no_be_mfe"),
            condition=(no_mfe, lacks_mfe),
            tiers=("1", "2"),
            closed_by=carried("be_mfe", "no_be_mfe"),
            owed_since=latest_bar,
        ),
        Gap(
            name="no_entry_price",
            title="No entry price",
            short="entry",
            weight=15,
            fields=("entry_price",),
            condition=empty("entry_price", owing=True),
            tiers=("0", "1", "2"),
            closed_by=carried("entry_price"),
        ),
        Gap(
            name="no_stop_loss",
            title="No stop loss",
            short="stop",
            weight=15,
            fields=("stop_loss",),
            condition=empty("stop_loss", owing=True),
            tiers=("0", "1", "2"),
            closed_by=carried("stop_loss"),
        ),
        Gap(
            name="no_mae",
            title="No MAE",
            short="MAE",
            weight=10,
            fields=("mae",),
            condition=(no_mae, lacks_mae),
            tiers=("1", "2"),
            closed_by=carried("mae"),
            owed_since=bar_before_entry,
        ),
        Gap(
            name="no_session",
            title="No session",
            short="session",
            weight=8,
            fields=("session",),
            condition=empty("session", owing=False),
            tiers=("0", "1", "3"),
            closed_by=carried_at_birth("session", "signal_date"),
        ),
        Gap(
            name="no_signal_date",
            title="No signal date",
            short="date",
            weight=8,
            fields=("signal_date",),
            condition=empty("signal_date", owing=False),
            tiers=("0", "1", "3"),
            closed_by=carried_at_birth("signal_date"),
        ),
        Gap(
            name="no_htf_alignment",
            title="No higher-timeframe alignment",
            short="HTF",
            weight=5,
            fields=("htf_alignment",),
            condition=empty("htf_alignment", owing=False),
            tiers=("0", "1", "2"),
            closed_by=carried_at_birth("htf_alignment"),
            remedy=f"{ASK} Old dialects never carry it: switch the gap off for their source.",
        ),
        Gap(
            name="no_targets",
            title="No targets",
            short="targets",
            weight=5,
            fields=("targets",),
            condition=(no_targets, lacks_targets),
            tiers=("0", "1", "2"),
            closed_by=carried("tp1"),
        ),
        Gap(
            name="no_confirmation_time",
            title="No confirmation time",
            short="confirmed",
            weight=3,
            fields=("confirmation_time",),
            condition=empty("confirmation_time", owing=True),
            tiers=("0", "1", "3", "2"),
            closed_by=confirms,
        ),
    )
}
LIVE = tuple((name, gap.owed_since) for name, gap in CATALOGUE.items() if gap.owed_since is not None)


def undismissed(gap: str) -> Q:
    dismissed = GapRecord.objects.filter(gap=gap, state=GapRecord.State.DISMISSED)
    return ~Q(pk__in=dismissed.values("signal"))


class Terms(NamedTuple):
    """What sources can differ in: market hours, bars, and gaps that they are known not to close."""

    frame: Timeframe
    gaps_off: frozenset[str]


class GapView:
    """The catalogue at one moment, for the sources there are. The way to ask about gaps."""

    def __init__(self, now: datetime, sources: Iterable[Source]) -> None:
        self.terms = {
            source.pk: Terms(Timeframe.of(source.bar_minutes, market(source.calendar)), frozenset(source.gaps_off))
            for source in sources
        }
        self.asked = {
            source: [(name, gap.lacks) for name, gap in CATALOGUE.items() if name not in terms.gaps_off]
            for source, terms in self.terms.items()
        }
        self.move(now)

    def move(self, now: datetime) -> None:
        self.now = now
        self.composed: dict[str, tuple[str, Sequence[Any]]] = {}
        self.due = {frame: levels(now, frame) for frame in {terms.frame for terms in self.terms.values()}}

    def moved(self, now: datetime) -> "GapView":
        """The catalogue for the same sources at another moment."""
        if now == self.now:
            return self
        other = copy(self)
        other.move(now)
        return other

    @classmethod
    def at(cls, now: datetime) -> Self:
        return cls(now, Source.objects.only("calendar", "bar_minutes", "gaps_off"))

    def rows(self, name: str, asked: Callable[[], QuerySet[Any, tuple[Any, ...]]]) -> Sequence[tuple[Any, ...]]:
        """What the query of that name finds now. It is composed once: a cycle asks before and after what it does."""
        if name not in self.composed:
            try:
                self.composed[name] = asked().query.sql_with_params()
            except EmptyResultSet:
                return ()
        with connection.cursor() as cursor:
            cursor.execute(*self.composed[name])
            found: Sequence[tuple[Any, ...]] = cursor.fetchall()
        return found

    @property
    def judged(self) -> Q:
        """The signals that can have a gap at all: not those of sources that have every gap switched off."""
        free = [source for source, terms in self.terms.items() if terms.gaps_off >= CATALOGUE.keys()]
        return HEARD & ~Q(source__in=free) if free else HEARD

    def q(self, gap: str) -> Q:
        """The signals with this gap, waiting or actionable."""
        return HEARD & self._owed(CATALOGUE[gap], 0) & undismissed(gap)

    def q_actionable(self, gap: str) -> Q:
        return HEARD & self._owed(CATALOGUE[gap], 1) & undismissed(gap)

    def q_waiting(self, gap: str) -> Q:
        """The signals in which this gap waits. Only live gaps wait, and only those of active trades."""
        if not CATALOGUE[gap].live:
            return NOTHING
        return Q(status=Status.CONFIRMED) & self.q(gap) & ~self._owed(CATALOGUE[gap], 1)

    def q_any_actionable(self) -> Q:
        return HEARD & reduce(or_, (self._owed(gap, 1) & undismissed(name) for name, gap in CATALOGUE.items()))

    def _owed(self, gap: Gap, level: int) -> Q:
        """What the gap's condition says of each source's signals."""
        by_moment: dict[Old, list[int]] = defaultdict(list)
        whenever = Old(self.now, self.now)
        for source, terms in self.terms.items():
            if gap.name not in terms.gaps_off:
                by_moment[self.due[terms.frame][level] if gap.live else whenever].append(source)
        if not by_moment:
            return NOTHING
        if len(by_moment) == 1 and sum(map(len, by_moment.values())) == len(self.terms):
            return gap.missing(next(iter(by_moment)))
        return reduce(or_, (Q(source__in=some) & gap.missing(old) for old, some in by_moment.items()))

    def open_gaps(self, signal: AutomatedSignal, dismissed: Dismissed) -> dict[str, bool]:
        """The signal's gaps, and of each whether it is actionable. `dismissed` holds (signal's key, gap)."""
        if signal.origin != Origin.ALERTS:
            return {}
        waiting, actionable = self.due[self.terms[signal.source_id].frame]
        return {
            name: lacks(signal, actionable)
            for name, lacks in self.asked[signal.source_id]
            if lacks(signal, waiting) and not (dismissed and (signal.pk, name) in dismissed)
        }

    def next_check(self, signal: AutomatedSignal, dismissed: Dismissed) -> datetime | None:
        """When a gap of the signal will next turn actionable, if no event comes before."""
        if signal.status != Status.CONFIRMED:
            return None
        terms = self.terms[signal.source_id]
        moments = [
            moment
            for name, owed_since in LIVE
            if name not in terms.gaps_off
            and not (dismissed and (signal.pk, name) in dismissed)
            and (bar := owed_since(signal)) is not None
            and (moment := actionable_from(bar, terms.frame)) is not None
            and moment > self.now
        ]
        return min(moments, default=None)


def score(gaps: Mapping[str, bool]) -> int:
    """Health of one signal, 0 to 100: 100 less the weights of its actionable gaps. What waits is no fault yet."""
    return max(0, 100 - sum(CATALOGUE[name].weight for name, actionable in gaps.items() if actionable))

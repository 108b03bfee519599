"""Measuring: stored signals are hidden in part, the cycle's own plan fills them in memory, and the fills are judged."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import groupby
from operator import attrgetter
from typing import Any

from reconciliation.cycle.alignments import RESTS_ON, Alignments, told_by
from reconciliation.cycle.loading import EXCURSIONS, Bars, Loaded, entry_lost, periods_of
from reconciliation.cycle.planning import Means, plan
from reconciliation.cycle.run import means_of
from reconciliation.findings import contradicted
from reconciliation.gaps import GapView
from reconciliation.tiers.plausible import plausible
from reconciliation.tiers.proposals import Case, Neighbour, Proposal
from reconciliation.tiers.trust import MEASURED_BY, declared
from signals.clock import Decision, TradeId, Vote, decide
from signals.models import AutomatedSignal, PriceBar, SignalEvent, Source
from signals.signal.deriving import Venue, named_bar, settle
from signals.signal.joining import blank, count_in, join
from signals.signal.saving import votes_of
from signals.signal.zones import frame_of
from signals.tiers import TOLD
from signals.vocabulary import EventType

from .accuracy import Tally, rating
from .hiding import Events, Stored, trials
from .replaying import Twin
from .truth import Truth

MOST_SIGNALS = 300  # of a source, the newest: enough for narrow intervals, and bounded memory
Standing = AutomatedSignal.Standing
NEAREST = 40  # signals on either side of one, among which alternation looks for the opposite


@dataclass(frozen=True, order=True, slots=True)
class Kind:
    """Fills that claim the same and should be equally often right, or one part of theirs (`htf_alignment.m5`)."""

    tier: str
    field: str
    method: str
    declared: Decimal

    @property
    def doubted(self) -> bool:
        """Whether the tier itself trusts these less than what it declares for the field."""
        return self.declared < declared(self.tier, self.field.partition(".")[0])

    @property
    def is_part(self) -> bool:
        return "." in self.field


Tallies = Mapping[Kind, Tally]


def stored_of(source: Source, most: int = MOST_SIGNALS) -> Stored | None:
    """The newest signals of a source with all their events, and the prices of their time; None without signals.

    Those of its own symbol, which have their ids alone.
    """
    own = AutomatedSignal.objects.filter(source=source, symbol__in=("", source.symbol), standing=Standing.ALONE)
    newest = own.order_by("-first_event_at", "-pk")[:most]
    names = dict(newest.values_list("pk", "trade_id"))
    if not names:
        return None
    rows = SignalEvent.objects.filter(signal__in=list(names)).order_by("signal_id", "fire_minute", "pk")
    events = {names[key]: list(own) for key, own in groupby(rows.iterator(), attrgetter("signal_id"))}
    first = min(own[0].fire_minute for own in events.values())
    last = max(own[-1].fire_minute for own in events.values())
    bars = PriceBar.objects.filter(symbol=source.price_key, time__gte=first, time__lte=last).order_by("time")
    return Stored(events, list(bars), last)


def bases_of(events: Events, source: Source, venue: Venue) -> dict[str, AutomatedSignal]:
    """Signals as these events alone make them. The clock is learned anew, from the votes among them."""
    votes = votes_of(event for own in events.values() for event in own)
    bases = {}
    for number, (trade_id, own) in enumerate(events.items(), 1):
        base = blank(source.pk, trade_id)
        base.pk = number
        for event in own:
            count_in(base, event)
            join(base, event)
        read_clock(base, source, votes)
        settle(base, venue)
        bases[trade_id] = base
    return bases


def read_clock(base: AutomatedSignal, source: Source, votes: Sequence[Vote]) -> None:
    trade_id = TradeId.parse(base.trade_id)
    ruling = Decision(source.clock_zone, "configured")
    if trade_id:
        closed, clocks = frame_of(source).had_closed, source.clocks
        ruling = decide(trade_id.naive, base.first_event_at, votes, clocks, source.clock_zone, closed=closed)
    base.clock_zone, base.clock_by = ruling.zone, ruling.by


def fills_of(stored: Stored, source: Source, means: Means, twin: Twin | None = None) -> Iterator[tuple[str, Proposal]]:
    """What a cycle would fill if this were all that is stored, by trade id."""
    venue, view = Venue.of(source), GapView(stored.now, [source])
    bases = bases_of(stored.events, source, venue)
    around = neighbours_of(bases.values())
    told = Alignments(filter(None, map(told_by, filter(is_sound, bases.values()))), source.symbol)
    replayed = twin.says(stored, bases.values()) if twin else {}
    moments = dict.fromkeys((base.pk for base in bases.values()), stored.now)
    bars = Bars(stored.bars, periods_of(bases.values(), source, moments, view, replayed), source)
    for trade_id, base in bases.items():
        before, after = nearest(base, around)
        events = essential(base, stored.events[trade_id])
        believed = plausible(base, bars(base))
        case = Case(
            base, venue, stored.now, source.tick_size, events, believed, before, after, told(base),
            replayed=replayed.get(base.pk),
        )  # fmt: skip
        made = plan(Loaded(base, case), means, view, frozenset())
        for each in [*made.add.values(), *made.waiting]:
            yield trade_id, each


def essential(base: AutomatedSignal, events: Sequence[SignalEvent]) -> list[SignalEvent]:
    """The events that a cycle would load (loading.load_events): all but most updates."""
    age = attrgetter("fire_minute", "payload_checksum")
    updates = sorted((event for event in events if event.type == EventType.MFE_UPDATE), key=age)
    latest = {frozenset(event.facts.keys() & EXCURSIONS): event for event in updates}
    loaded = [*latest.values(), *(updates[:1] if entry_lost(base) else [])]
    return [event for event in events if event.type != EventType.MFE_UPDATE or event in loaded]


def neighbours_of(bases: Iterable[AutomatedSignal]) -> list[Neighbour]:
    """All signals as others see them, in order of time."""
    found = []
    for base in bases:
        trade_id, moment = TradeId.parse(base.trade_id), base.signal_time or named_bar(base)
        direction = base.direction or (trade_id.direction if trade_id else None)
        if moment is not None:
            found.append(Neighbour(base.trade_id, direction, moment, base.status))
    return sorted(found, key=attrgetter("signal_time", "trade_id"))


def is_sound(base: AutomatedSignal) -> bool:
    """Whether others may be told by it (cycle.alignments)."""
    return contradicted(base).isdisjoint(RESTS_ON)


def nearest(base: AutomatedSignal, around: Sequence[Neighbour]) -> tuple[Sequence[Neighbour], Sequence[Neighbour]]:
    """The signals before this one and those from its bar on."""
    moment = base.signal_time or named_bar(base)
    if moment is None:
        return (), ()
    here = bisect_left(around, moment, key=attrgetter("signal_time"))
    after = [one for one in around[here : here + NEAREST] if one.trade_id != base.trade_id]
    return around[max(0, here - NEAREST) : here], after


def truths_of(stored: Stored, source: Source) -> dict[str, Truth]:
    venue = Venue.of(source)
    bases = bases_of(stored.events, source, venue)
    return {trade_id: Truth(base, stored.events[trade_id], venue, source.tick_size) for trade_id, base in bases.items()}


def measure(stored: Stored, source: Source, *, seeds: int) -> Tallies:
    """Every trial's fills against the truth. Neither what is stored nor what was measured before is touched."""
    truths = truths_of(stored, source)
    twin = Twin.of(stored, source, {trade_id: truth.signal for trade_id, truth in truths.items()})
    means = replace(means_of(None), measured={})
    tallies: dict[Kind, Tally] = defaultdict(Tally)
    for _, trial in trials(stored, seeds):
        for trade_id, each in fills_of(trial, source, means, twin):
            if each.field in MEASURED_BY:
                continue
            for name, judgement in truths[trade_id].judgements(each):
                tallies[Kind(each.tier, name, each.method, each.confidence)].add(trade_id, judgement)
    return tallies


def row_of(source: Source, kind: Kind, tally: Tally) -> dict[str, Any]:
    """One line of the report. `n`, `exact` and `within_tolerance` count fills; the interval is of their share."""
    low, high = tally.interval()
    return {
        "source": source.name,
        "tier": TOLD[kind.tier],
        "field": kind.field,
        "method": kind.method,
        "n": tally.n,
        "signals": len(tally.signals),
        "exact": tally.exact,
        "within_tolerance": tally.within,
        "mean_error": None if tally.mean_error is None else round(float(tally.mean_error), 4),
        "measured": round(tally.share, 3),
        "interval": [round(low, 3), round(high, 3)],
        "declared": float(kind.declared),
        "verdict": rating(tally, float(kind.declared)).value,
    }

"""Loading: signals become cases, a chunk at a time. The number of queries follows chunks, never signals.

A case's signal is its *base*: what its events alone make of it, every fill taken away. Tiers fill bases, so that what
a cycle ends with depends on events and prices, and not on which fills an earlier cycle made from less of them.
"""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import chain
from operator import itemgetter
from typing import Any, NamedTuple

import orjson
from django.db.models import BooleanField, ExpressionWrapper, F, Q, QuerySet, Window
from django.db.models.functions import RowNumber

from reconciliation.gaps import CATALOGUE, Dismissed, GapView
from reconciliation.models import GapRecord, SyncRun
from reconciliation.repainting.finding import Repainting
from reconciliation.repainting.fired import Contradiction
from reconciliation.replay.telling import load_replayed
from reconciliation.tiers.calculation.replay import wants_bars
from reconciliation.tiers.plausible import plausible
from reconciliation.tiers.proposals import Barred, Case, Replayed
from signals.models import AutomatedSignal, Fill, PriceBar, SignalEvent, Source
from signals.models.signal import clone
from signals.signal.deriving import Venue, protected, relate
from signals.signal.joining import join
from signals.signal.registers import PEAKS, Event
from signals.storage.documents import as_text
from signals.storage.queries import Among, Timespan, merged
from signals.vocabulary import EventType, Status

from .alignments import load_told
from .nearby_signals import load_neighbours

# On charts of up to an hour. No recorded trade ran for longer; prices after that say nothing about it.
LONGEST_TRADE = timedelta(days=14)
# What updates report and prices extend.
EXCURSIONS = ("be_mfe", "no_be_mfe", "mae")


@dataclass(slots=True)
class Loaded:
    """A signal as stored, its case, and what stands about it: fills by field, gap records, what it was repainted as,
    and the fields that no tier fills anew."""

    stored: AutomatedSignal
    case: Case
    active: dict[str, Fill] = field(default_factory=dict)
    proposed: list[Fill] = field(default_factory=list)
    open_records: dict[str, GapRecord] = field(default_factory=dict)
    repainted: list[Contradiction] | None = None
    frozen: frozenset[str] = frozenset()


@dataclass(slots=True)
class Standing:
    """Fills and gap records of a chunk's signals, by signal."""

    active: dict[int, dict[str, Fill]] = field(default_factory=lambda: defaultdict(dict))
    proposed: dict[int, list[Fill]] = field(default_factory=lambda: defaultdict(list))
    barred: dict[int, set[Barred]] = field(default_factory=lambda: defaultdict(set))
    records: dict[int, dict[str, GapRecord]] = field(default_factory=lambda: defaultdict(dict))
    dismissed: set[tuple[int, str]] = field(default_factory=set)


def load(
    rows: Sequence[AutomatedSignal], source: Source, now: datetime, view: GapView
) -> tuple[list[Loaded], Dismissed]:
    """The cases of signals of one source, and which of their gaps are dismissed."""
    venue = Venue.of(source)
    standing = load_standing(rows)
    events = load_events(rows)
    bases = [base_of(row, events[row.pk], venue) for row in rows]
    moments = moments_of(standing, now)
    replayed = load_replayed(bases, source)
    bars = load_bars(bases, source, moments, view, replayed)
    repainting = Repainting(bases, source, venue, replayed)
    neighbours, told = load_neighbours(bases, source), load_told(bases, source)
    loaded = []
    for row, base in zip(rows, bases, strict=True):
        before, after = neighbours(base)
        key, offered = row.pk, bars(base)
        believed = plausible(base, offered)
        case = Case(
            base, venue, moments[key], source.tick_size, events[key], believed, before, after, told(base),
            frozenset(standing.barred.get(key, ())), bars_far=len(believed) < len(offered),
            replayed=replayed.get(key),
        )  # fmt: skip
        repainted = repainting.of(base, events[key])
        own = (standing.active[key], standing.proposed[key], standing.records[key])
        loaded.append(Loaded(row, case, *own, repainted, row.frozen))
    return loaded, frozenset(standing.dismissed)


def load_standing(rows: Sequence[AutomatedSignal]) -> Standing:
    keys = [row.pk for row in rows]
    standing = Standing()
    states = (Fill.State.ACTIVE, Fill.State.PROPOSED, Fill.State.UNDONE)
    for fill in Fill.objects.filter(Among("signal_id", keys), state__in=states).order_by("pk"):
        if fill.state == Fill.State.ACTIVE:
            standing.active[fill.signal_id][fill.field] = fill
        elif fill.state == Fill.State.PROPOSED:
            standing.proposed[fill.signal_id].append(fill)
        else:
            standing.barred[fill.signal_id].add((fill.field, fill.tier, fill.evidence_key))
    states_of_gaps = (GapRecord.State.OPEN, GapRecord.State.DISMISSED)
    for record in GapRecord.objects.filter(Among("signal_id", keys), state__in=states_of_gaps):
        if record.state == GapRecord.State.OPEN:
            standing.records[record.signal_id][record.gap] = record
        else:
            standing.dismissed.add((record.signal_id, record.gap))
    return standing


def moments_of(standing: Standing, now: datetime) -> Mapping[int, datetime]:
    """The moment that each signal is planned for: `now`, or a later one that a fill of it was made for.

    What was due once stays due: a run as of an earlier moment must not take it back.
    """
    fills = [fill for one in standing.active.values() for fill in one.values()]
    fills += chain.from_iterable(standing.proposed.values())
    made_by = {fill.run_id for fill in fills if fill.run_id is not None}
    later = dict(SyncRun.objects.filter(pk__in=made_by, as_of__gt=now).order_by().values_list("pk", "as_of"))
    moments: dict[int, datetime] = defaultdict(lambda: now)
    for fill in fills:
        if fill.run_id in later:
            moments[fill.signal_id] = max(moments[fill.signal_id], later[fill.run_id])
    return moments


class StoredEvent(NamedTuple):
    """An event as it is stored: what the projection and the tiers read of it."""

    signal_id: int
    fire_minute: datetime
    pk: int
    type: str
    payload_checksum: str
    position: int
    facts: Mapping[str, Any]


ROW = StoredEvent._fields[:-1]


def load_events(rows: Sequence[AutomatedSignal]) -> Mapping[int, list[StoredEvent]]:
    """Each signal's events in order of fire time, without superseded updates: a later one tells the same measurements.

    Where the row lost its peaks, superseded ones are there too. Of a trade whose entry no event tells the first update
    is: with the last it can give the entry (tiers.calculation.extremes).
    """
    events, updates = SignalEvent.objects, SignalEvent.objects.filter(type=EventType.MFE_UPDATE)
    reports = [ExpressionWrapper(Q(facts__has_key=name), BooleanField()) for name in EXCURSIONS]
    latest = nth(F("fire_minute").desc(), F("payload_checksum").desc(), among=reports)
    wanted = ~Q(type=EventType.MFE_UPDATE) | Q(nth=1)
    found = read(events.filter(Among("signal_id", (row.pk for row in rows))).annotate(nth=latest).filter(wanted))
    if whole := [row.pk for row in rows if peak_lost(row)]:
        found |= read(updates.filter(signal__in=whole))
    if lost := [row.pk for row in rows if entry_lost(row)]:
        first = nth(F("fire_minute"), F("payload_checksum"))
        found |= read(updates.filter(signal__in=lost).annotate(nth=first).filter(nth=1))
    by_signal: dict[int, list[StoredEvent]] = defaultdict(list)
    for event in sorted(found.values(), key=itemgetter(0, 1, 2)):
        by_signal[event.signal_id].append(event)
    return by_signal


def read(events: QuerySet[SignalEvent, Any]) -> dict[int, StoredEvent]:
    rows = events.order_by().values_list(*ROW, as_text("facts"))
    # No number of a fact has more digits than orjson keeps (dialects.values).
    return {row[2]: StoredEvent._make((*row[:-1], orjson.loads(row[-1]))) for row in rows}


def nth(*order: Any, among: Sequence[Any] = ()) -> Window:
    """Which an event is of those of its signal and type (and alike in these) in this order, from 1."""
    return Window(RowNumber(), partition_by=[F("signal_id"), F("type"), *among], order_by=order)


def entry_lost(row: AutomatedSignal) -> bool:
    """Whether the trade was confirmed but no event tells its entry."""
    entry = row.provenance.get("entry_price")
    return row.seen_confirmed_at is not None and (entry is None or "fill" in entry["evidence"])


def peak_lost(row: AutomatedSignal) -> bool:
    """Whether the row forgot the highest of its reports, which need not be the last."""
    highest = {**PEAKS, "unprotected_at": "unprotected_at", "seen_protected_at": "seen_protected_at"}
    entries = {field: row.provenance.get(field) for field, peak in highest.items() if getattr(row, peak) is None}
    return not row.provenance or any(entry and "fill" not in entry["evidence"] for entry in entries.values())


def base_of(row: AutomatedSignal, events: Iterable[Event], venue: Venue) -> AutomatedSignal:
    """The signal as its events alone have it; `row` is left as it is.

    Joining events again brings back what fills stood over, and what the row knew less than they do: it is healed.
    How far it is to be trusted is settled when it is planned.
    """
    base, values = clone(row), vars(row)
    for name, entry in row.provenance.items():
        # A value that is gone though its provenance is not must not keep its events from joining.
        if values[name] is None or "fill" in entry["evidence"]:
            setattr(base, name, None)
            del base.provenance[name]
    for event in events:
        join(base, event)
    relate(base, venue)
    return base


def needs_prices(base: AutomatedSignal, view: GapView) -> bool:
    """Whether prices can tell anything: a trade runs, or lacks measurements, ENTRY, or a moment of its first leg."""
    if base.status == Status.CONFIRMED:
        return True
    if base.status != Status.COMPLETED:
        return False
    first_leg_open = base.be_exit_at is None and not base.single_leg and protected(base)
    undated = base.be_triggered_at is None and protected(base)
    unconfirmed = base.confirmation_time is None and base.entry_fired_at is None and not base.single_leg
    unmeasured = any(CATALOGUE[name].live for name in view.open_gaps(base, frozenset()))
    return first_leg_open or undated or unconfirmed or unmeasured


def period_of(base: AutomatedSignal, now: datetime, source: Source, entered: datetime | None = None) -> Timespan:
    """From confirmation to the end of the last leg, or to `now`. `entered` is ENTRY's bar as replay has it."""
    start = base.entry_fired_at or base.first_event_at
    start = min(filter(None, (start, base.confirmation_time, base.signal_time, entered)))
    end = base.stop_exit_at or base.seen_completed_at or (base.be_exit_at if base.single_leg else None) or now
    return start, min(end, start + LONGEST_TRADE * source.stretch)


class Bars:
    """The price bars of a chunk, in order of time, given out by case."""

    def __init__(self, rows: Iterable[PriceBar], periods: Mapping[int, Timespan], source: Source) -> None:
        self.periods, self.source = periods, source
        self.rows: dict[str, list[PriceBar]] = defaultdict(list)
        for bar in rows:
            self.rows[bar.symbol].append(bar)
        self.times = {symbol: [bar.time for bar in own] for symbol, own in self.rows.items()}

    def __call__(self, base: AutomatedSignal) -> Sequence[PriceBar]:
        symbol = base.price_key(self.source)
        if base.pk not in self.periods or symbol not in self.times:
            return ()
        start, end = self.periods[base.pk]
        return self.rows[symbol][bisect_left(self.times[symbol], start) : bisect_right(self.times[symbol], end)]


def periods_of(
    bases: Iterable[AutomatedSignal],
    source: Source,
    moments: Mapping[int, datetime],
    view: GapView,
    replayed: Mapping[int, Replayed],
) -> dict[int, Timespan]:
    """When the bars are of that cases may ask for; of trades, too, that only the twin calls confirmed."""
    entries = {key: told.confirmed for key, told in replayed.items() if told.confirmed}
    return {
        base.pk: period_of(base, moments[base.pk], source, entries.get(base.pk))
        for base in bases
        if needs_prices(base, view) or (base.pk in entries and wants_bars(base))
    }


def load_bars(
    bases: Sequence[AutomatedSignal],
    source: Source,
    moments: Mapping[int, datetime],
    view: GapView,
    replayed: Mapping[int, Replayed],
) -> Bars:
    """The bars that the cases may ask for."""
    periods = periods_of(bases, source, moments, view, replayed)
    if not periods:
        return Bars([], {}, source)
    within = Q()
    for start, end in merged(periods.values()):
        within |= Q(time__gte=start, time__lte=end)
    symbols = {base.price_key(source) for base in bases if base.pk in periods}
    return Bars(PriceBar.objects.filter(within, symbol__in=symbols).order_by("time"), periods, source)

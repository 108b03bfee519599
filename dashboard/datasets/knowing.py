"""What was known of signals: as stored, by what was heard alone, or at an earlier time.

A row of the past is derived anew, by the projection itself, from the events whose deliveries had been received by
then and the fills that stood then. Two things are those of today, because nobody keeps their past: what is known of a
source (its clock, chart and market), and which of its signals an event belongs to.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q, QuerySet

from dashboard.analysis.reading import NO_FIGURE_FILLED
from reconciliation.gaps import Dismissed, GapView
from reconciliation.models import GapRecord, SyncAuditLog
from signals.models import AutomatedSignal, Fill, SignalEvent, Source
from signals.signal.deriving import Venue
from signals.signal.rebuilding import derived
from signals.signal.regrouping import by_signal
from signals.signal.saving import settle_or_mark
from signals.signal.zones import decide_zones
from signals.storage.queries import batches
from signals.vocabulary import Origin

AT_ONCE = 500
Action = SyncAuditLog.Action


@dataclass(frozen=True, slots=True)
class Knowledge:
    """Which knowledge a dataset holds: `observed` what was heard alone, `as_of` what was known at a moment."""

    observed: bool = False
    as_of: datetime | None = None


@dataclass(frozen=True, slots=True)
class Known:
    """A signal as it was known, and whether its MFE was known up to its end."""

    signal: AutomatedSignal
    venue: Venue
    mfe_short: bool


def known(signals: "QuerySet[AutomatedSignal]", how: Knowledge, now: datetime) -> Iterator[list[Known]]:
    """The signals that alerts told of, in chunks of one source each, by source name, trade id, symbol and life."""
    view = GapView.at(how.as_of or now)
    heard = signals.filter(origin=Origin.ALERTS)
    for source in Source.objects.order_by("name"):
        rows = heard.filter(source=source).order_by("trade_id", "symbol", "life")
        if how.as_of is not None:
            rows = rows.filter(first_event_at__lte=how.as_of)  # a fire minute lies before its receipt
        venue = Venue.of(source)
        # Keys first: PostgreSQL would have to keep all rows, whole, before it gave the first.
        for keys in batches(rows.values_list("pk", flat=True).iterator(chunk_size=AT_ONCE), AT_ONCE):
            found = heard.in_bulk(keys)
            chunk = [found[key] for key in keys if key in found]
            yield told(restated(chunk, source, venue, how), source, venue, view, how)


def told(
    signals: Sequence[AutomatedSignal], source: Source, venue: Venue, view: GapView, how: Knowledge
) -> list[Known]:
    dismissed = dismissals(signals, how)
    for signal in signals:
        signal.source = source
    return [Known(each, venue, "no_mfe_update" in view.open_gaps(each, dismissed)) for each in signals]


def dismissals(signals: Sequence[AutomatedSignal], how: Knowledge) -> Dismissed:
    records = GapRecord.objects.filter(signal__in=signals, state=GapRecord.State.DISMISSED)
    if how.as_of is not None:
        records = records.filter(closed_at__lte=how.as_of)
    return frozenset(records.values_list("signal_id", "gap"))


def restated(chunk: list[AutomatedSignal], source: Source, venue: Venue, how: Knowledge) -> list[AutomatedSignal]:
    """The rows as they were known; those of which nothing was known yet are left out."""
    if how.as_of is None and not how.observed:
        return chunk
    again = [each for each in chunk if how.as_of is not None or each.reconciliation_reason not in NO_FIGURE_FILLED]
    events = events_of(again, how.as_of)
    fills = {} if how.observed else fills_of(again, how.as_of)
    fresh = {each.pk: derived(each, events[each.pk], fills.get(each.pk, [])) for each in again if each.pk in events}
    decide_zones([each for each in fresh.values() if not each.rebuild_error], source)
    for each in fresh.values():
        settle_or_mark(each, venue)
    # One that cannot be derived is left out: its row would tell what was not known then.
    made = {key: each for key, each in fresh.items() if not each.rebuild_error}
    untouched = {each.pk for each in chunk} - {each.pk for each in again}
    return [made.get(each.pk, each) for each in chunk if each.pk in made or each.pk in untouched]


def events_of(signals: Sequence[AutomatedSignal], as_of: datetime | None) -> dict[int, list[SignalEvent]]:
    events = SignalEvent.objects.filter(signal__in=signals)
    if as_of is not None:
        events = events.filter(delivery__received_at__lte=as_of)
    return dict(by_signal(events.order_by("signal_id", "fire_minute", "pk")))


def fills_of(signals: Sequence[AutomatedSignal], as_of: datetime | None) -> dict[int, list[Fill]]:
    """The fills that stood at the moment, in the order in which they came."""
    fills = Fill.objects.filter(signal__in=signals).exclude(state=Fill.State.PROPOSED)
    if as_of is None:
        return dict(by_signal(fills.filter(state=Fill.State.ACTIVE).order_by("signal_id", "pk")))
    standing = fills.filter(Q(state=Fill.State.ACTIVE) | Q(ended_at__gt=as_of), created_at__lte=as_of)
    waited = waiting_then(signals, as_of)
    return dict(by_signal(each for each in standing.order_by("signal_id", "pk") if key_of(each) not in waited))


FillKey = tuple[int, str, str, str]


def key_of(fill: Fill) -> FillKey:
    return fill.signal_id, fill.field, fill.tier, fill.method


def waiting_then(signals: Sequence[AutomatedSignal], as_of: datetime) -> set[FillKey]:
    """Fills that were only proposed at the moment: nobody had approved them yet."""
    entries = SyncAuditLog.objects.filter(signal__in=signals, at__lte=as_of)
    last: dict[FillKey, str] = {}
    acted = entries.filter(action__in=(Action.PROPOSED, Action.APPROVED, Action.FILLED)).order_by("pk")
    for each in acted.only("signal_id", "field", "tier", "method", "action"):
        last[(each.signal_id or 0, each.field, each.tier, each.method)] = each.action
    return {key for key, action in last.items() if action == Action.PROPOSED}

"""One signal: its life as timeline and chart, its gaps, its fields and their provenance, what arrived, its audit."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.http import Http404, QueryDict

from dashboard.console.page import Page
from dashboard.telling.chart import chart, life, markers_of
from dashboard.telling.drawn import Drawn, drawn
from dashboard.telling.fields import GROUPS, LADDER, brief, named, written
from dashboard.telling.history import audit_of, events_of, gap_summary, open_gaps
from dashboard.telling.lifecycle import findings_of, timeline
from dashboard.telling.repainting import told
from dashboard.telling.wait_times import wait_of
from dashboard.telling.zoom import moves, window
from reconciliation.cycle.loading import LONGEST_TRADE
from reconciliation.habits import kept
from reconciliation.models import AskedGap, GapRecord, SetAside
from signals.models import AutomatedSignal, Delivery, Fill, RefusedBar, SignalEvent, Thinned
from signals.signal.deriving import Venue
from signals.vocabulary import EventType

# What one page shows at most. A trade of two days has 2,700 updates; of anything else a signal has a few dozen.
UPDATES = 3000
TOLD = ("signal", "type", "fire_minute", "sequence_number", "facts", "delivery__channel")
OTHERS = 500
AUDITED = 300
BODIES = 10
REFUSED = 400


def the_signal(key: int) -> AutomatedSignal:
    signal = AutomatedSignal.objects.select_related("source", "thinned").filter(pk=key).first()
    if signal is None:
        raise Http404("No signal has this key. Search All Signals for its trade id.")
    return signal


@dataclass(frozen=True, slots=True)
class Value:
    """A field as the page shows it. `entry` is its provenance, `fill` the standing fill that gave it, if one did."""

    label: str
    shown: str
    entry: Mapping[str, Any] | None
    fill: Fill | None
    whole: str = ""


def values(signal: AutomatedSignal, fills: Mapping[str, Fill], tick: Decimal) -> dict[str, list[Value]]:
    """The fields by heading; without those that nobody has said anything about."""
    return {
        heading: [
            Value(
                label,
                brief(name, getattr(signal, name), tick),
                signal.provenance.get(name),
                fills.get(name),
                whole=written(name, signal.targets_extended, tick) if name == LADDER else "",
            )
            for name, label in fields.items()
            if getattr(signal, name) not in (None, "")
        ]
        for heading, fields in GROUPS.items()
    }


def shown_events(signal: AutomatedSignal) -> list[SignalEvent]:
    """Its events; of the updates, the latest ones. They are many: only what the timeline tells of them is read."""
    events = events_of(signal).only(*TOLD)
    update = {"type": EventType.MFE_UPDATE}
    return [*events.exclude(**update)[:OTHERS], *events.filter(**update).reverse()[:UPDATES]]


def bars_of(signal: AutomatedSignal, start: datetime, end: datetime) -> list[Drawn]:
    end = min(end, start + LONGEST_TRADE * signal.source.stretch)
    return drawn(signal.price_key(signal.source), start, end, also=(marker.at for marker in markers_of(signal)))


def pictured(signal: AutomatedSignal, asked: QueryDict, now: datetime) -> dict[str, Any]:
    """The chart of what the address asks for, and where it can be moved."""
    whole, source = life(signal, now), signal.source
    part = window(asked.get("from", ""), asked.get("to", ""), whole)
    span = part or whole
    refused = RefusedBar.objects.filter(symbol=signal.price_key(source), time__gte=span[0], time__lte=span[1])
    bars = bars_of(signal, *span)
    middle = bars[len(bars) // 2].time if bars else None
    made = chart(
        signal, bars, span, source,
        refused=list(refused.order_by("time")[:REFUSED]), closer=part is not None,
    )  # fmt: skip
    hours = Venue.of(source).market
    return {"chart": made, "moves": moves(span, whole, hours, middle) if made else []}


class SignalPage(Page):
    name = "signal"
    route = "console/signals/<int:pk>/"
    title = "Signal"
    template_name = "dashboard/signal/page.html"
    fragment = "dashboard/signal/live.html"
    every = 10

    def content(self, now: datetime) -> dict[str, Any]:
        signal = the_signal(self.kwargs["pk"])
        tick = signal.source.tick_size
        fills = list(signal.fills.order_by("-pk")[:OTHERS])
        audit = list(audit_of(signal).reverse()[:AUDITED])
        events = shown_events(signal)
        habits = kept(signal.source_id).habits
        let_go: Thinned | None = getattr(signal, "thinned", None)
        return {
            "title": signal.trade_id,
            "signal": signal,
            "wait": wait_of(signal, Venue.of(signal.source).frame, now),
            "findings": findings_of(signal, habits),
            "frozen": [named(field) for field in sorted(signal.frozen)],
            "repainted": list(told(signal, tick)),
            "set_aside": SetAside.objects.filter(signal=signal).first(),
            **pictured(signal, self.request.GET, now),
            "timeline": timeline(signal, events, fills, audit, tick, habits=habits),
            "let_go": let_go,
            "left_out": signal.event_count - (let_go.updates if let_go else 0) - len(events),
            "values": values(signal, standing(fills, Fill.State.ACTIVE), tick),
            "proposed": proposed(fills, tick),
            **gaps(signal, now),
        } | ({} if self.alone else self.beneath(signal, audit, tick))

    def beneath(self, signal: AutomatedSignal, audit: list[Any], tick: Decimal) -> dict[str, Any]:
        """What does not follow by itself: bodies as received, and the audit."""
        asked = self.request.GET.get("bodies", "")
        page = max(1, int(asked)) if asked.isdecimal() and len(asked) < 6 else 1
        latest = signal.events.order_by("-sequence_number").values_list("delivery", flat=True)
        keys = list(dict.fromkeys(latest[(page - 1) * BODIES : page * BODIES + 1]))
        found = Delivery.objects.select_related("body").in_bulk(keys[:BODIES])
        return {
            "bodies": [found[key] for key in keys[:BODIES]],
            "notes": list(signal.notes.all()),
            "tags": list(signal.tags.all()),
            "newer": page - 1,
            "older": page + 1 if len(keys) > BODIES else 0,
            "audit": [
                (entry, named(entry.field) if entry.field else "", brief(entry.field, entry.old, tick),
                 written(entry.field, entry.new, tick))
                for entry in audit
            ],
        }  # fmt: skip


def standing(fills: list[Fill], state: str) -> dict[str, Fill]:
    return {fill.field: fill for fill in fills if fill.state == state}


def proposed(fills: list[Fill], tick: Decimal) -> list[tuple[Fill, str, str]]:
    waiting = [fill for fill in fills if fill.state == Fill.State.PROPOSED]
    return [(fill, named(fill.field), brief(fill.field, fill.value, tick)) for fill in waiting]


def gaps(signal: AutomatedSignal, now: datetime) -> dict[str, Any]:
    """Its open gaps with what is done about them, and those that somebody dismissed."""
    found = open_gaps([signal], now)[signal.pk]
    asked = AskedGap.objects.filter(signal=signal, ended_at=None).select_related("request")
    since = {ask.gap: ask.request.created_at for ask in asked}
    dismissed = GapRecord.objects.filter(signal=signal, state=GapRecord.State.DISMISSED).order_by("gap")
    return {
        "gaps": [{**gap_summary(name, due), "asked": since.get(name)} for name, due in found.items()],
        "dismissed": [(record, gap_summary(record.gap, False)["title"]) for record in dismissed],
    }

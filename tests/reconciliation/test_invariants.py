"""What always holds, over generated histories: whatever was lost, whenever it came, however often cycles ran."""

import json
from decimal import Decimal
from itertools import count
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciliation.models import GapRecord, GapTotal, SyncAuditLog
from signals.bars.storing import Bar, store_bars
from signals.exporting import record
from signals.models import AutomatedSignal, Fill, PriceBar, Source
from signals.signal.rebuilding import chunks, differences, rederive
from signals.signal.registers import RULES
from tests.builders import (
    ROW_ONLY,
    TRADE_ID,
    Alert,
    at,
    break_even,
    cancelled,
    created,
    entry,
    exit_break_even,
    exit_stop,
    payload,
    send,
    update,
)

from .cycles import OPPOSITE_ID, cycle

pytestmark = pytest.mark.django_db
END = 60
numbers = count()

ALERTS: list[Alert] = [
    (created(), at(1)),
    (created(session="LONDON"), at(4)),
    (entry(), at(5)),
    (entry(targets=None, direction=None), at(5)),
    (update(0.4), at(6)),
    (update(0.8, mae=-0.3, entry_price=25740, stop_loss=25730), at(9)),
    (break_even(), at(14)),
    (update(1.4, 1.6), at(20)),
    (exit_break_even(), at(24)),
    (exit_stop(), at(31)),
    (payload("EXIT_STOP_LOSS", TRADE_ID, exit_price=25730), at(31)),
    (cancelled(), at(12)),
    (created(OPPOSITE_ID, direction="Bearish", signal_time="09:50:00"), at(11)),
    (entry(OPPOSITE_ID, direction="Bearish", stop_loss=25750, targets=None), at(13)),
    (update(0.5, trade_id=OPPOSITE_ID), at(17)),
    (created("20251211_094500000_BULLISH", signal_time="09:45:00"), at(6)),
    (created("20251211_094700000_BEARISH", direction="Bearish", signal_time="09:47:00"), at(8)),
]
PRICES = [25741, 25743, 25739, 25746, 25752, 25751, 25744, 25740, 25736, 25729]

some_alerts = st.lists(st.sampled_from(range(len(ALERTS))), unique=True)
some_bars = st.sets(st.integers(0, END - 1), max_size=25)


def new_source() -> Source:
    number = next(numbers)
    return Source.objects.create(name=f"source-{number}", symbol=f"SYMBOL-{number:06}")


def bar(source: Source, minute: int) -> Bar:
    price = Decimal(PRICES[minute % len(PRICES)])
    kind = PriceBar.Kind.BAR if minute % 3 else PriceBar.Kind.CLOSE
    high, low = (price + 1, price - 2) if kind == PriceBar.Kind.BAR else (None, None)
    return Bar(source.symbol, at(minute), kind, None, high, low, price, f"e:{minute}")


def receive(source: Source, alerts: list[int], bars: set[int]) -> None:
    send([ALERTS[number] for number in alerts], source)
    store_bars(bar(source, minute) for minute in bars)


def state(source: Source) -> dict[str, Any]:
    """The source's signals as exported. The sources compared differ in their symbols, so evidence names none."""
    found = {}
    for row in AutomatedSignal.objects.filter(source=source).select_related("source"):
        fields = {k: v for k, v in record(row).items() if k not in ROW_ONLY | {"source"}}
        found[row.trade_id] = fields
    told: dict[str, Any] = json.loads(json.dumps(found).replace(source.symbol, "SYMBOL"))
    return told


def written(source: Source) -> dict[str, list[dict[str, Any]]]:
    of_signal = {
        model.__name__: list(model._default_manager.filter(signal__source=source).order_by("pk").values())
        for model in (Fill, GapRecord, SyncAuditLog)
    }
    signals = AutomatedSignal.objects.filter(source=source).order_by("pk")
    return {**of_signal, "signals": list(signals.values()), "totals": list(GapTotal.objects.order_by("pk").values())}


@given(st.permutations(range(len(ALERTS))), some_bars, st.lists(st.integers(0, END), max_size=2), st.data())
def test_what_comes_late_ends_as_if_it_had_never_been_late(
    alerts: list[int], bars: set[int], cycles: list[int], data: st.DataObject
) -> None:
    """Invariant 2, with tiers: any split, any order, cycles in between; the same rows after a cycle on both sides."""
    parts = len(cycles) + 1
    chosen = data.draw(st.lists(st.integers(0, parts), min_size=len(alerts), max_size=len(alerts)))  # the last: lost
    bars_in = {minute: data.draw(st.integers(0, parts - 1)) for minute in sorted(bars)}
    late, straight = new_source(), new_source()
    for part, minutes in enumerate([*sorted(cycles), END]):
        now = [number for number, place in zip(alerts, chosen, strict=True) if place == part]
        receive(late, now, {minute for minute, place in bars_in.items() if place == part})
        cycle(minutes, source=late)
    received = [number for number in range(len(ALERTS)) if chosen[alerts.index(number)] < parts]
    receive(straight, received, bars)
    cycle(END, source=straight)
    assert state(late) == state(straight)
    assert [
        found
        for source in (late, straight)
        for chunk in chunks(source)
        for stored, fresh in rederive(chunk)
        for found in differences(stored, fresh)
    ] == []


@given(some_alerts, some_bars, st.integers(0, END))
def test_a_fill_never_replaces_an_equal_or_better_value(alerts: list[int], bars: set[int], minutes: int) -> None:
    """Invariant 3: what an event said stays, but that a measurement may be extended to a later bar."""
    source = new_source()
    receive(source, alerts, bars)
    said = {
        (row.trade_id, name): (getattr(row, name), held)
        for row in AutomatedSignal.objects.filter(source=source)
        for name, held in row.provenance.items()
        if name != "status"  # follows from the others
    }
    cycle(minutes, source=source)
    for row in AutomatedSignal.objects.filter(source=source):
        for name, held in row.provenance.items():
            before = said.get((row.trade_id, name))
            if before is None or held == before[1]:
                assert before is None or getattr(row, name) == before[0]
                continue
            assert name in RULES
            assert RULES[name].live
            assert held["at"] > before[1]["at"]
            falls = name in ("mae", "lowest_low")
            assert getattr(row, name) <= before[0] if falls else getattr(row, name) >= before[0]


@given(some_alerts, some_bars, st.integers(0, END), st.booleans())
def test_a_second_cycle_changes_nothing(alerts: list[int], bars: set[int], minutes: int, by_hand: bool) -> None:
    """Invariant 4: it writes no row but its own run and snapshot."""
    source = new_source()
    receive(source, alerts, bars)
    cycle(minutes, source=source)
    before = written(source)
    report = cycle(minutes, source=source, trigger="command" if by_hand else "schedule")
    assert (report.fills, report.withdrawn, report.conflicts, report.cancelled) == (0, 0, 0, 0)
    assert written(source) == before


@given(some_alerts, some_bars)
def test_every_filled_value_says_where_it_came_from(alerts: list[int], bars: set[int]) -> None:
    """Invariant 5."""
    source = new_source()
    receive(source, alerts, bars)
    cycle(END, source=source)
    for fill in Fill.objects.filter(signal__source=source):
        assert fill.evidence
        assert fill.evidence_key
        assert SyncAuditLog.objects.filter(signal=fill.signal, field=fill.field, action="filled", run=fill.run_id)
    for row in AutomatedSignal.objects.filter(source=source):
        for held in row.provenance.values():
            assert held.keys() == {"source", "tier", "confidence", "evidence", "at"}

"""Bars against events: what fired, and the indicator's rules do not show on bars that are whole."""

from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from functools import cache

import pytest

from benchmarks.replayer import Echo, Sent
from reconciliation.cycle.run import run_sync
from reconciliation.repainting import bars
from reconciliation.repainting.fired import Contradiction
from reconciliation.tiers.proposals import Replayed
from signals.clock import MINUTE, TradeId, local
from signals.models import AutomatedSignal, PriceBar, Source
from tests.builders import created, send
from tests.reconciliation.cycles import snapshot
from tests.reconciliation.replay.test_cycle import hear, store
from tests.reconciliation.tiers.build import BAR, VENUE, at, signal
from tests.reconciliation.tiers.build import created as born
from tests.reconciliation.tiers.build import entry as entered
from tests.signals.twin.market import walk

BARS = walk(5, 320)  # of so many agreement is sure
NOW = BARS[-1].time + MINUTE
TOLD = Replayed("MNQ1!", BAR, "Bullish", "d", Decimal("0.95"), confirmed=at(3))


def contradictions(told: Replayed, fired: int = 4) -> list[tuple[str, str]]:
    found = bars.contradicting(signal(born(), entered(fired)), told, VENUE.market)
    return [(each["field"], each["says"]) for each in found]


def test_another_confirmation_of_the_same_triangle() -> None:
    assert contradictions(TOLD) == []
    assert contradictions(TOLD, fired=5) == []  # a bar is nothing
    assert contradictions(TOLD, fired=6) == [("confirmation_time", "2025-12-11T14:43:00Z")]
    assert contradictions(replace(TOLD, confirmed=None, cancelled=at(1))) == [("status", "CANCELLED")]
    assert contradictions(replace(TOLD, confirmed=None)) == []


def test_nothing_is_said_across_a_missing_bar_or_where_the_twin_is_not_sure() -> None:
    assert contradictions(replace(TOLD, entry_hole=True), fired=9) == []
    assert contradictions(replace(TOLD, confidence=Decimal("0.9")), fired=9) == []


@cache
def echo() -> Echo:
    return Echo(BARS, "batch")


@cache
def alerts() -> list[Sent]:
    """What the twin has to say of the bars, by the indicator's alerts."""
    return list(echo().alerts())


def sync() -> None:
    run_sync(now=NOW, trigger="command")


def lonely() -> datetime:
    """A bar that no bullish triangle of the twin is near."""
    alerts()
    near = [truth.signal_bar for truth in echo().truth().values() if truth.direction == "Bullish"]
    return next(bar.time for bar in BARS[120:] if all(abs(bar.time - each) > 10 * MINUTE for each in near))


def invented() -> str:
    return TradeId.naming(lonely(), "America/New_York", "Bullish")


def invent() -> None:
    """Let a signal fire that no bar shows."""
    there = local(lonely(), "America/New_York")
    stated = {"signal_date": f"{there:%Y-%m-%d}", "signal_time": f"{there:%H:%M:%S}"}
    send([(created(invented(), **stated), lonely() + MINUTE)])


def repainted() -> dict[str, list[Contradiction]]:
    return {row.trade_id: row.repainted for row in AutomatedSignal.objects.filter(repainted__isnull=False)}


@pytest.mark.django_db
def test_what_fired_and_no_bar_shows_is_told() -> None:
    hear(alerts())
    invent()
    store(BARS)
    sync()
    told = repainted()
    assert told.keys() == {invented()}
    assert [(each["by"], each["field"], each["says"]) for each in told[invented()]] == [("bars", "", None)]


@pytest.mark.django_db
def test_a_second_cycle_changes_nothing() -> None:
    hear(alerts())
    invent()
    store(BARS)
    sync()
    before = snapshot()
    sync()
    assert snapshot() == before


@pytest.mark.django_db
def test_with_a_bar_missing_in_the_hour_before_nothing_is_said_until_it_comes() -> None:
    hear(alerts())
    invent()
    missing = lonely() - 50 * MINUTE
    flat = next(bar for bar in BARS if bar.time == missing)
    store(bar for bar in BARS if bar.time != missing)
    sync()
    assert invented() not in repainted()
    store([flat])
    sync()
    assert invented() in repainted()


@pytest.mark.django_db
def test_what_the_twin_is_not_sure_of_contradicts_nobody() -> None:
    hear(alerts())
    invent()
    store(walk(6, 320))
    sync()
    assert repainted() == {}


@pytest.mark.django_db
def test_bars_that_are_of_another_source_or_switched_off_contradict_nobody() -> None:
    hear(alerts())
    invent()
    Source.objects.update(tiers_off=["2"])
    store(BARS)
    sync()
    assert repainted() == {}


@pytest.mark.django_db
def test_it_goes_when_the_bars_turn_out_to_be_others() -> None:
    hear(alerts())
    invent()
    store(BARS)
    sync()
    assert invented() in repainted()
    PriceBar.objects.all().delete()
    store(walk(6, 320))
    sync()
    assert repainted() == {}

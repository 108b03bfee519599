"""The generator keeps a truth that a real market and the real indicator could have made."""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from operator import attrgetter

import pytest

from signals.clock import MINUTE, bar_of
from signals.market import market
from signals.sessions import session_of
from signals.simulator import DIALECTS, Scenario, TradeTruth, simulate, stream
from signals.simulator.scenario import WARM_UP
from signals.twin import Twin
from signals.vocabulary import EXITS, EventType, Status

from .scenarios import (
    MONDAY,
    NEW_YORK,
    ONE_LEG,
    TWO_LEGS,
    WEDNESDAY,
    confirmed,
    every_dialect,
    scenario,
    simulated,
    told,
    trade_of,
)


class TestDeterminism:
    @every_dialect
    def test_the_same_scenario_gives_the_same_bytes(self, dialect: str) -> None:
        given = scenario(dialect, loss=0.2, repeats=0.3, damage=0.5, late=0.2, outages=True, snapshots=True)
        assert simulate(given) == simulate(given)

    def test_another_seed_gives_another_market(self) -> None:
        assert simulated(scenario()).bars != simulated(scenario(seed=8)).bars

    @every_dialect
    def test_streaming_gives_the_alerts_of_the_simulation(self, dialect: str) -> None:
        given = scenario(dialect, loss=0.1, repeats=0.2, snapshots=True)
        assert tuple(stream(given)) == simulated(given).alerts

    def test_delivery_never_changes_the_truth(self) -> None:
        calm, rough = scenario(), scenario(loss=0.5, repeats=0.5, late=0.5, damage=1, outages=True, cancelled=True)
        assert simulated(rough).truth == simulated(calm).truth
        assert simulated(rough).bars == simulated(calm).bars


class TestMarket:
    @every_dialect
    def test_alerts_fire_in_time_order_about_bars_of_the_open_market(self, dialect: str) -> None:
        alerts = simulated(scenario(dialect, repeats=0.3, late=0.3, snapshots=True)).alerts
        assert all(a.fire_time <= b.fire_time for a, b in pairwise(alerts))
        assert all(market().is_open(bar_of(alert.fire_time)) for alert in alerts)

    def test_nothing_fires_from_one_minute_before_the_halt_until_after_it(self) -> None:
        clocks = {alert.fire_time.astimezone(NEW_YORK).strftime("%H%M") for alert in simulated(scenario()).alerts}
        assert "1659" in clocks
        assert not [clock for clock in clocks if "1700" <= clock <= "1800"]

    def test_there_is_one_bar_for_every_open_minute_and_enough_before_to_warm_up(self) -> None:
        bars = simulated(scenario()).bars
        assert len(bars) == WARM_UP + market().open_minutes(MONDAY, WEDNESDAY)
        assert all(market().is_open(bar.time) for bar in bars)

    def test_the_hours_are_those_of_the_tickers_market(self) -> None:
        saturday = datetime(2025, 12, 13, 9, tzinfo=UTC)
        coins = simulate(scenario(start=saturday, end=saturday + timedelta(hours=5), ticker="BINANCE:BTCUSDT, 1m"))
        assert len(coins.bars) == WARM_UP + 300
        assert coins.alerts

    def test_mornings_in_new_york_are_livelier_than_its_evenings(self) -> None:
        moves: dict[str, list[Decimal]] = defaultdict(list)
        for bar in simulated(scenario()).bars:
            moves[session_of(bar.time)].append(abs(bar.close - bar.open))
        assert sum(moves["NY AM"]) / len(moves["NY AM"]) > 2 * sum(moves["ASIA"]) / len(moves["ASIA"])

    def test_prices_lie_on_the_tick_within_high_and_low(self) -> None:
        for bar in simulated(scenario()).bars:
            assert bar.low <= min(bar.open, bar.close) <= max(bar.open, bar.close) <= bar.high
            assert all(value % Decimal("0.25") == 0 for value in (bar.open, bar.high, bar.low, bar.close))

    def test_the_price_gaps_only_across_a_halt(self) -> None:
        bars = simulated(scenario()).bars
        gaps = [(a, b) for a, b in pairwise(bars) if a.close != b.open]
        assert gaps
        assert all(b.time - a.time > MINUTE for a, b in gaps)

    def test_a_market_that_never_opens_gives_an_empty_simulation(self) -> None:
        saturday = datetime(2025, 12, 13, 9, tzinfo=UTC)
        closed = simulate(scenario(start=saturday, end=saturday + timedelta(hours=5), origin=saturday))
        assert (closed.bars, closed.alerts, closed.truth) == ((), (), {})


def expected_legs(given: Scenario, truth: TradeTruth) -> tuple[Decimal, Decimal, Decimal]:
    """be_mfe, no_be_mfe and mae by the definition: extremes after ENTRY's bar, each leg without its last bar."""
    assert truth.confirmation_time is not None
    assert truth.followed_until is not None
    assert truth.entry is not None
    assert truth.stop is not None
    exits, up, risk = dict(truth.exits), truth.entry > truth.stop, abs(truth.entry - truth.stop)
    last = EventType.EXIT_BREAK_EVEN if DIALECTS[given.dialect].single_leg else EventType.EXIT_STOP_LOSS
    end = exits.get(last, truth.followed_until + MINUTE)
    bars = simulated(given).bars
    since = bisect_right(bars, truth.confirmation_time, key=attrgetter("time"))

    def excursions(until: datetime) -> tuple[Decimal, Decimal]:
        leg = bars[since : bisect_left(bars, until, key=attrgetter("time"))]
        ahead = [bar.high - truth.entry if up else truth.entry - bar.low for bar in leg]
        behind = [bar.low - truth.entry if up else truth.entry - bar.high for bar in leg]
        return round(max([Decimal(0), *ahead]) / risk, 10), round(min([Decimal(0), *behind]) / risk, 10)

    return excursions(exits.get(EventType.EXIT_BREAK_EVEN, end))[0], *excursions(end)


class TestTruth:
    @every_dialect
    def test_excursions_are_those_of_the_bars_between_entry_and_the_end_of_the_leg(self, dialect: str) -> None:
        given = scenario(dialect)
        assert confirmed(given)
        for truth in confirmed(given):
            assert truth.no_be_mfe is not None
            assert truth.mae is not None
            expected = expected_legs(given, truth)
            for value, right in zip((truth.be_mfe, truth.no_be_mfe, truth.mae), expected, strict=True):
                assert value is not None
                assert abs(value - right) <= Decimal("1e-10"), truth.trade_id

    @pytest.mark.parametrize(
        ("dialect", "fields"),
        [
            ("strategy", ("final_be_mfe", "final_no_be_mfe", None)),
            ("telemetry-z", ("mfe_R", None, None)),
            ("telemetry", ("mfe_R", None, None)),
            ("batch", ("be_mfe", "no_be_mfe", "mae")),
            ("plain", ("final_be_mfe", "final_no_be_mfe", "mae_global_r")),
            ("mixed", ("be_mfe", "no_be_mfe", "mae_global_r")),
        ],
    )
    def test_the_last_report_of_a_finished_trade_is_its_truth(
        self, dialect: str, fields: tuple[str | None, ...]
    ) -> None:
        given = scenario(dialect)
        last = {}
        for alert, report in told(given, "MFE_UPDATE_BATCH", *EXITS):
            if alert.kind in EXITS or report.get("completed"):
                last[trade_of(report)] = report
        done = [truth for truth in confirmed(given) if truth.status == Status.COMPLETED]
        assert {truth.trade_id for truth in done} <= last.keys()
        for truth in done:
            for key, value in zip(fields, (truth.be_mfe, truth.no_be_mfe, truth.mae), strict=True):
                assert key is None or last[truth.trade_id][key] == value

    @every_dialect
    def test_stop_and_targets_lie_one_risk_apart_on_their_sides(self, dialect: str) -> None:
        for truth in confirmed(scenario(dialect)):
            assert truth.entry is not None
            assert truth.stop is not None
            assert (truth.entry > truth.stop) == (truth.direction == "Bullish")
            risk = truth.entry - truth.stop
            assert truth.targets == tuple(truth.entry + n * risk for n in (1, 2, 3))

    def test_signals_are_as_frequent_and_confirm_as_often_as_the_recorded_ones(self) -> None:
        given = scenario()
        bars = [truth.bars_to_confirmation for truth in confirmed(given)]
        hours = market().open_minutes(MONDAY, WEDNESDAY) / 60
        assert 5 < len(simulated(given).truth) / hours < 9
        assert 0.45 < len(bars) / len(simulated(given).truth) < 0.7
        assert sum(1 <= n <= 8 for n in bars if n) > 0.8 * len(bars)
        assert all(
            n == market().open_minutes(t.signal_bar, t.confirmation_time)
            for n, t in zip(bars, confirmed(given), strict=True)
        )

    @every_dialect
    def test_it_is_what_the_twin_says_of_the_bars(self, dialect: str) -> None:
        given, twin, trades = scenario(dialect), Twin(), {}
        for bar in simulated(given).bars:
            for said in twin.take(bar):
                if said.type == EventType.ENTRY and said.triangle >= MONDAY:
                    trades[said.triangle, said.direction] = said.trade
        assert len(confirmed(given)) == len(trades) > 100
        for truth in confirmed(given):
            trade = trades[truth.signal_bar, truth.direction]
            assert (truth.entry, truth.stop, truth.be_time) == (trade.entry, trade.stop, trade.protected)
            assert dict(truth.exits).get(EventType.EXIT_BREAK_EVEN) == trade.be_ended

    @pytest.mark.parametrize("dialect", TWO_LEGS)
    def test_after_break_even_the_second_leg_runs_on(self, dialect: str) -> None:
        told = [t for t in confirmed(scenario(dialect)) if t.be_mfe is not None and t.no_be_mfe is not None]
        split = [t for t in told if t.be_mfe != t.no_be_mfe]
        assert split
        assert all(t.be_mfe < t.no_be_mfe and t.be_time and t.exits[0][0] == "EXIT_BREAK_EVEN" for t in split)

    @pytest.mark.parametrize("dialect", ONE_LEG)
    def test_any_exit_ends_a_trade_of_one_leg(self, dialect: str) -> None:
        trades = confirmed(scenario(dialect))
        assert any(t.be_time is None and t.exits for t in trades)
        for truth in trades:
            assert len(truth.exits) == (truth.status == Status.COMPLETED)
            assert truth.be_mfe == truth.no_be_mfe

    def test_an_unconfirmed_signal_is_superseded_by_the_next(self) -> None:
        truths = list(simulated(scenario()).truth.values())
        assert {t.status for t in truths[:-1] if t.entry is None} == {Status.CANCELLED}

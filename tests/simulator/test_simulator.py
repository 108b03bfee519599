"""The generator tells the truth it keeps, as the real indicator would tell it."""

import csv
import io
import json
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from itertools import islice, pairwise
from operator import attrgetter
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from signals.clock import MINUTE, TradeId, bar_of, floor_minute, session_of
from signals.dialects import read
from signals.market import market
from signals.simulator import (
    DIALECTS,
    Alert,
    Scenario,
    Simulation,
    TradeTruth,
    sample_history,
    simulate,
    stream,
    write_log,
)
from signals.vocabulary import EXITS, EventType, Status

NEW_YORK, CHICAGO = ZoneInfo("America/New_York"), ZoneInfo("America/Chicago")
MONDAY, WEDNESDAY = datetime(2025, 12, 8, 20, tzinfo=UTC), datetime(2025, 12, 10, 19, tzinfo=UTC)
TWO_LEGS = [name for name, dialect in DIALECTS.items() if not dialect.single_leg]
ONE_LEG = [name for name, dialect in DIALECTS.items() if dialect.single_leg]
every_dialect = pytest.mark.parametrize("dialect", DIALECTS)


def scenario(dialect: str = "mixed", **changes: Any) -> Scenario:
    return Scenario(**{"seed": 7, "start": MONDAY, "end": WEDNESDAY, "dialect": dialect, **changes})


@lru_cache(maxsize=32)
def simulated(given: Scenario) -> Simulation:
    return simulate(given)


def reports(alert: Alert) -> list[dict[str, Any]]:
    """What an undamaged alert says, one dict a signal."""
    said = json.loads(alert.body, parse_float=Decimal)
    return said["signals"] if alert.kind == "MFE_UPDATE_BATCH" else [said]


def trade_of(report: dict[str, Any]) -> str:
    return report.get("trade_id") or report["signal_id"]


def told(given: Scenario, *kinds: str) -> Iterator[tuple[Alert, dict[str, Any]]]:
    for alert in simulated(given).alerts:
        if not kinds or alert.kind in kinds:
            yield from ((alert, report) for report in reports(alert))


def confirmed(given: Scenario) -> list[TradeTruth]:
    return [truth for truth in simulated(given).truth.values() if truth.entry is not None]


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

    def test_there_is_one_bar_for_every_open_minute(self) -> None:
        bars = simulated(scenario()).bars
        assert len(bars) == market().open_minutes(MONDAY, WEDNESDAY)
        assert all(market().is_open(bar.time) for bar in bars)

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
        assert simulate(scenario(start=saturday, end=saturday + timedelta(hours=5))).bars == ()


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

    def test_over_half_of_the_signals_confirm_mostly_within_eight_bars(self) -> None:
        given = scenario()
        bars = [truth.bars_to_confirmation for truth in confirmed(given)]
        assert 0.45 < len(bars) / len(simulated(given).truth) < 0.65
        assert sum(1 <= n <= 8 for n in bars if n) > 0.9 * len(bars)
        assert all(
            n == market().open_minutes(t.signal_bar, t.confirmation_time)
            for n, t in zip(bars, confirmed(given), strict=True)
        )

    def test_signals_mostly_alternate(self) -> None:
        directions = [truth.direction for truth in simulated(scenario()).truth.values()]
        same = sum(a == b for a, b in pairwise(directions)) / len(directions)
        assert 0 < same < 0.2

    @pytest.mark.parametrize("dialect", TWO_LEGS)
    def test_after_break_even_the_second_leg_runs_on(self, dialect: str) -> None:
        split = [t for t in confirmed(scenario(dialect)) if t.be_mfe is not None and t.be_mfe != t.no_be_mfe]
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


class TestAlerts:
    @pytest.mark.parametrize("dialect", [name for name in DIALECTS if name != "batch"])
    def test_no_update_precedes_its_entry(self, dialect: str) -> None:
        given = scenario(dialect, repeats=0.4)
        entered: dict[str, datetime] = {}
        for alert, report in told(given):
            if alert.kind == EventType.ENTRY:
                entered[trade_of(report)] = floor_minute(alert.fire_time)
            elif alert.kind not in (EventType.SIGNAL_CREATED, EventType.CANCELLED):
                assert entered[trade_of(report)] < floor_minute(alert.fire_time)

    @pytest.mark.parametrize("dialect", ["telemetry", "plain", "mixed", "strategy", "telemetry-z"])
    def test_entry_fires_at_the_close_of_the_bar_of_confirmation(self, dialect: str) -> None:
        given = scenario(dialect)
        entries = list(told(given, EventType.ENTRY))
        assert len(entries) == len(confirmed(given))
        for alert, report in entries:
            truth = simulated(given).truth[trade_of(report)]
            assert bar_of(alert.fire_time) == truth.confirmation_time
            assert report["entry_price"] == truth.entry
            assert report.get("stop_loss", report.get("sl_price")) == truth.stop

    @pytest.mark.parametrize("dialect", ["plain", "mixed"])
    def test_signal_created_fires_at_the_close_of_the_triangle(self, dialect: str) -> None:
        given = scenario(dialect)
        created = list(told(given, EventType.SIGNAL_CREATED))
        assert len(created) == len(simulated(given).truth)
        assert all(bar_of(a.fire_time) == simulated(given).truth[trade_of(r)].signal_bar for a, r in created)

    @every_dialect
    def test_ids_name_the_right_bar_by_the_right_clock(self, dialect: str) -> None:
        single = DIALECTS[dialect].single_leg
        for truth in simulated(scenario(dialect)).truth.values():
            parsed = TradeId.parse(truth.trade_id)
            named = truth.confirmation_time if single else truth.signal_bar
            assert parsed is not None
            assert named is not None
            assert parsed.direction == truth.direction
            assert parsed.naive == named.astimezone(CHICAGO if single else NEW_YORK).replace(tzinfo=None)

    @pytest.mark.parametrize(("dialect", "lag"), [("telemetry-z", 2), ("telemetry", 1), ("mixed", 0), ("plain", 0)])
    def test_session_labels_lag_new_york_as_the_real_ones_do(self, dialect: str, lag: int) -> None:
        given = scenario(dialect)
        labels = []
        for _, report in told(given, EventType.ENTRY):
            truth = simulated(given).truth[trade_of(report)]
            bar = truth.confirmation_time if DIALECTS[dialect].single_leg else truth.signal_bar
            assert bar is not None
            labels.append(report["session"] == session_of(bar))
            assert report["session"] == session_of(bar - timedelta(hours=lag))
        assert all(labels) == (lag == 0)

    def test_htf_alignment_claims_to_be_all_bullish_and_all_bearish(self) -> None:
        for _, report in told(scenario(), EventType.SIGNAL_CREATED):
            said = dict(report["htf_alignment"])
            assert said.pop("all_bullish") is said.pop("all_bearish") is True
            assert said == simulated(scenario()).truth[trade_of(report)].htf

    @every_dialect
    def test_cancelled_is_sent_only_on_request(self, dialect: str) -> None:
        assert not list(told(scenario(dialect), EventType.CANCELLED))
        asked = scenario(dialect, cancelled=True)
        superseded = {i for i, t in simulated(asked).truth.items() if t.status == Status.CANCELLED}
        wanted = superseded if dialect in ("mixed", "plain") else set()
        assert {trade_of(report) for _, report in told(asked, EventType.CANCELLED)} == wanted

    @pytest.mark.parametrize("dialect", ["batch", "mixed"])
    def test_a_batch_holds_twenty_signals_at_most_and_one_price(self, dialect: str) -> None:
        busy = scenario(dialect, signals_per_hour=20)
        sizes = []
        for alert in simulated(busy).alerts:
            if alert.kind == "MFE_UPDATE_BATCH":
                entries = reports(alert)
                sizes.append(len(entries))
                assert len(alert.body) <= 3900
                assert len({entry["current_price"] for entry in entries}) == 1
        assert 10 < max(sizes) <= 20

    @pytest.mark.parametrize("dialect", ["strategy", "telemetry-z", "telemetry", "plain"])
    def test_older_dialects_update_one_signal_a_minute(self, dialect: str) -> None:
        minutes = [floor_minute(alert.fire_time) for alert, _ in told(scenario(dialect), EventType.MFE_UPDATE)]
        assert len(set(minutes)) == len(minutes) > 0

    def test_snapshots_carry_the_bars_of_the_price_path(self) -> None:
        given = scenario(snapshots=True)
        path = {bar.time: bar for bar in simulated(given).bars}
        seen = 0
        for alert, said in told(given, EventType.UNIFIED_SNAPSHOT_V1):
            bar = path[bar_of(alert.fire_time)]
            assert datetime.fromtimestamp(int(said["bar_ts"]) / 1000, UTC) == bar.time + MINUTE
            assert [said[key] for key in ("open", "high", "low", "close")] == [bar.open, bar.high, bar.low, bar.close]
            assert len(alert.body) <= 3900
            seen += 1
        assert seen == len([bar for bar in path.values() if bar.time.astimezone(NEW_YORK).strftime("%H%M") != "1659"])


class TestDelivery:
    def test_loss_takes_its_fraction(self) -> None:
        kept = len(simulated(scenario(loss=0.3)).alerts) / len(simulated(scenario()).alerts)
        assert 0.67 < kept < 0.73

    def test_losing_everything_leaves_nothing(self) -> None:
        assert simulate(scenario(loss=1)).alerts == ()

    def test_outages_are_silences_of_three_to_twenty_four_minutes(self) -> None:
        dark, calm = (
            {floor_minute(alert.fire_time) for alert in simulated(scenario(snapshots=True, outages=on)).alerts}
            for on in (True, False)
        )
        missing = sorted(calm - dark)
        silences = [1]
        for a, b in pairwise(missing):
            silences = [*silences[:-1], silences[-1] + 1] if market().open_minutes(a, b) <= 2 else [*silences, 1]
        assert len(silences) == market().open_minutes(MONDAY, WEDNESDAY) // 180
        assert all(2 <= length <= 24 for length in silences)

    def test_repeats_come_in_later_minutes_with_the_same_body(self) -> None:
        first: dict[bytes, datetime] = {}
        repeated = set()
        for alert in simulated(scenario(repeats=0.5)).alerts:
            minute = floor_minute(alert.fire_time)
            if alert.body in first:
                assert minute > first[alert.body]
                repeated.add(alert.kind)
            first[alert.body] = minute
        assert repeated == {"SIGNAL_CREATED", "BE_TRIGGERED", "EXIT_BREAK_EVEN"}

    def test_late_signals_come_three_to_fourteen_minutes_after_their_bar(self) -> None:
        given = scenario(late=1)
        lags = {
            market().open_minutes(simulated(given).truth[trade_of(report)].signal_bar, alert.fire_time)
            for alert, report in told(given, EventType.SIGNAL_CREATED)
        }
        assert lags <= set(range(2, 16))
        assert {4, 10} <= lags

    @pytest.mark.parametrize(("dialect", "snapshots"), [("strategy", False), ("mixed", True)])
    def test_damage_touches_quotes_and_nothing_else(self, dialect: str, snapshots: bool) -> None:
        whole = simulated(scenario(dialect, snapshots=snapshots)).alerts
        broken = simulated(scenario(dialect, snapshots=snapshots, damage=0.999)).alerts
        pairs = [(a.body, b.body) for a, b in zip(_ordered(whole), _ordered(broken), strict=True)]
        assert any(a != b for a, b in pairs)
        assert all(a.replace(b'"', b"") == b.replace(b'"', b"") for a, b in pairs)
        for a, b in pairs:
            if a != b:
                with pytest.raises(json.JSONDecodeError):
                    json.loads(b)

    def test_damage_is_that_of_the_recorded_entry(self) -> None:
        alerts = simulated(scenario("strategy", damage=1)).alerts
        entries = [alert.body.decode() for alert in alerts if alert.kind == "ENTRY"]
        stray = [body for body in entries if body.partition('"entry_price":')[2].partition(",")[0].endswith('"')]
        assert stray
        assert all('"be_mfe":0.00,' in body for body in stray)

    @pytest.mark.parametrize("dialect", ["telemetry-z", "telemetry", "batch", "plain", "mixed"])
    def test_dialects_without_known_damage_stay_whole(self, dialect: str) -> None:
        hurt, whole = simulated(scenario(dialect, damage=0.999)), simulated(scenario(dialect))
        assert [a.body for a in _ordered(hurt.alerts)] == [a.body for a in _ordered(whole.alerts)]


def _ordered(alerts: tuple[Alert, ...]) -> list[Alert]:
    """By minute and by content without quotes: within a minute alerts come in any order."""
    return sorted(alerts, key=lambda a: (floor_minute(a.fire_time), a.body.replace(b'"', b"")))


class TestLog:
    @pytest.mark.parametrize("newest_first", [False, True])
    def test_a_log_gives_back_what_was_written(self, newest_first: bool) -> None:
        alerts, file = simulated(scenario("strategy", damage=0.5)).alerts, io.StringIO(newline="")
        assert write_log(alerts, file, newest_first=newest_first) == len(alerts)
        file.seek(0)
        rows = list(csv.DictReader(file))
        assert list(rows[0]) == ["Alert ID", "Ticker", "Name", "Description", "Time"]
        read = [(datetime.fromisoformat(row["Time"]), row["Description"].encode()) for row in rows]
        assert (read[::-1] if newest_first else read) == [(a.fire_time, a.body) for a in alerts]
        assert {(row["Alert ID"], row["Ticker"]) for row in rows} == {("3486109403", "CME_MINI:MNQ1!, 1m")}

    def test_newer_exports_add_the_webhook_status(self) -> None:
        file = io.StringIO(newline="")
        write_log(simulated(scenario()).alerts[:3], file, webhook_status="Delivered")
        file.seek(0)
        assert [row["Webhook status"] for row in csv.DictReader(file)] == ["Delivered"] * 3

    def test_a_long_log_can_be_read_from_its_start(self) -> None:
        decade = scenario(end=MONDAY + timedelta(days=3650))
        assert [alert.alert_id for alert in islice(stream(decade), 50)] == ["3486109403"] * 50


class TestSampleHistory:
    @pytest.mark.parametrize(
        "now",
        [
            datetime(2025, 12, 10, 15, 30, 20, tzinfo=UTC),  # a Wednesday's session
            datetime(2025, 12, 13, 15, tzinfo=UTC),  # a Saturday
            datetime(2025, 12, 10, 22, 30, tzinfo=UTC),  # the daily halt
            datetime(2025, 12, 14, 23, 2, tzinfo=UTC),  # two minutes after Sunday's opening
        ],
    )
    def test_it_ends_with_the_last_open_minutes_before_now(self, now: datetime) -> None:
        *_, recent = sample_history(now, seed=5)
        last = simulate(recent).alerts[-1].fire_time
        assert last < now
        assert market().open_minutes(last, now) <= 10
        assert market().open_minutes(recent.start, recent.end) == 18 * 60

    def test_it_holds_the_hours_asked_for_without_overlap(self) -> None:
        scenarios = sample_history(WEDNESDAY, hours=10)
        assert [given.dialect for given in scenarios] == ["strategy", "telemetry", "mixed"]
        assert all(a.end <= b.start for a, b in pairwise(scenarios))
        assert sum(market().open_minutes(given.start, given.end) for given in scenarios) == 600
        assert len({given.alert_id for given in scenarios}) == 3

    def test_each_stretch_has_alerts(self) -> None:
        for given in sample_history(WEDNESDAY):
            assert {"ENTRY", "EXIT_BREAK_EVEN"} <= {alert.kind for alert in simulate(given).alerts}


class TestScenario:
    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"dialect": "klingon"}, "unknown dialect 'klingon': use one of strategy"),
            ({"start": datetime(2025, 12, 8)}, "aware UTC"),  # noqa: DTZ001 - what is refused
            ({"loss": 1.2}, "loss is a fraction"),
            ({"signals_per_hour": 0}, "more than 0"),
        ],
    )
    def test_a_senseless_scenario_is_refused_in_words(self, changes: dict[str, Any], message: str) -> None:
        with pytest.raises(ValueError, match=message):
            scenario(**changes)


class TestReadByTheDialects:
    @every_dialect
    def test_every_undamaged_body_reads_without_faults(self, dialect: str) -> None:
        given = scenario(dialect, end=MONDAY + timedelta(hours=24), cancelled=True, snapshots=True)
        for alert in simulated(given).alerts:
            reading = read(alert.body)
            assert reading.faults == ()
            assert reading.repair is None
            assert {event.trade_id for event in reading.events} <= simulated(given).truth.keys()

    @pytest.mark.parametrize(("dialect", "snapshots"), [("strategy", False), ("mixed", True)])
    def test_every_damaged_body_is_repaired_to_what_it_would_have_said(self, dialect: str, snapshots: bool) -> None:
        whole = simulated(scenario(dialect, snapshots=snapshots)).alerts
        broken = simulated(scenario(dialect, snapshots=snapshots, damage=0.999)).alerts
        damaged = [(a.body, b.body) for a, b in zip(_ordered(whole), _ordered(broken), strict=True) if a.body != b.body]
        assert damaged
        for right, wrong in damaged:
            assert read(wrong).repair is not None
            assert read(wrong).events == read(right).events

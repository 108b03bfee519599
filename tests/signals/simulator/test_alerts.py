"""The generator tells the truth it keeps, as the real indicator would tell it."""

import csv
import io
import json
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise
from typing import Any

import pytest

from signals.clock import MINUTE, TradeId, bar_of, floor_minute
from signals.dialects import read
from signals.market import market
from signals.sessions import session_of
from signals.simulator import DIALECTS, Alert, sample_history, simulate, stream, write_log
from signals.vocabulary import EventType, Status

from .scenarios import (
    CHICAGO,
    MONDAY,
    NEW_YORK,
    WEDNESDAY,
    confirmed,
    every_dialect,
    reports,
    scenario,
    simulated,
    told,
    trade_of,
)


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
        sizes = []
        for alert in simulated(scenario(dialect)).alerts:
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
        path = {bar.time: bar for bar in simulated(given).bars if bar.time >= MONDAY}
        seen = 0
        for alert, said in told(given, EventType.UNIFIED_SNAPSHOT_V1):
            bar = path[bar_of(alert.fire_time)]
            assert datetime.fromtimestamp(int(said["bar_ts"]) / 1000, UTC) == bar.time + MINUTE
            assert [said[key] for key in ("open", "high", "low", "close")] == [bar.open, bar.high, bar.low, bar.close]
            assert len(alert.body) <= 3900
            seen += 1
        assert seen == len([bar for bar in path.values() if bar.time.astimezone(NEW_YORK).strftime("%H%M") != "1659"])

    def test_price_bars_are_told_on_request(self) -> None:
        given = scenario(price_bars=True, end=MONDAY + timedelta(hours=1))
        told = [bar for alert in simulated(given).alerts if alert.kind == "PRICE_BAR" for bar in read(alert.body).bars]
        path = {bar.time: bar for bar in simulated(given).bars if bar.time >= MONDAY}
        assert [(bar.open, bar.high, bar.low, bar.close) for bar in told] == [path[bar.time][1:] for bar in told]
        assert len(told) == 60

    def test_from_a_change_of_clock_on_ids_are_of_the_other_zone(self) -> None:
        change = MONDAY + timedelta(hours=12)
        for truth in simulate(scenario(clock_change=change)).truth.values():
            zone = CHICAGO if truth.signal_bar >= change else NEW_YORK
            parsed = TradeId.parse(truth.trade_id)
            assert parsed is not None
            assert parsed.naive == truth.signal_bar.astimezone(zone).replace(tzinfo=None)


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
        assert market().open_minutes(last, now) <= 10 + 24  # it may end in an outage
        assert market().open_minutes(recent.start, recent.end) == 18 * 60

    def test_it_holds_the_hours_asked_for_without_overlap(self) -> None:
        scenarios = sample_history(WEDNESDAY, hours=10)
        assert [given.dialect for given in scenarios] == ["strategy", "telemetry", "mixed"]
        assert all(a.end <= b.start for a, b in pairwise(scenarios))
        assert sum(market().open_minutes(given.start, given.end) for given in scenarios) == 600
        assert len({given.alert_id for given in scenarios}) == 3

    def test_its_bars_are_those_of_one_chart(self) -> None:
        first, second, recent = (simulate(given) for given in sample_history(WEDNESDAY))
        assert second.bars[: len(first.bars)] == first.bars
        assert recent.bars[: len(second.bars)] == second.bars

    def test_of_some_signals_it_holds_no_trace(self) -> None:
        *_, recent = sample_history(WEDNESDAY)
        told = simulate(recent)
        silent = {name for name, truth in told.truth.items() if not truth.heard}
        assert len(silent) == len(told.truth) // 20 > 2
        assert not silent & {trade_of(report) for alert in told.alerts for report in reports(alert)}

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
            ({"start_price": 0}, "more than 0"),
            ({"ticker": "NOWHERE:X, 1m"}, "nobody knows when NOWHERE:X"),
            ({"origin": WEDNESDAY}, "cannot be after start"),
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

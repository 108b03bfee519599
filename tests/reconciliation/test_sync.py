"""The cycle as a whole: what it fills, what it leaves, and what it costs."""

from collections.abc import Iterator
from decimal import Decimal
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from reconciliation import sync
from reconciliation.gaps import GapView
from reconciliation.health import count_gaps, health
from reconciliation.lease import BusyError, LeaseLostError, held, running, take
from reconciliation.models import GapRecord, GapTotal, SetAside, SignalHealthMetric, SyncAuditLog, SyncLease, SyncRun
from reconciliation.proposals import Case, Proposal
from signals.exporting import record
from signals.models import AutomatedSignal, Fill, Source
from signals.rebuild import chunks, differences, rederive
from tests.builders import (
    HTF,
    ROW_ONLY,
    TRADE_ID,
    at,
    created,
    entry,
    everything,
    exit_stop,
    send,
    the_signal,
    update,
)
from tests.conftest import SHARED
from tests.reconciliation.cases import OPPOSITE_ID, bars, cycle, fill_of, scheduled, states

pytestmark = pytest.mark.django_db
AS_OF = parse_datetime("2025-12-12T20:00:00Z")


def audited(action: str) -> list[tuple[str, str]]:
    rows = SyncAuditLog.objects.filter(action=action).order_by("pk")
    return [(row.gap, row.field) for row in rows]


def rebuilt_differently() -> list[Any]:
    return [found for chunk in chunks() for stored, fresh in rederive(chunk) for found in differences(stored, fresh)]


# What is filled


def test_confirmation_is_filled_from_the_trade_id_when_the_creation_was_lost() -> None:
    send([(entry(), at(5)), (update(0.4), at(6))])
    report = cycle(6)
    signal = the_signal()
    assert signal.confirmation_time == at(4)
    assert signal.bars_to_confirmation == 4
    assert signal.provenance["confirmation_time"]["tier"] == 3
    assert signal.reconciliation_reason.startswith("tier 2: targets_extended; tier 3: bars_to_confirmation")
    assert report.fills_by_tier == {"2": 1, "3": 2}
    assert rebuilt_differently() == []


def test_a_fill_says_where_it_came_from_and_is_audited() -> None:
    send([(entry(), at(5)), (update(0.4), at(6))])
    run = cycle(6).run_id
    fill = fill_of("confirmation_time")
    assert (fill.gap, fill.tier, fill.confidence, fill.run_id) == ("no_confirmation_time", "3", Decimal("0.9"), run)
    entry_of_audit = SyncAuditLog.objects.get(field="confirmation_time")
    assert (entry_of_audit.old, entry_of_audit.new) == (None, "2025-12-11T14:44:00Z")
    assert entry_of_audit.evidence == fill.evidence
    assert entry_of_audit.run_id == run


def test_the_late_creation_replaces_the_fill_and_leaves_what_was_never_lost() -> None:
    alerts = [(created(), at(1)), (entry(), at(5)), (update(0.4), at(6))]
    send(alerts, Source.objects.create(name="whole"))
    send(alerts[1:], Source.objects.create(name="damaged"))
    cycle(6)
    assert states("confirmation_time") == ["active"]
    send(alerts[:1], Source.objects.get(name="damaged"))
    cycle(6)
    assert states("confirmation_time") == ["superseded"]
    whole, damaged = (record(row) for row in AutomatedSignal.objects.order_by("source__name"))
    volatile = ROW_ONLY | {"source"}
    assert {k: v for k, v in whole.items() if k not in volatile} == {
        k: v for k, v in damaged.items() if k not in volatile
    }
    assert rebuilt_differently() == []


def test_a_better_value_that_differs_is_audited_as_a_conflict_with_both_values() -> None:
    send([(entry(direction=None), at(5)), (update(0.4), at(6))])
    cycle(6)
    assert fill_of("direction").value == "Bullish"
    send([(created(direction="Bearish"), at(1))])
    assert cycle(6).conflicts == 1
    conflict = SyncAuditLog.objects.get(action="conflict")
    assert (conflict.field, conflict.old, conflict.new) == ("direction", "Bullish", "Bearish")
    assert conflict.note == "the event that owns the value is trusted more than tier 3"
    assert the_signal().direction == "Bearish"


def test_prices_extend_a_measurement_and_an_event_for_a_later_bar_replaces_the_fill() -> None:
    send([(created(), at(1)), (entry(), at(5)), (update(0.4), at(8))])
    bars({minute: 25741 + minute / 10 for minute in range(5, 30)})
    cycle(30)
    signal = the_signal()
    assert signal.mfe_as_of == at(29)
    assert signal.provenance["be_mfe"]["tier"] == 2
    assert signal.be_mfe == Decimal("0.4")  # prices stayed below what had been reported
    send([(update(0.9), at(31))])
    assert cycle(31).conflicts == 0
    assert the_signal().be_mfe == Decimal("0.9")
    assert states("be_mfe") == ["superseded"]


def test_more_prices_recompute_a_fill() -> None:
    send([(created(), at(1)), (entry(), at(5)), (update(0.4), at(8))])
    bars(dict.fromkeys(range(5, 30), 25741))
    cycle(30)
    bars({20: 25748})
    assert cycle(30).withdrawn == 2  # one of each leg
    assert the_signal().be_mfe == Decimal("0.8")
    assert states("be_mfe") == ["withdrawn", "active"]
    assert rebuilt_differently() == []


def test_a_row_that_knows_less_than_its_events_is_healed_from_them() -> None:
    send([(created(), at(1)), (entry(), at(5)), (update(0.4), at(6))])
    whole = everything()
    signal = the_signal()
    signal.htf_alignment, signal.entry_price, signal.session = None, None, None
    for name in ("htf_alignment", "entry_price", "session"):
        del signal.provenance[name]
    signal.save()
    report = cycle(6)
    assert report.healed == 1
    assert the_signal().htf_alignment == HTF
    healed = SyncAuditLog.objects.get(action="healed")
    assert healed.new["htf_alignment"] == HTF
    Fill.objects.filter(tier="2").delete()
    assert {k: everything()[TRADE_ID][k] for k in ("htf_alignment", "entry_price", "session")} == {
        k: whole[TRADE_ID][k] for k in ("htf_alignment", "entry_price", "session")
    }


@pytest.mark.parametrize("provenance_too", [False, True])
def test_columns_that_were_emptied_are_healed_from_all_events(provenance_too: bool) -> None:
    send([(created(), at(1)), (entry(), at(5)), (update(0.9, 1.2), at(6)), (update(0.4), at(7)), (update(0.5), at(8))])
    scheduled(8)
    whole = everything()
    lost: dict[str, Any] = dict.fromkeys(
        ("htf_alignment", "session", "signal_date", "signal_time", "targets", "confirmation_time", "be_mfe",
         "no_be_mfe", "be_mfe_peak", "no_be_mfe_peak", "stated_time", "session_label")
    )  # fmt: skip
    AutomatedSignal.objects.update(**lost, needs_sync=True, **({"provenance": {}} if provenance_too else {}))
    report = scheduled(8)
    assert (report.healed, report.gaps_after) == (1, 0)
    assert set(lost) - {"be_mfe_peak", "no_be_mfe_peak"} <= SyncAuditLog.objects.get(action="healed").new.keys()
    assert everything() == whole
    assert rebuilt_differently() == []


def test_a_signal_whose_projection_failed_is_derived_anew_first() -> None:
    send([(created(), at(1)), (entry(), at(5)), (update(0.4), at(6))])
    AutomatedSignal.objects.update(rebuild_error="it broke", entry_price=None)
    cycle(6)
    signal = the_signal()
    assert signal.rebuild_error == ""
    assert signal.entry_price == Decimal(25740)


# Cancellation


def test_a_pending_signal_is_cancelled_once_an_opposite_one_followed_and_the_grace_is_over() -> None:
    send([(created(), at(1)), (created(OPPOSITE_ID, direction="Bearish", signal_time="09:50:00"), at(11))])
    assert cycle(13).cancelled == 0
    assert the_signal().check_at == at(14)
    report = scheduled(14)
    signal = the_signal()
    assert report.cancelled == 1
    assert (signal.status, signal.cancelled_by, signal.bars_pending) == ("CANCELLED", OPPOSITE_ID, 10)
    assert signal.provenance["status"]["tier"] == "inference"


def test_an_entry_after_all_withdraws_the_inferred_cancellation() -> None:
    send([(created(), at(1)), (created(OPPOSITE_ID, direction="Bearish", signal_time="09:50:00"), at(11))])
    cycle(20)
    send([(entry(), at(21))])
    scheduled(22)
    signal = the_signal()
    assert (signal.status, signal.cancelled_at, signal.cancelled_by) == ("CONFIRMED", None, None)
    assert states("cancelled_at") == ["withdrawn"]
    assert ("", "cancelled_at") in audited("withdrawn")


def test_a_signal_in_between_that_arrives_late_changes_who_cancelled() -> None:
    send([(created(), at(1)), (created(OPPOSITE_ID, direction="Bearish", signal_time="09:50:00"), at(11))])
    scheduled(20)
    between = "20251211_094500000_BEARISH"
    send([(created(between, direction="Bearish", signal_time="09:45:00"), at(6))])
    scheduled(21)
    assert the_signal().cancelled_by == between
    assert rebuilt_differently() == []


def test_the_opposite_signal_alone_puts_the_pending_one_back_into_the_queue() -> None:
    send([(created(), at(1))])
    scheduled(2)
    assert the_signal().needs_sync is False
    send([(created(OPPOSITE_ID, direction="Bearish", signal_time="09:50:00"), at(11))])
    assert scheduled(20).cancelled == 1


def test_a_run_as_of_an_earlier_moment_takes_no_fill_back() -> None:
    send(
        [
            (created(), at(1)),
            (created(OPPOSITE_ID, direction="Bearish", signal_time="09:50:00"), at(11)),
            (entry("20251211_094100000_BULLISH"), at(5)),
            (update(0.4, trade_id="20251211_094100000_BULLISH"), at(8)),
        ]
    )
    bars({minute: 25741 + minute / 2 for minute in range(5, 60)} | {61: 25700})
    report = cycle(63)
    assert (report.cancelled, report.fills_by_tier["2"] > 3) == (1, True), "cancelled, measured and stopped"
    before = {model: rows for model, rows in snapshot().items() if model in ("AutomatedSignal", "Fill")}
    for earlier in (12, 20, 40):
        AutomatedSignal.objects.update(needs_sync=True)
        assert cycle(earlier).withdrawn == 0
    scheduled(63)
    after = snapshot()
    for row in (*before["AutomatedSignal"], *after["AutomatedSignal"]):
        del row["check_at"], row["needs_sync"], row["updated_at"]
    assert {model: after[model] for model in before} == before


# Gaps and their lives


def test_gaps_live_from_actionable_to_filled_or_closed() -> None:
    send([(entry(targets=None), at(5)), (update(0.4), at(6))])
    cycle(6)
    record = GapRecord.objects.get()
    assert (record.gap, record.state) == ("no_htf_alignment", "open")
    assert audited("gap_opened") == [("no_htf_alignment", "")]
    send([(created(), at(1))])
    cycle(6)
    record.refresh_from_db()
    assert record.state == "closed"
    assert audited("gap_closed") == [("no_htf_alignment", "")]
    assert GapTotal.objects.get(gap="no_htf_alignment").open == 0


def test_a_gap_that_prices_fill_later_says_which_tier_filled_it() -> None:
    send([(created(), at(1)), (entry(), at(5)), (update(0.4), at(8))])
    cycle(40)
    assert GapRecord.objects.get().state == "open"
    bars(dict.fromkeys(range(5, 40), 25741))
    cycle(40)
    record = GapRecord.objects.get()
    assert (record.state, record.tier) == ("filled", "2")


def test_a_waiting_gap_is_looked_at_again_when_it_turns_actionable() -> None:
    send([(created(), at(1)), (entry(), at(5)), (update(0.4), at(8))])
    scheduled(10)
    assert the_signal().check_at == at(22)
    assert scheduled(21).signals_examined == 0
    assert scheduled(22).signals_examined == 1
    assert audited("gap_opened") == [("no_mfe_update", "")]
    assert the_signal().health_score == 80


def test_what_nothing_can_fill_is_tried_again_by_schedule_only_after_its_back_off() -> None:
    send([(created(), at(1)), (entry(), at(5)), (update(0.4), at(8))])
    scheduled(30)
    assert scheduled(31).signals_examined == 0
    assert cycle(31).signals_examined == 1  # by hand at once
    assert scheduled(41).signals_examined == 1


def test_the_totals_of_a_run_are_those_that_the_catalogue_counts() -> None:
    send([(entry(targets=None), at(5)), (update(0.4), at(6)), (created(OPPOSITE_ID), at(11))])
    before = count_gaps(GapView.at(at(30))).by_type
    report = cycle(30)
    assert report.gaps_before_by_type == before
    assert report.gaps_after_by_type == count_gaps(GapView.at(at(30))).by_type
    again = cycle(30)
    assert again.gaps_before_by_type == again.gaps_after_by_type == report.gaps_after_by_type


# A second cycle, a dry run, a failing signal


def snapshot() -> dict[str, list[dict[str, Any]]]:
    models = (AutomatedSignal, Fill, GapRecord, GapTotal, SyncAuditLog, SetAside)
    return {model.__name__: list(model._default_manager.order_by("pk").values()) for model in models}


def a_bit_of_everything() -> None:
    send(
        [
            (entry(targets=None), at(5)),
            (update(0.4), at(8)),
            (created(OPPOSITE_ID, direction="Bearish", signal_time="09:50:00"), at(11)),
            (created("20251211_095500000_BULLISH", signal_time="09:55:00"), at(16)),
            (entry("20251211_100500000_BEARISH", direction="Bearish", stop_loss=25750), at(30)),
            (exit_stop("20251211_100500000_BEARISH"), at(40)),
        ]
    )
    bars(dict.fromkeys(range(5, 30), 25741))


@pytest.mark.parametrize("trigger", ["schedule", "command"])
def test_a_second_cycle_right_after_a_first_writes_only_its_run_and_snapshot(trigger: str) -> None:
    a_bit_of_everything()
    cycle(60)
    before = snapshot()
    report = cycle(60, trigger=trigger)
    assert report.fills == 0
    assert snapshot() == before
    assert (SyncRun.objects.count(), SignalHealthMetric.objects.count()) == (2, 2)


def test_a_dry_run_shows_every_fill_and_writes_nothing() -> None:
    a_bit_of_everything()
    before = snapshot()
    dry = cycle(60, dry_run=True)
    assert snapshot() == before
    assert SyncRun.objects.count() == 0
    real = cycle(60)
    assert (dry.fills_by_tier, dry.cancelled) == (real.fills_by_tier, real.cancelled)
    assert (dry.gaps_before, dry.gaps_after) == (real.gaps_before, real.gaps_after)
    shown = {(each["trade_id"], each["field"], each["tier"]) for each in dry.proposals}
    made = {(fill.signal.trade_id, fill.field, fill.tier) for fill in Fill.objects.select_related("signal")}
    assert shown == made


@pytest.fixture
def tier_that_breaks(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    def breaks(case: Case, gaps: frozenset[str]) -> Iterator[Proposal]:
        if case.signal.trade_id == TRADE_ID:
            raise ZeroDivisionError("of all things")
        yield from ()

    means = sync.means_of
    monkeypatch.setattr(sync, "means_of", lambda tiers: sync.Means({**means(tiers).tiers, "2": breaks}))
    yield
    monkeypatch.undo()


@pytest.mark.usefixtures("tier_that_breaks")
def test_a_bad_signal_is_set_aside_with_its_error_and_the_rest_goes_on() -> None:
    others = [f"20251211_1{minute:02}000000_BULLISH" for minute in range(10, 50)]
    send([(entry(trade_id), at(5)) for trade_id in [TRADE_ID, *others]])
    report = scheduled(6)
    assert report.errors == 1
    assert report.signals_examined == len(others)
    bad = SetAside.objects.get()
    assert (bad.signal.trade_id, bad.error, bad.attempts) == (TRADE_ID, "ZeroDivisionError: of all things", 1)
    assert audited("set_aside") == [("", "")]
    assert scheduled(7).errors == 0, "left alone until its back-off ends"
    assert cycle(7).errors == 1, "a run by hand ignores the back-off"
    assert SetAside.objects.get().attempts == 2


def test_a_signal_set_aside_comes_back_when_it_changes_and_is_forgiven_when_it_works() -> None:
    send([(entry(), at(5))])
    signal = the_signal()
    AutomatedSignal.objects.update(needs_sync=False)
    SetAside.objects.create(signal=signal, error="x", first_at=at(6), retry_at=at(10**7))
    assert scheduled(6).signals_examined == 0
    send([(update(0.4), at(7))])
    assert scheduled(7).signals_examined == 1
    assert not SetAside.objects.exists()


def test_when_nothing_works_the_run_fails_instead_of_setting_everything_aside(monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks(*_: Any) -> None:
        raise ZeroDivisionError("everywhere")

    many(60)
    monkeypatch.setattr(sync, "plan", breaks)
    monkeypatch.setattr(sync, "HOPELESS", 3)
    with pytest.raises(ZeroDivisionError):
        cycle(6)
    assert SyncRun.objects.get().state == "failed"
    assert SetAside.objects.count() == 3


def test_a_run_that_fails_says_so_and_frees_the_lease(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: Any, **__: Any) -> None:
        raise RuntimeError("no")

    monkeypatch.setattr(sync, "find_work", fails)
    with pytest.raises(RuntimeError):
        cycle(6)
    run = SyncRun.objects.get()
    assert (run.state, run.error) == ("failed", "RuntimeError: no")
    monkeypatch.undo()
    assert cycle(6).run_id == run.pk + 1


def test_a_second_cycle_is_refused_while_one_runs_and_a_dead_one_is_marked() -> None:
    SyncRun.objects.create(trigger="schedule", as_of=at(0), started_at=timezone.now())
    with held(), pytest.raises(BusyError):
        cycle(6)
    cycle(6)
    assert list(SyncRun.objects.order_by("pk").values_list("state", flat=True)) == ["abandoned", "finished"]


def test_a_cycle_that_was_thought_dead_writes_nothing_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """A long run: its lease expires while it plans, another takes over, and then it wants to write."""
    send([(entry(), at(5)), (update(0.4), at(6))])
    load = sync.load

    def load_slowly(*args: Any) -> Any:
        found = load(*args)
        SyncLease.objects.update(expires_at=timezone.now())
        take()
        return found

    monkeypatch.setattr(sync, "load", load_slowly)
    with pytest.raises(LeaseLostError, match="passed to"):
        cycle(6)
    assert SyncRun.objects.get().state == "failed"
    assert not Fill.objects.exists()
    assert the_signal().needs_sync
    assert running(timezone.now()), "the heir keeps its lease"


def test_a_signal_that_changes_while_it_is_planned_is_left_for_the_next_cycle(monkeypatch: pytest.MonkeyPatch) -> None:
    send([(entry(), at(5)), (update(0.4), at(6))])
    load = sync.load

    def load_then_event(*args: Any) -> Any:
        found = load(*args)
        monkeypatch.setattr(sync, "load", load)
        send([(created(), at(1))])
        return found

    monkeypatch.setattr(sync, "load", load_then_event)
    assert cycle(6).fills == 0
    assert the_signal().needs_sync
    cycle(6)
    assert the_signal().provenance["confirmation_time"]["tier"] == 0


# Scope


def test_named_trade_ids_alone_are_examined() -> None:
    send([(entry(), at(5)), (entry("20251211_094100000_BULLISH"), at(6))])
    report = cycle(6, trade_ids=[TRADE_ID])
    assert report.signals_examined == 1
    assert set(Fill.objects.values_list("signal__trade_id", flat=True)) == {TRADE_ID}


def test_a_trade_id_that_there_is_not_is_named() -> None:
    with pytest.raises(ValueError, match="there is no signal 20200101_000000000_BULLISH"):
        cycle(6, trade_ids=["20200101_000000000_BULLISH"])


def test_named_tiers_alone_are_asked_and_what_others_filled_stays() -> None:
    send([(entry(targets=None), at(5)), (update(0.4), at(6))])
    cycle(6, tiers=["3"])
    assert set(Fill.objects.values_list("tier", flat=True)) == {"3"}
    AutomatedSignal.objects.update(needs_sync=True)
    assert cycle(6, tiers=["2"]).withdrawn == 0
    assert set(Fill.objects.filter(state="active").values_list("tier", flat=True)) == {"2", "3"}


def test_an_unknown_tier_is_named_with_those_there_are() -> None:
    with pytest.raises(ValueError, match=r"no tier 7: there are 0, 3, 2, inference, 1"):
        cycle(6, tiers=["7"])


def test_a_tier_switched_off_for_a_source_does_not_fill() -> None:
    send([(entry(), at(5)), (update(0.4), at(6))])
    source = the_signal().source
    source.tiers_off = ["3"]
    source.save()
    cycle(6)
    assert the_signal().confirmation_time is None


def test_a_gap_switched_off_for_a_source_counts_nowhere() -> None:
    send([(entry(), at(5)), (update(0.4), at(6))])
    source = the_signal().source
    source.gaps_off = ["no_htf_alignment"]
    source.save()
    report = cycle(6)
    assert report.gaps_after == 0
    assert the_signal().health_score == 100
    assert health(GapView.at(at(6))).score == 100


# Cost


def many(count: int) -> None:
    ids = [
        f"202512{day:02}_{hour:02}{minute:02}00000_BULLISH"
        for day in (8, 9)
        for hour in range(9, 16)
        for minute in range(60)
    ]
    alerts: list[Any] = []
    for number, trade_id in enumerate(ids[:count]):
        alerts += [(entry(trade_id, targets=None), at(number)), (update(0.1, trade_id=trade_id), at(number + 1))]
    send(alerts)


def queries_of_a_cycle() -> int:
    """Statements of one cycle. SQLite takes few values a statement, so there a batch's inserts count once."""
    with CaptureQueriesContext(connection) as captured:
        report = cycle(700, tiers=["0", "2", "3", "inference"])
    assert report.fills > 0
    statements = [query["sql"][:60] for query in captured.captured_queries]
    return len(statements if connection.vendor == "postgresql" else [one for one, _ in groupby(statements)])


def test_queries_follow_chunks_not_signals() -> None:
    many(20)
    few = queries_of_a_cycle()
    many(200)
    assert AutomatedSignal.objects.filter(needs_sync=True).count() == 180
    assert queries_of_a_cycle() <= few


def test_an_idle_cycle_asks_the_same_few_queries_however_much_is_stored() -> None:
    counts = []
    for size in (20, 200):
        many(size)
        scheduled(700)
        with CaptureQueriesContext(connection) as captured:
            assert scheduled(700).signals_examined == 0
        counts.append(len(captured))
    assert counts[0] == counts[1] <= 40


# The mission


@pytest.fixture
def mission() -> Path:
    folder = SHARED / "scenarios"
    if not folder.exists():
        pytest.skip("no scenarios: there is no shared/scenarios beside the project")
    return folder


def imported(file: Path) -> None:
    call_command("import_alerts", str(file), "--json")


def gaps_now() -> dict[str, int]:
    assert AS_OF
    return {name: count for name, count in count_gaps(GapView.at(AS_OF)).by_type.items() if count}


def test_the_mission_is_accomplished(mission: Path) -> None:
    assert AS_OF
    imported(mission / "mission-before.csv")
    assert gaps_now() == {
        "no_mfe_update": 7, "no_mae": 2, "no_htf_alignment": 36, "no_targets": 5, "no_confirmation_time": 36
    }  # fmt: skip
    assert health(GapView.at(AS_OF)).score == 0
    imported(mission / "mission-signal-created.csv")
    report = sync.run_sync(now=AS_OF, trigger="command")
    assert gaps_now() == {"no_mfe_update": 7, "no_mae": 2}
    assert report.health_after == 94.4
    assert sync.run_sync(now=AS_OF, trigger="command").fills == 0


def test_without_the_creations_tiers_still_fill_confirmation_and_targets(mission: Path) -> None:
    assert AS_OF
    imported(mission / "mission-before.csv")
    sync.run_sync(now=AS_OF, trigger="command")
    assert gaps_now() == {"no_mfe_update": 7, "no_mae": 2, "no_htf_alignment": 36}


def test_with_prices_no_gap_is_left(mission: Path) -> None:
    assert AS_OF
    imported(mission / "mission-before.csv")
    imported(mission / "mission-signal-created.csv")
    start = (AS_OF - at(0)).total_seconds() / 60
    bars({start - minute: 25735.0 for minute in range(1, 400)})
    sync.run_sync(now=AS_OF, trigger="command")
    assert gaps_now() == {}

"""The cycle as a whole: what it fills, what it takes back, what it leaves."""

from decimal import Decimal
from typing import Any

import pytest

from reconciliation.cycle.loading import load
from reconciliation.gaps import GapView
from reconciliation.health import count_gaps, health
from reconciliation.models import GapRecord, GapTotal, SyncAuditLog
from signals.exporting import record
from signals.models import AutomatedSignal, Fill, Source
from tests.builders import HTF, ROW_ONLY, TRADE_ID, at, break_even, created, entry, everything, send, the_signal, update
from tests.reconciliation.cycles import (
    OPPOSITE_ID,
    audited,
    bars,
    cycle,
    fill_of,
    rebuilt_differently,
    scheduled,
    snapshot,
    states,
)

pytestmark = pytest.mark.django_db


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


def test_under_a_fill_stands_the_latest_report_of_each_measurement() -> None:
    silent = update(0.5) | {"mae_global_r": None}
    send([(created(), at(1)), (entry(), at(5)), (update(0.4, mae=-0.3), at(6)), (silent, at(8))])
    bars(dict.fromkeys(range(5, 30), 25741))
    cycle(30)
    row = the_signal()
    assert {row.provenance[name]["tier"] for name in ("be_mfe", "mae")} == {2}
    (loaded,), _ = load([row], row.source, at(30), GapView.at(at(30)))
    base = loaded.case.signal
    assert (base.be_mfe, base.mae) == (Decimal("0.5"), Decimal("-0.3"))
    assert row.provenance["mae"]["tier"] == 2


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


def test_inference_switched_off_for_a_source_cancels_nothing_until_it_is_switched_on_again() -> None:
    send([(created(), at(1)), (created(OPPOSITE_ID, direction="Bearish", signal_time="09:50:00"), at(11))])
    source = the_signal().source
    source.tiers_off = ["inference"]
    source.save()
    cycle(20)
    assert the_signal().status == "PENDING"
    source.tiers_off = []
    source.save()
    cycle(21)
    assert the_signal().status == "CANCELLED"


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


def test_a_gap_that_a_copy_of_the_value_closes_names_tier_0_and_the_event() -> None:
    send([(created(), at(1)), (entry(targets=None), at(5)), (update(0.4), at(6))])
    cycle(6, tiers=["3"])
    send([(break_even() | {"targets": {"tp1_price": 25750}}, at(7))])
    cycle(7, tiers=["3"])
    record = GapRecord.objects.get(gap="no_targets")
    assert (record.state, record.tier) == ("filled", "0")
    entry_ = SyncAuditLog.objects.get(action="gap_closed", gap="no_targets")
    assert (entry_.tier, entry_.evidence["type"]) == ("0", "BE_TRIGGERED")


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

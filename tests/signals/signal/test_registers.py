"""What events add up to: lifecycles from any subset of alerts, in any order."""

from decimal import Decimal

import pytest

from signals.models import AutomatedSignal, PriceBar, SignalEvent, Source
from tests.builders import (
    HTF,
    SIGNAL_BAR,
    TRADE_ID,
    at,
    break_even,
    cancelled,
    created,
    entry,
    exit_break_even,
    exit_stop,
    payload,
    send,
    the_signal,
    update,
)

pytestmark = pytest.mark.django_db


def test_a_created_signal_is_pending_with_its_bar_session_and_htf() -> None:
    send([(created(), at(1))])
    signal = the_signal()
    assert (signal.status, signal.direction, signal.session) == ("PENDING", "Bullish", "NY AM")
    assert signal.signal_time == SIGNAL_BAR
    assert (str(signal.signal_date), signal.signal_time_str) == ("2025-12-11", "09:40:00")
    assert signal.htf_alignment == HTF


def test_entry_confirms_and_relates_its_bar_to_the_signals() -> None:
    send([(created(), at(1)), (entry(), at(5))])
    signal = the_signal()
    assert signal.status == "CONFIRMED"
    assert signal.confirmation_time == at(4)
    assert signal.bars_to_confirmation == 4
    assert signal.provenance["confirmation_time"]["tier"] == 0


def test_confirmation_is_left_to_the_tiers_when_the_creation_is_lost() -> None:
    send([(entry(), at(5))])
    signal = the_signal()
    assert signal.status == "CONFIRMED"
    assert signal.confirmation_time is None
    assert signal.bars_to_confirmation is None


def test_a_late_or_repeated_creation_does_not_move_the_signals_bar() -> None:
    send([(created(), at(9)), (created(), at(14)), (entry(), at(5))])
    signal = the_signal()
    assert signal.signal_time == SIGNAL_BAR
    assert signal.bars_to_confirmation == 4


def test_bars_to_confirmation_leave_out_the_daily_halt() -> None:
    # 16:55 to 18:01 New York: 16:55 to 16:59 are five bars before the halt, and 18:00 is the sixth.
    trade_id = "20251211_165500000_BULLISH"
    send([(created(trade_id), at(7 * 60 + 16)), (entry(trade_id), at(8 * 60 + 22))])
    assert the_signal(trade_id).bars_to_confirmation == 6


def test_an_entry_that_reports_when_trading_resumes_is_of_the_last_bar_before_the_halt() -> None:
    trade_id = "20251211_165500000_BULLISH"
    send([(created(trade_id), at(7 * 60 + 16)), (entry(trade_id), at(8 * 60 + 20))])
    signal = the_signal(trade_id)
    assert signal.bars_to_confirmation == 4
    assert signal.confirmation_time == at(7 * 60 + 19)


def test_live_measurements_are_the_latest_reported() -> None:
    send([(entry(), at(5)), (update(0.8, mae=-0.3), at(8)), (update(0.4, mae=-0.2), at(7))])
    signal = the_signal()
    assert (signal.be_mfe, signal.no_be_mfe, signal.mae) == (Decimal("0.8"), Decimal("0.8"), Decimal("-0.3"))
    assert signal.mfe_as_of == at(7)


def test_of_two_reports_in_one_minute_the_exit_wins() -> None:
    send([(entry(), at(5)), (update(9.9), at(8)), (exit_stop(be_mfe=1.4, no_be_mfe=2.5), at(8))])
    signal = the_signal()
    assert (signal.be_mfe, signal.no_be_mfe) == (Decimal("1.4"), Decimal("2.5"))


def test_exit_at_break_even_after_protection_ends_only_the_first_leg() -> None:
    send([(entry(), at(5)), (break_even(), at(9)), (exit_break_even(), at(12)), (update(1.4, 2.2), at(13))])
    signal = the_signal()
    assert signal.status == "CONFIRMED"
    assert signal.be_exit_at == at(12)
    assert signal.no_be_mfe == Decimal("2.2")


def test_exit_at_break_even_of_a_leg_never_protected_completes() -> None:
    send([(entry(), at(5)), (exit_break_even(be_mfe=0.4), at(12))])
    assert the_signal().status == "COMPLETED"


def test_reaching_one_r_counts_as_protection_even_when_be_triggered_was_lost() -> None:
    send([(entry(), at(5)), (update(1.2), at(9)), (exit_break_even(be_mfe=1.2), at(12))])
    assert the_signal().status == "CONFIRMED"


def test_exit_at_the_stop_completes() -> None:
    send([(entry(), at(5)), (break_even(), at(9)), (exit_stop(), at(30))])
    signal = the_signal()
    assert (signal.status, signal.stop_exit_at, signal.stop_exit_price) == ("COMPLETED", at(30), Decimal(25730))


def test_both_exits_may_come_in_one_second_in_either_order() -> None:
    send([(entry(), at(5)), (break_even(), at(9)), (exit_stop(), at(30)), (exit_break_even(), at(30))])
    signal = the_signal()
    assert (signal.status, signal.be_exit_at, signal.stop_exit_at) == ("COMPLETED", at(30), at(30))


def test_whoever_is_updated_is_confirmed() -> None:
    send([(update(0.3), at(20))])
    signal = the_signal()
    assert signal.status == "CONFIRMED"
    assert signal.entry_price is None


def test_a_stranger_is_rebuilt_from_what_its_later_rows_carry() -> None:
    send([(break_even(), at(60))])
    signal = the_signal()
    assert (signal.entry_price, signal.stop_loss) == (Decimal(25740), Decimal(25730))
    assert signal.provenance["entry_price"]["tier"] == 0
    assert signal.provenance["entry_price"]["source"] == "reconciled"


def test_what_entry_says_replaces_what_later_rows_carried_whichever_came_first() -> None:
    send([(break_even(), at(9))])
    send([(entry(entry_price=25741), at(5))])
    signal = the_signal()
    assert signal.entry_price == Decimal(25741)
    assert signal.provenance["entry_price"]["tier"] is None


def test_session_and_htf_of_later_rows_are_of_their_own_bar_and_not_believed() -> None:
    send([(update(0.3, session="NY PM", htf_alignment=dict.fromkeys(HTF, "Bearish")), at(300))])
    signal = the_signal()
    assert signal.session is None
    assert signal.htf_alignment is None


def test_a_session_label_that_lies_is_kept_beside_the_computed_one() -> None:
    send([(created(session="LONDON"), at(1))])
    signal = the_signal()
    assert (signal.session, signal.session_label) == ("NY AM", "LONDON")


def test_a_report_of_a_cancellation_tells_that_it_was_and_not_when() -> None:
    state = {"trade_id": TRADE_ID, "status": "CANCELLED"}
    send([(created(), at(1)), ({"event_type": "POLLING_RESPONSE", "signals": [state]}, at(30))])
    signal = the_signal()
    assert (signal.status, signal.seen_cancelled_at) == ("CANCELLED", at(30))
    assert (signal.cancelled_at, signal.cancellation_time) == (None, None)
    send([(cancelled(), at(6))])
    assert the_signal().cancellation_time == at(5)


def test_cancellation_is_final_only_until_an_entry_proves_otherwise() -> None:
    send([(created(), at(1)), (cancelled(), at(6))])
    signal = the_signal()
    assert (signal.status, signal.cancelled_by, signal.cancellation_time) == ("CANCELLED", "other", at(5))
    send([(entry(), at(4))])
    assert the_signal().status == "CONFIRMED"


def test_a_repeated_break_even_or_exit_keeps_the_first_time() -> None:
    send([(entry(), at(5)), (break_even(), at(9)), *[(break_even(), at(9 + n)) for n in range(1, 20)]])
    assert the_signal().be_triggered_at == at(9)


def test_no_lifecycle_rule_rejects_an_event() -> None:
    send([(exit_stop(), at(2)), (created(), at(40)), (entry(), at(35)), (cancelled(), at(50))])
    assert SignalEvent.objects.count() == 4


def test_old_dialects_follow_one_leg_and_their_id_names_entrys_bar() -> None:
    # Chicago 08:44, which is 14:44 UTC; the triangle was at 14:40.
    trade_id, triangle = "20251211_084400000_BULLISH", int(SIGNAL_BAR.timestamp() * 1000)
    send(
        [
            (
                {
                    "type": "ENTRY", "signal_id": trade_id, "date": "2025-12-11", "time": "09:40:00", "bias": "Bullish",
                    "session": "NY AM", "entry_price": 25740, "sl_price": 25730, "timestamp": triangle,
                },
                at(5),
            ),
            (
                {
                    "type": "EXIT_BREAK_EVEN", "signal_id": trade_id, "completion_reason": "be_stop_loss_hit",
                    "final_be_mfe": 1.6, "final_no_be_mfe": 1.6, "timestamp": triangle,
                },
                at(20),
            ),
        ]
    )  # fmt: skip
    signal = the_signal(trade_id)
    assert signal.clock_zone == "America/Chicago"
    assert signal.signal_time == SIGNAL_BAR
    assert signal.status == "COMPLETED"


def test_a_batch_tells_many_signals_and_one_close() -> None:
    ids = [f"20251211_09{minute}00000_BEARISH" for minute in (40, 41, 42)]
    entries = [
        {
            "trade_id": i,
            "direction": "Bearish",
            "be_mfe": 1,
            "no_be_mfe": 2,
            "mae_global_r": 0,
            "current_price": 25700.25,
        }
        for i in ids
    ]
    send([({"event_type": "MFE_UPDATE_BATCH", "signals": entries}, at(30))])
    assert AutomatedSignal.objects.filter(status="CONFIRMED", mae=0).count() == 3
    bar = PriceBar.objects.get()
    assert (bar.symbol, bar.time, bar.close, bar.kind) == ("MNQ1!", at(29), Decimal("25700.25"), PriceBar.Kind.CLOSE)


def test_a_whole_bar_beats_a_close_whichever_came_first() -> None:
    snapshot = {
        "event_type": "UNIFIED_SNAPSHOT_V1", "bar_ts": int(at(30).timestamp() * 1000), "open": 1.25, "high": 3,
        "low": 1, "close": 2, "signals": [], "triangles_delta": [],
    }  # fmt: skip
    batch = {"event_type": "MFE_UPDATE_BATCH", "signals": [{**update(1), "current_price": 9}]}
    for alerts in ([(snapshot, at(30)), (batch, at(30))], [(batch, at(31)), ({**snapshot, "open": 1.5}, at(30))]):
        send(alerts)
        assert PriceBar.objects.get(time=at(29)).kind == PriceBar.Kind.BAR


def test_a_heartbeat_updates_the_source_and_an_older_one_does_not() -> None:
    send([({"event_type": "HEARTBEAT", "timestamp": "x", "signal_count": 7}, at(9))])
    send([({"event_type": "HEARTBEAT", "timestamp": "x", "signal_count": 3}, at(2))])
    source = Source.objects.get()
    assert (source.signal_count, source.last_heartbeat_at) == (7, at(9))


def test_an_export_knows_what_was_lost_and_says_so_with_its_own_provenance() -> None:
    moment = int(SIGNAL_BAR.timestamp() * 1000)
    known = {
        "trade_id": "20251211_094000000_BULLISH", "direction": "Bullish", "status": "CONFIRMED", "entry": 25740,
        "stop": 25730, "signal_time": moment, "confirmation_time": moment + 4 * 60_000, "bars_to_confirm": 4,
        "htf_daily": "BULL", "htf_4h": "NEUT", "htf_1h": "BULL", "htf_15m": "BULL", "htf_5m": "BULL", "htf_1m": "BULL",
    }  # fmt: skip
    export = {
        "event_type": "ALL_SIGNALS_EXPORT", "batch_number": 1, "batch_size": 1, "total_signals": 1, "signals": [known],
    }  # fmt: skip
    send([(export, at(600))])
    signal = the_signal()
    assert (signal.status, signal.htf_alignment, signal.bars_to_confirmation) == ("CONFIRMED", HTF, 4)
    assert signal.provenance["htf_alignment"]["source"] == "indicator_polling"
    assert signal.data_source == "indicator_polling"


def test_an_unknown_id_without_a_time_is_placed_by_what_its_events_state() -> None:
    send([(payload("SIGNAL_CREATED", "my-own-id", signal_date="2025-12-11", signal_time="09:40:00"), at(1))])
    assert the_signal("my-own-id").signal_time == SIGNAL_BAR

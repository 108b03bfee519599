"""How requests end: the ways in which the indicator answers, and what happens when it does not."""

from datetime import datetime
from typing import Any

import pytest

from reconciliation.asking import step
from reconciliation.models import AskedGap, SyncRequest
from signals.models import AutomatedSignal, Source
from signals.vocabulary import REPORTS
from tests.builders import entry, payload, send, update

from .build import HTF, MAE, MFE, NOW, close_gap, fill, hours, open_gap, signal, trade, webhook, with_gap

pytestmark = pytest.mark.django_db
TREND = {"htf_daily": "BULL", "htf_1h": "BULL"}


def report(kind: str, trade_id: str = trade(0), **fields: Any) -> dict[str, Any]:
    """What the indicator says of a signal when it is asked: flat, or in the list of its kind."""
    told = {"trade_id": trade_id, "direction": "BULLISH", "status": "CONFIRMED", "entry": 25740, "stop": 25730, **TREND}
    told |= fields
    if kind == "UNIFIED_SNAPSHOT_V1":
        prices = {"open": 25740, "high": 25742, "low": 25739, "close": 25741}
        return {"event_type": kind, "bar_ts": 1765540800000, **prices, "signals": [told]}
    return {"event_type": kind, "batch_number": 1, "batch_size": 1, "total_signals": 1, "signals": [told]}


def asking(trade_id: str = trade(0)) -> AutomatedSignal:
    """A signal that is being asked about since NOW."""
    row = with_gap(trade_id)
    step(now=NOW)
    return row


def the_request() -> SyncRequest:
    return SyncRequest.objects.get()


@pytest.mark.parametrize("kind", sorted(REPORTS))
def test_any_report_that_mentions_the_trade_id_answers(kind: str) -> None:
    asking()
    webhook(report(kind), hours(1))
    assert step(now=hours(1)).answered == 1
    assert (the_request().state, the_request().answered_at) == ("answered", hours(1))
    assert AskedGap.objects.get().answered_at == hours(1)


def test_a_flat_polling_response_answers() -> None:
    asking()
    webhook(payload("POLLING_RESPONSE", trade(0), entry_price=25740, stop_loss=25730), hours(1))
    assert step(now=hours(1)).answered == 1


def test_an_imported_alert_log_that_brings_events_of_it_answers() -> None:
    asking()
    send([(entry(trade(0)), datetime.fromisoformat("2025-12-11T14:05:00Z"))])
    assert step(now=hours(1)).answered == 1


def test_an_imported_alert_log_that_brings_nothing_new_does_not() -> None:
    row = asking()
    signal(row.trade_id)  # the same row of the log once more
    assert step(now=hours(1)).answered == 0
    assert the_request().state == "waiting"


def test_a_realtime_event_is_no_answer() -> None:
    asking()
    webhook(update(0.5, trade_id=trade(0)), hours(1))
    assert step(now=hours(1)).answered == 0
    webhook(report("POLLING_RESPONSE"), hours(2))
    assert step(now=hours(2)).answered == 1


def test_a_report_that_came_before_the_question_is_no_answer() -> None:
    with_gap()
    webhook(report("POLLING_RESPONSE", htf_daily=None, htf_1h=None), NOW)
    step(now=hours(1))
    assert step(now=hours(2)).answered == 0


def test_a_report_of_another_source_about_the_same_trade_id_is_no_answer() -> None:
    asking()
    webhook(report("POLLING_RESPONSE"), hours(1), Source.objects.create(name="other"))
    assert step(now=hours(1)).answered == 0


def test_a_request_is_answered_when_all_of_it_is() -> None:
    asked = [with_gap(trade(0)), with_gap(trade(1))]
    step(now=NOW)
    webhook(report("POLLING_RESPONSE", asked[0].trade_id), hours(1))
    step(now=hours(1))
    assert the_request().state == "waiting"
    webhook(report("POLLING_RESPONSE", asked[1].trade_id), hours(2))
    step(now=hours(2))
    assert (the_request().state, the_request().answered_at) == ("answered", hours(2))


def test_an_answer_that_leaves_the_gap_open_starts_the_back_off() -> None:
    asking()
    webhook(report("POLLING_RESPONSE"), hours(1))
    assert step(now=hours(1)).asked == 0
    assert step(now=hours(6)).asked == 0
    assert step(now=hours(7)).asked == 1


def test_a_gap_that_closes_by_other_means_is_no_longer_asked_about() -> None:
    row = with_gap(gap=HTF)
    open_gap(row, MAE)
    step(now=NOW)
    close_gap(row, MAE)
    assert step(now=hours(1)).withdrawn == 0
    close_gap(row, HTF)
    assert step(now=hours(2)).withdrawn == 1
    assert (the_request().state, the_request().answered_at) == ("withdrawn", None)


def test_a_doubtful_fill_that_gains_trust_is_no_longer_asked_about() -> None:
    row = signal()
    fill(row, "0.5", MFE)
    step(now=NOW)
    assert the_request().state == "waiting"
    fill(row, "0.9", MFE, hours(1))
    assert step(now=hours(1)).withdrawn == 1


def test_switching_the_tier_off_withdraws_what_is_asked(source: Source) -> None:
    asking()
    Source.objects.filter(pk=source.pk).update(tiers_off=["1"])
    assert step(now=hours(1)).withdrawn == 1


def test_an_unanswered_request_expires_and_is_not_repeated_at_once() -> None:
    asking()
    assert step(now=hours(23.9)).expired == 0
    done = step(now=hours(24))
    assert (done.expired, done.asked) == (1, 0)
    assert (the_request().state, the_request().ended_at) == ("expired", hours(24))
    assert AskedGap.objects.get().again_at == hours(30)


def test_what_was_answered_of_a_request_that_expires_counts_as_answered() -> None:
    asked = [with_gap(trade(0)), with_gap(trade(1))]
    step(now=NOW)
    webhook(report("POLLING_RESPONSE", asked[0].trade_id), hours(1))
    step(now=hours(1))
    close_gap(asked[0])
    step(now=hours(24))
    assert the_request().state == "expired"
    assert [row.answered_at for row in AskedGap.objects.order_by("signal__trade_id")] == [hours(1), None]


def test_an_answer_after_the_end_still_fills_the_gap() -> None:
    row = asking()
    step(now=hours(24))
    webhook(report("ALL_SIGNALS_EXPORT"), hours(25))
    row.refresh_from_db()
    assert row.provenance["entry_price"]["tier"] == 1
    assert row.entry_price == 25740

"""Asking: what a cycle left open becomes requests, in batches, once, and at a cost that follows what is new."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from reconciliation.asking import requesting, step
from reconciliation.asking.requesting import BATCH
from reconciliation.asking.rules import EXPIRES_AFTER, KNOWN_FOR, MAX_TIMES
from reconciliation.cycle.run import run_sync
from reconciliation.models import AskedGap, AskingMark, SyncRequest
from signals.models import Source
from tests.builders import created, send
from tests.posting import at_once

from .build import HTF, MAE, MFE, NOW, close_gap, fill, hours, open_gap, signal, trade, with_gap

pytestmark = pytest.mark.django_db


def asked_about() -> list[tuple[str, str]]:
    """Trade ids and gaps that are being asked about."""
    rows = AskedGap.objects.filter(ended_at=None).order_by("signal__trade_id", "gap")
    return list(rows.values_list("signal__trade_id", "gap"))


def test_a_gap_that_the_cycle_left_open_is_asked_about() -> None:
    row = with_gap()
    assert step(now=NOW).asked == 1
    request = SyncRequest.objects.get()
    assert (request.source, request.reason, request.state) == (row.source, [HTF], "waiting")
    assert (request.created_at, request.expires_at) == (NOW, NOW + EXPIRES_AFTER)
    assert asked_about() == [(row.trade_id, HTF)]


def test_what_a_whole_cycle_leaves_open_is_asked_about_and_what_it_fills_is_not() -> None:
    send([(created(trade(0), htf_alignment=None, session=None, signal_date=None), NOW - timedelta(hours=9))])
    run_sync(now=NOW, trigger="command")
    step(now=timezone.now(), as_of=NOW)
    assert asked_about() == [(trade(0), HTF)]


def test_a_second_step_right_after_asks_nothing_and_writes_nothing() -> None:
    with_gap()
    step(now=NOW)
    with CaptureQueriesContext(connection) as queries:
        assert step(now=NOW + timedelta(seconds=1), by_hand=True).asked == 0
    assert [query["sql"] for query in queries if query["sql"].startswith(("INSERT", "UPDATE", "DELETE"))] == []


def test_all_gaps_of_a_signal_go_into_one_request() -> None:
    row = with_gap(gap=HTF)
    open_gap(row, MAE)
    step(now=NOW)
    assert SyncRequest.objects.get().reason == [HTF, MAE]
    assert asked_about() == [(row.trade_id, HTF), (row.trade_id, MAE)]


def test_requests_hold_so_many_trade_ids_each() -> None:
    for minute in range(BATCH + 1):
        with_gap(trade(minute))
    step(now=NOW)
    sizes = [request.asked.count() for request in SyncRequest.objects.order_by("pk")]
    assert sizes == [BATCH, 1]


def test_each_source_has_requests_of_its_own() -> None:
    other = Source.objects.create(name="other")
    with_gap(trade(0))
    with_gap(trade(1), source=other)
    step(now=NOW)
    assert sorted(SyncRequest.objects.values_list("source__name", flat=True)) == ["default", "other"]


def test_a_gap_filled_with_little_confidence_is_asked_about() -> None:
    row = signal()
    fill(row, "0.7")
    step(now=NOW)
    assert asked_about() == [(row.trade_id, MFE)]


@pytest.mark.parametrize("confidence", ["0.8", "1"])
def test_a_gap_filled_with_confidence_is_not(confidence: str) -> None:
    fill(signal(), confidence)
    assert step(now=NOW).asked == 0


def test_a_closed_gap_is_not_asked_about() -> None:
    close_gap(with_gap())
    assert step(now=NOW).asked == 0


def test_a_source_with_the_tier_off_is_not_asked(source: Source) -> None:
    Source.objects.filter(pk=source.pk).update(tiers_off=["1"])
    with_gap()
    assert step(now=NOW).asked == 0


def test_age_is_judged_by_the_cycles_moment_and_back_off_by_the_wall_clock() -> None:
    row = with_gap()
    long_ago = row.first_event_at + KNOWN_FOR
    assert step(now=NOW + timedelta(days=365), as_of=long_ago).asked == 1
    assert SyncRequest.objects.get().created_at == NOW + timedelta(days=365)


def test_what_is_too_old_is_not_asked_about() -> None:
    with_gap()
    assert step(now=NOW + KNOWN_FOR).asked == 0


def test_a_gap_is_asked_about_again_when_its_back_off_is_over_and_at_last_given_up() -> None:
    row = with_gap()
    asked_at = []
    for hour in range(24 * 12):
        if step(now=hours(hour), as_of=NOW).asked:
            asked_at.append(hour)
    # Each waits 24 hours for an answer, then 6, 12 and 24 for its turn.
    assert asked_at == [0, 30, 66, 114]
    assert len(asked_at) == MAX_TIMES
    assert list(row.asked.values_list("times", flat=True)) == [1, 2, 3, 4]


def test_a_run_by_hand_does_not_wait_for_the_back_off() -> None:
    with_gap()
    step(now=NOW)
    step(now=hours(24))
    assert step(now=hours(25)).asked == 0
    assert step(now=hours(25), by_hand=True).asked == 1


def test_a_gap_that_closed_during_the_back_off_is_forgotten_and_asked_afresh_when_it_opens_again() -> None:
    row = with_gap()
    step(now=NOW)
    step(now=hours(24))
    close_gap(row)
    assert step(now=hours(30)).asked == 0
    open_gap(row, since=hours(31))
    assert step(now=hours(31)).asked == 1
    assert row.asked.order_by("-pk").first().times == 1


def test_a_gap_that_opens_while_another_is_asked_waits_its_turn() -> None:
    row = with_gap(gap=HTF)
    step(now=NOW)
    open_gap(row, MFE, since=hours(1))
    assert step(now=hours(1)).asked == 0
    step(now=hours(24))
    step(now=hours(30))
    assert asked_about() == [(row.trade_id, HTF), (row.trade_id, MFE)]


def test_only_so_many_signals_of_a_source_are_asked_about_at_once_and_the_newest_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(requesting, "OPEN_AT_MOST", 2)
    rows = [with_gap(trade(minute)) for minute in range(3)]
    assert step(now=NOW).asked == 2
    assert asked_about() == [(row.trade_id, HTF) for row in rows[1:]]
    assert step(now=NOW, by_hand=True).asked == 0
    close_gap(rows[2])
    assert step(now=hours(1)).asked == 0
    # What had no room is found again by a run by hand.
    assert step(now=hours(1), by_hand=True).asked == 1
    assert asked_about() == [(row.trade_id, HTF) for row in rows[:2]]


def test_a_source_without_room_takes_none_from_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requesting, "OPEN_AT_MOST", 1)
    for minute in range(2):
        with_gap(trade(minute))
    with_gap(trade(2), source=Source.objects.create(name="other"))
    assert step(now=NOW).asked == 2


def test_the_database_itself_refuses_to_ask_twice() -> None:
    row = with_gap()
    step(now=NOW)
    request = SyncRequest.objects.get()
    with pytest.raises(IntegrityError), transaction.atomic():
        AskedGap.objects.create(request=request, signal=row, gap=HTF, events_seen=1)


@pytest.mark.django_db(transaction=True)
def test_steps_at_the_same_time_ask_once() -> None:
    rows = [with_gap(trade(minute)) for minute in range(3)]
    results = at_once([lambda: step(now=NOW)] * 4)
    assert [result for result in results if isinstance(result, Exception)] == []
    assert sum(result.asked for result in results) == 3
    assert asked_about() == [(row.trade_id, HTF) for row in rows]
    assert SyncRequest.objects.count() == 1


def queries_of_an_idle_step() -> int:
    with CaptureQueriesContext(connection) as queries:
        step(now=NOW + timedelta(minutes=2))
    return len(queries)


def test_an_idle_step_costs_the_same_few_queries_however_much_is_open_and_stored() -> None:
    step(now=NOW)
    assert queries_of_an_idle_step() <= 6
    with_gap(trade(0))
    step(now=NOW)
    one = queries_of_an_idle_step()
    for minute in range(1, 60):
        with_gap(trade(minute))
    step(now=NOW)
    assert queries_of_an_idle_step() == one <= 12


def test_only_what_is_new_is_looked_at() -> None:
    row = with_gap()
    step(now=NOW)
    mark = AskingMark.objects.get()
    assert (mark.gap_record, mark.fill) == (row.gap_records.get().pk, 0)
    standing = fill(row, "0.9")
    step(now=NOW)
    mark.refresh_from_db()
    assert (mark.gap_record, mark.fill) == (row.gap_records.get().pk, standing.pk)

"""A new signal's first alert goes in by one statement, and comes out as it does the long way."""

import io
from collections import Counter
from collections.abc import Iterator, Sequence
from decimal import Decimal
from functools import partial
from itertools import chain
from typing import Any
from unittest.mock import patch

import pytest
from django.core.management import call_command
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext

from signals import intake
from signals.intake import take_in
from signals.models import AutomatedSignal, Delivery, DeliveryBody, SignalEvent, Source
from signals.receiving.senders import default_source
from signals.signal import first_alert
from signals.signal.first_alert import FirstAlert, store_births
from signals.vocabulary import DeliveryStatus
from tests.builders import Alert, at, created, entry, incoming, payload, send, the_signal, update
from tests.posting import another_connection_holds, at_once

OTHER = "20251211_093000000_BEARISH"
BIRTHS: dict[str, dict[str, Any]] = {
    "SIGNAL_CREATED": created(),
    "ENTRY": entry(),
    "an ENTRY without prices": payload("ENTRY", direction="Bullish"),
    "an ENTRY whose label lies": entry(session="LONDON"),
    "an id without a time": entry("7", direction="Bullish"),
    "an id whose time is not credible": entry("20240101_000000000_BULLISH"),
    "an id in another zone": created("20251211_084000000_BULLISH", signal_time="08:40:00"),
}


@pytest.fixture(autouse=True)
def source(transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> Source:
    """The default source, which has voted for one zone: its births share its clock."""
    monkeypatch.setattr(intake, "announced", set())
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has no round trips to save")
    send([(created(OTHER, direction="Bearish"), at(-9))])
    # One statement goes ahead on a connection that does not know it.
    send([(created("20251211_093100000_BEARISH", direction="Bearish"), at(-8))])
    source = default_source()
    assert source.zones_seen == ["America/New_York"]
    return source


@pytest.fixture
def long_way() -> Iterator[None]:
    with patch.object(intake, "take_in_births", return_value=None):
        yield


def stored(trade_id: str) -> tuple[Any, ...]:
    """What is kept of a signal, its events, their deliveries and bodies, but for keys and the time of receipt."""
    events = SignalEvent.objects.filter(signal__trade_id=trade_id).values().order_by("sequence_number")
    deliveries = Delivery.objects.filter(events__signal__trade_id=trade_id).values()
    bodies = DeliveryBody.objects.filter(delivery__events__signal__trade_id=trade_id).values()
    keys = {"id", "signal_id", "delivery_id", "created_at", "updated_at"}
    signals = AutomatedSignal.objects.filter(trade_id=trade_id).values()
    return tuple(
        [{name: value for name, value in row.items() if name not in keys} for row in rows]
        for rows in (signals, events, deliveries, bodies)
    )


def run(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


def patience() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SHOW statement_timeout")
        return str(cursor.fetchone()[0])


def round_trips(*alerts: Alert) -> int:
    source = default_source()
    with CaptureQueriesContext(connection) as queries:
        send(alerts, source)
    return len(queries)


@pytest.mark.parametrize("kind", ["SIGNAL_CREATED", "ENTRY"])
def test_a_birth_is_stored_in_one_round_trip(kind: str) -> None:
    assert round_trips((BIRTHS[kind], at(1))) == 1
    assert the_signal().event_count == 1


def test_so_are_several_each_with_its_own_events(source: Source) -> None:
    others = ["20251211_094100000_BULLISH", "20251211_094200000_BULLISH"]
    assert round_trips((created(), at(1)), *((entry(trade_id), at(4)) for trade_id in others)) == 1
    made = AutomatedSignal.objects.filter(first_event_at__gte=at(1))
    assert dict(made.values_list("trade_id", "events__type")) == {
        created()["trade_id"]: "SIGNAL_CREATED", **dict.fromkeys(others, "ENTRY"),
    }  # fmt: skip
    assert {
        bytes(row.delivery.body.raw) for row in SignalEvent.objects.filter(type="SIGNAL_CREATED", signal__in=made)
    } == {incoming(created(), at(1)).body}


@pytest.mark.usefixtures("unguarded")
@pytest.mark.parametrize("kind", BIRTHS)
def test_it_is_stored_as_the_long_way_stores_it(kind: str, source: Source, request: pytest.FixtureRequest) -> None:
    alert = (BIRTHS[kind], at(3))
    trade_id = BIRTHS[kind]["trade_id"]
    short = send([alert]), stored(trade_id)
    SignalEvent.objects.filter(signal__trade_id=trade_id).delete()
    AutomatedSignal.objects.filter(trade_id=trade_id).delete()
    DeliveryBody.objects.filter(delivery__fire_minute=at(3)).delete()
    Delivery.objects.filter(fire_minute=at(3)).delete()
    Source.objects.filter(pk=source.pk).update(zones_seen=source.zones_seen)
    request.getfixturevalue("long_way")
    long = send([alert]), stored(trade_id)
    assert short[1] == long[1]
    assert (short[0].outcomes[0].status, len(short[0].created)) == (long[0].outcomes[0].status, len(long[0].created))


def test_the_key_that_it_returns_is_the_signals(source: Source) -> None:
    taken = send([(entry(), at(3))], source)
    assert taken.created == {the_signal().pk}
    assert taken.updated == frozenset()


def test_an_alert_of_a_signal_that_is_there_joins_it(source: Source) -> None:
    send([(created(), at(1))], source)
    taken = send([(entry(), at(3))], source)
    assert (taken.created, taken.updated) == (frozenset(), {the_signal().pk})
    assert (the_signal().event_count, the_signal().bars_to_confirmation) == (2, 2)


def test_where_signals_are_announced_their_entries_are_not_tried(source: Source) -> None:
    first, second, third = (f"20251211_09{minute}00000_BULLISH" for minute in (41, 42, 43))
    send([(created(first), at(2))], source)
    send([(entry(first), at(4))], source)
    send([(created(second), at(3))], source)
    with patch.object(intake, "store_births") as tried:
        send([(entry(second), at(5))], source)
    tried.assert_not_called()
    send([(entry(), at(4))], source)
    assert round_trips((entry(third), at(6))) == 1, "one that was not announced says so to the next"


@pytest.mark.parametrize("there", [(created(), at(1)), (entry(), at(3))], ids=["the signal", "the delivery"])
def test_several_of_which_one_is_there_are_all_stored_the_long_way(there: Alert, source: Source) -> None:
    new = "20251211_094100000_BULLISH"
    send([there], source)
    taken = send([(entry(new), at(4)), (entry(), at(3))], source)
    assert taken.created == {AutomatedSignal.objects.get(trade_id=new).pk}
    assert the_signal().provenance["entry_price"]


def test_two_first_alerts_of_one_signal_are_stored_the_long_way(source: Source) -> None:
    taken = send([(created(), at(1)), (entry(), at(3))], source)
    assert taken.created == {the_signal().pk}
    assert the_signal().event_count == 2


def test_a_repetition_is_a_duplicate(source: Source) -> None:
    send([(entry(), at(3))], source)
    taken = send([(entry(), at(3))], source)
    assert taken.outcomes[0].status == DeliveryStatus.DUPLICATE
    assert the_signal().event_count == 1


def test_what_others_have_learned_of_the_clock_meanwhile_counts(source: Source) -> None:
    stale = Source.objects.get(pk=source.pk)
    Source.objects.filter(pk=source.pk).update(zones_seen=["America/Chicago", "America/New_York"])
    send([(entry(), at(3))], stale)
    assert stale.zones_seen == ["America/Chicago", "America/New_York"]
    assert the_signal().event_count == 1


def test_a_value_that_the_database_refuses_costs_the_short_way_only(source: Source) -> None:
    def overdo(signal: AutomatedSignal, *_: Any) -> None:
        signal.confidence_score = Decimal(7)

    with patch.object(first_alert, "finish", overdo):
        send([(entry(), at(3))], source)
    assert (the_signal().event_count, the_signal().confidence_score) == (1, 1)


def test_an_update_of_a_stranger_goes_the_long_way(source: Source) -> None:
    send([(update(0.4), at(5))], source)
    assert the_signal().status == "CONFIRMED"


def test_a_connection_that_forgot_the_statement_loses_nothing_and_learns_it_anew(source: Source) -> None:
    run("DEALLOCATE ALL")
    send([(created(), at(1))], source)
    assert the_signal().event_count == 1
    assert round_trips((entry("20251211_094100000_BULLISH"), at(4))) == 1


def test_a_connection_on_which_preparing_went_well_and_storing_did_not_is_known_after_all(source: Source) -> None:
    connection.close()
    send([(created(OTHER, direction="Bearish", n=1), at(-9))], source)  # prepares, and finds the signal there
    first_alert._prepared.clear()
    send([(created(), at(1))], source)
    assert the_signal().event_count == 1
    assert round_trips((entry("20251211_094100000_BULLISH"), at(4))) == 1


def test_a_statement_of_another_release_is_not_taken_for_ours(source: Source) -> None:
    run("DEALLOCATE ALL")
    run("PREPARE birth AS SELECT 1")
    send([(created(), at(1))], source)
    assert the_signal().event_count == 1


def test_tables_that_change_below_an_open_connection_leave_the_long_way(source: Source) -> None:
    run("ALTER TABLE automated_signals ALTER COLUMN stated_time TYPE timestamp USING stated_time::timestamp")
    try:
        send([(entry(), at(3))], source)
        assert AutomatedSignal.objects.filter(event_count=1, trade_id=entry()["trade_id"]).exists()
    finally:
        run("ALTER TABLE automated_signals ALTER COLUMN stated_time TYPE varchar(19) USING stated_time::varchar")


def test_preparing_waits_no_longer_than_the_sender_either(source: Source) -> None:
    connection.close()
    locked = another_connection_holds("LOCK TABLE signal_events IN ACCESS EXCLUSIVE MODE")
    with locked, pytest.raises(OperationalError, match="timeout"):
        take_in(source, [incoming(entry(), at(3))], now=at(4), wait_ms=200)


def test_the_database_may_not_take_longer_than_the_sender_waits(source: Source) -> None:
    row = Delivery(source=source, received_at=at(1), fire_minute=at(1), checksum="0" * 32, size=2)
    event = SignalEvent(source=source, delivery=row, position=0, type="ENTRY", fire_minute=at(1), facts={})
    event.trade_id = "7"
    usual = patience()
    with CaptureQueriesContext(connection) as queries:
        birth = FirstAlert(row, DeliveryBody(delivery=row, raw=b"{}"), event)
        assert store_births(source, [birth], now=at(2), wait_ms=700)
    assert "SET LOCAL statement_timeout = 700" in queries[0]["sql"]
    assert patience() == usual  # the limit was the transaction's, not the connection's


def test_a_rebuild_has_nothing_to_correct(source: Source) -> None:
    send([(entry(), at(3))], source)
    send([(created(), at(1))], source)
    call_command("rebuild_signals", check=True, stdout=io.StringIO())


def test_the_same_in_another_order_at_the_same_time_is_stored_once(source: Source) -> None:
    """A circle, in which each holds what the other waits for, must not cost an alert its way in."""

    def sent(ids: Sequence[str]) -> list[str]:
        own, items = Source.objects.get(pk=source.pk), [incoming(entry(each), at(3)) for each in ids]
        return [outcome.status for outcome in take_in(own, items, now=at(4)).outcomes]

    for turn in range(5):
        ids = [f"20251211_0941{100 * turn + number:05}_BULLISH" for number in range(100)]
        statuses = at_once([partial(sent, ids), partial(sent, ids[::-1])])
        assert Counter(chain.from_iterable(statuses)) == {DeliveryStatus.ACCEPTED: 100, DeliveryStatus.DUPLICATE: 100}
    assert set(AutomatedSignal.objects.values_list("event_count", flat=True)) == {1}

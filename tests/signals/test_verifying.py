"""A hand in the database is noticed: changed bytes, and events that are changed, deleted or invented."""

import json
from collections.abc import Callable
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import connection

from signals.models import Delivery, DeliveryBody, SignalEvent, Source
from signals.verifying import DELIVERIES_AT_ONCE, verify
from tests.builders import at, created, entry, send, the_signal, update

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def alerts(unguarded: None) -> None:
    """Three alerts, one of them twice, and a body that cannot be read."""
    send([(created(), at(1)), (entry(), at(3)), (update(0.5), at(4)), (update(0.5), at(4)), (b"not json", at(5))])


def faults() -> list[str]:
    return [fault.says for some in verify() for fault in some.faults]


def test_what_nobody_touched_holds() -> None:
    assert faults() == []
    out = StringIO()
    call_command("verify_deliveries", stdout=out)
    assert out.getvalue() == "5 deliveries hold.\n"


def test_prices_below_zero_hold_where_there_are_some() -> None:
    crude = Source.objects.create(name="crude", symbol="NYMEX:CL1!")
    send([(entry(entry_price="-37.63", stop_loss="-38"), at(3))], source=crude)
    assert SignalEvent.objects.get(source=crude).facts["entry_price"] == "-37.63"
    assert faults() == []


def changed_bytes() -> None:
    told = DeliveryBody.objects.filter(delivery__event_count=1, delivery__fire_minute=at(3))
    told.update(raw=json.dumps(entry(entry_price=1)).encode())


def changed_bytes_of_the_unreadable() -> None:
    DeliveryBody.objects.filter(delivery__status="quarantined").update(raw=b"not jsom")


def changed_event() -> None:
    event = SignalEvent.objects.get(type="ENTRY")
    SignalEvent.objects.filter(pk=event.pk).update(facts={**event.facts, "entry_price": "1"})


def deleted_event() -> None:
    SignalEvent.objects.filter(type="ENTRY").delete()


def invented_event() -> None:
    event = SignalEvent.objects.get(type="ENTRY")
    event.pk, event.position, event.sequence_number = None, 1, 99
    event.save(force_insert=True)


def another_signals_event() -> None:
    send([(created("20251211_095000000_BULLISH"), at(12))])
    SignalEvent.objects.filter(type="ENTRY").update(signal=the_signal("20251211_095000000_BULLISH"))


ATTACKS = [
    changed_bytes,
    changed_bytes_of_the_unreadable,
    changed_event,
    deleted_event,
    invented_event,
    another_signals_event,
]


@pytest.mark.parametrize("attack", ATTACKS)
def test_each_is_noticed_and_the_command_fails(attack: Callable[[], None]) -> None:
    attack()
    out = StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command("verify_deliveries", "--json", stdout=out)
    assert ended.value.code == 1
    assert json.loads(out.getvalue())["faults"] == len(faults()) >= 1


def test_a_duplicate_of_other_bytes_is_noticed() -> None:
    Delivery.objects.filter(status="duplicate").update(duplicate_of=Delivery.objects.get(fire_minute=at(1)))
    assert faults() == ["It is called a duplicate of a delivery with other bytes."]


def test_the_queries_follow_the_chunks_and_not_the_rows(django_assert_num_queries) -> None:
    send([(update(0.01 * n), at(10 + n)) for n in range(50)])
    assert Delivery.objects.count() < DELIVERIES_AT_ONCE
    with django_assert_num_queries(6, connection=connection):
        assert [some.deliveries for some in verify()] == [55]

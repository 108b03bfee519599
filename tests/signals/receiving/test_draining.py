"""Draining the spool into the intake: in order, once, with the time of receipt, whatever happens in between."""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import time_machine
from django.db import (
    DatabaseError,
    DataError,
    IntegrityError,
    InterfaceError,
    InternalError,
    OperationalError,
    ProgrammingError,
)

from signals import intake
from signals.models import AutomatedSignal, Delivery, SignalEvent, Source, SourceToken
from signals.receiving import draining
from signals.receiving.draining import drain_spool
from signals.receiving.senders import hash_token, new_token
from signals.receiving.spool import Drained, spool
from signals.receiving.spooled import Spooled
from signals.vocabulary import DeliveryStatus
from tests.builders import entry, update
from tests.posting import CREATED, FIRED, TRADE, open_source, post

pytestmark = pytest.mark.django_db
LATER = FIRED + timedelta(hours=3)
THREE = [json.dumps(each).encode() for each in (entry(TRADE), *(update(r, trade_id=TRADE) for r in (0.3, 0.6)))]


@pytest.fixture(autouse=True)
def source() -> Source:
    return open_source()


def keep(body: bytes = CREATED, received: datetime = FIRED, *, token: str = "", loopback: bool = True) -> None:
    spool().append(
        Spooled(
            received_at=received,
            token_hash=hash_token(token) if token else "",
            remote_addr="127.0.0.1",
            body=body,
            content_type="application/json",
            loopback=loopback,
        )
    )


def statuses() -> list[str]:
    return list(Delivery.objects.order_by("pk").values_list("status", flat=True))


def rejections() -> list[str]:
    return [path.read_text() for path in spool().rejected()]


def test_a_drained_alert_has_the_time_of_its_receipt() -> None:
    keep(received=FIRED + timedelta(seconds=7))
    assert drain_spool(LATER) == Drained(count=1)
    delivery = Delivery.objects.get()
    assert (delivery.received_at, delivery.fire_minute) == (FIRED + timedelta(seconds=7), FIRED)
    assert (delivery.raw, delivery.remote_addr) == (CREATED, "127.0.0.1")
    assert AutomatedSignal.objects.get().created_at == LATER


def test_draining_again_changes_nothing() -> None:
    keep()
    drain_spool(LATER)
    assert drain_spool(LATER) == Drained()
    assert statuses() == ["accepted"]


def test_what_was_handed_over_before_a_crash_is_not_stored_twice() -> None:
    for _ in range(2):  # the same record twice: that is what a crash before the note of progress leaves
        keep()
    drain_spool(LATER)
    assert sorted(statuses()) == ["accepted", "duplicate"]
    assert SignalEvent.objects.count() == 1


def test_an_alert_spooled_though_it_had_been_stored_is_a_duplicate() -> None:
    with time_machine.travel(FIRED, tick=False):
        post()
    keep()
    drain_spool(LATER)
    assert sorted(statuses()) == ["accepted", "duplicate"]


def test_what_cannot_be_read_is_quarantined_from_the_spool_too() -> None:
    keep(b'{"event_type":"ENTRY","trade_')
    assert drain_spool(LATER) == Drained(count=1)
    assert statuses() == ["quarantined"]


# -- whose it is, settled when it is drained


def test_a_token_that_was_valid_at_receipt_still_names_the_source(source: Source) -> None:
    keep(token=new_token(source, expires_at=FIRED + timedelta(minutes=1)), loopback=False)
    drain_spool(LATER)
    assert Delivery.objects.get().source == source


@pytest.mark.parametrize("known", [True, False], ids=["expired", "unknown"])
def test_what_nobody_may_have_sent_is_put_aside_with_the_reason(source: Source, known: bool) -> None:
    keep(token=new_token(source, expires_at=FIRED) if known else "a guess")
    assert drain_spool(LATER) == Drained(failed=1)
    assert not Delivery.objects.exists()
    assert len(rejections()) == 1
    assert "its token belongs to no source" in rejections()[0]


def test_once_its_token_is_known_what_was_put_aside_can_be_taken_in(source: Source) -> None:
    keep(token="a token that somebody forgot to enter")
    drain_spool(LATER)
    SourceToken.objects.create(source=source, token_hash=hash_token("a token that somebody forgot to enter"))
    assert spool().requeue_rejected() == 1
    drain_spool(LATER)
    assert Delivery.objects.get().received_at == FIRED


# -- when the database fails again


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Exception | None]]:
    """What each coming call of the intake raises; None lets it through."""
    errors: list[Exception | None] = []

    def take_in(*args: Any, **options: Any) -> Any:
        if errors and (error := errors.pop(0)):
            raise error
        return intake.take_in(*args, **options)

    monkeypatch.setattr(draining, "take_in", take_in)
    yield errors
    assert not errors


@pytest.mark.parametrize(
    "outage",
    [
        OperationalError("canceling statement due to lock timeout"),
        InterfaceError("connection already closed"),
        ProgrammingError('relation "deliveries" does not exist'),
        InternalError("cannot execute INSERT in a read-only transaction"),
        DatabaseError("database disk image is malformed"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_outage_keeps_the_rest_in_order(outage: Exception, failing: list[Exception | None]) -> None:
    for minute, body in enumerate(THREE):
        keep(body, FIRED + timedelta(minutes=minute))
    failing += [None, outage]
    assert drain_spool(LATER) == Drained(count=1, stopped=str(outage))
    assert drain_spool(LATER) == Drained(count=2)
    assert [row.raw for row in Delivery.objects.order_by("pk")] == THREE


@pytest.mark.parametrize("error", [DataError("out of range"), IntegrityError("key"), ZeroDivisionError("a bug")])
def test_a_record_that_fails_by_itself_does_not_stop_the_others(
    error: Exception, failing: list[Exception | None]
) -> None:
    keep()
    keep(received=FIRED + timedelta(minutes=1))
    failing += [error, None]
    assert drain_spool(LATER) == Drained(count=1, failed=1)
    assert statuses() == [DeliveryStatus.ACCEPTED]
    assert f"{type(error).__name__}: {error}" in rejections()[0]


def test_alerts_of_an_outage_add_up_to_the_same_signal(monkeypatch: pytest.MonkeyPatch) -> None:
    """The middle one of three is spooled; the signal is what it would have been."""
    for minute, body in enumerate(THREE):
        with time_machine.travel(FIRED + timedelta(minutes=minute), tick=False), monkeypatch.context() as patch:
            if minute == 1:
                patch.setattr("signals.receiving.webhook.take_in", lambda *args, **options: 1 / 0)
            assert post(body).status_code == 200
    drain_spool(LATER)
    signal = AutomatedSignal.objects.get()
    assert (signal.be_mfe, signal.event_count) == (Decimal("0.6"), 3)

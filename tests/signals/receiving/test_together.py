"""Alerts that are taken in together: each is answered and stored as it would be by itself, and none harms another."""

import json
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import pytest
from django.core.handlers.wsgi import WSGIRequest
from django.db import OperationalError, connection
from django.test import RequestFactory
from django.test.utils import CaptureQueriesContext

from signals import intake
from signals.models import AutomatedSignal, Delivery, SignalEvent, Source
from signals.receiving import webhook
from signals.receiving.outage import breaker
from signals.receiving.senders import new_token
from signals.receiving.spool import Spool, spool
from signals.receiving.spooled import Spooled
from signals.receiving.together import grouping, take_together
from signals.receiving.webhook import Reply
from signalsync_project.front.alerts import ARRIVED
from tests.posting import CREATED, FIRED, TRADE, WEBHOOK, another_connection_holds, at_once, open_source

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def source() -> Source:
    return open_source()


def named(number: int) -> str:
    return f"20251212_14400{number:04}_BULLISH"


def created(number: int) -> bytes:
    return CREATED.replace(TRADE.encode(), named(number).encode())


def batch(numbers: Sequence[int], mfe: float) -> bytes:
    signals = [{"trade_id": named(number), "be_mfe": mfe, "current_price": 25_500} for number in numbers]
    return json.dumps({"event_type": "MFE_UPDATE_BATCH", "signals": signals}).encode()


def together(*bodies: bytes, tokens: Sequence[str] = (), minutes: int = 0) -> list[Reply]:
    """As the front door hands them over."""
    arrived = (FIRED + timedelta(minutes=minutes, seconds=1)).timestamp()
    factory = RequestFactory(headers={"host": "127.0.0.1"})
    paths = [f"{WEBHOOK}/{token}" if token else WEBHOOK for token in tokens or [""] * len(bodies)]
    posts = [
        factory.post(path, body, content_type="application/json") for path, body in zip(paths, bodies, strict=True)
    ]
    return take_together([WSGIRequest({**each.environ, ARRIVED: arrived}) for each in posts])


def told(replies: Sequence[Reply]) -> list[tuple[int, str]]:
    return [(reply.status, "spooled" if "spooled" in reply.body else reply.body["status"]) for reply in replies]


def on_disk() -> list[bytes]:
    found: list[bytes] = []

    def keep(record: Spooled) -> None:
        found.append(record.body)

    spool().drain(keep)
    return found


def taking_in(monkeypatch: pytest.MonkeyPatch, fails: Callable[[list[bytes]], Exception | None]) -> list[int]:
    """Have `take_in` fail on some; how many it was given each time."""
    sizes = []

    def take_in(source: Source, incoming: Any, **options: Any) -> Any:
        sizes.append(len(incoming))
        if error := fails([each.body for each in incoming]):
            raise error
        return intake.take_in(source, incoming, **options)

    monkeypatch.setattr(webhook, "take_in", take_in)
    return sizes


def test_each_is_answered_and_stored_as_by_itself() -> None:
    replies = together(created(1), b"not for us", created(2), created(1), created(3), tokens=("", "", "", "", "none"))
    assert told(replies) == [
        (200, "accepted"), (202, "quarantined"), (200, "accepted"), (200, "duplicate"), (401, "refused"),
    ]  # fmt: skip
    assert [reply.body["delivery"] for reply in replies[:4]] == [
        str(Delivery.objects.get(pk=reply.body["delivery"]).pk) for reply in replies[:4]
    ]
    assert sorted(AutomatedSignal.objects.values_list("trade_id", flat=True)) == [named(1), named(2)]


def test_those_of_one_source_share_a_transaction_and_others_have_their_own(source: Source) -> None:
    other = Source.objects.create(name="other")
    token = new_token(other)
    with CaptureQueriesContext(connection) as sent:
        replies = together(created(1), created(2), created(1), tokens=("", "", token))
    assert told(replies) == [(200, "accepted")] * 3
    stored = [query for query in sent.captured_queries if 'INSERT INTO "deliveries"' in query["sql"]]
    assert len(stored) == 2
    assert Counter(Delivery.objects.values_list("source__name", flat=True)) == {source.name: 2, "other": 1}


def test_what_fails_is_spooled_alone_and_the_others_are_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    bad = created(2)
    sizes = taking_in(monkeypatch, lambda bodies: ZeroDivisionError("a bug") if bad in bodies else None)
    assert told(together(created(1), bad, created(3))) == [(200, "accepted"), (200, "spooled"), (200, "accepted")]
    assert sizes == [3, 1, 1, 1]
    assert grouping.open
    assert told(together(created(4), created(5))) == [(200, "accepted")] * 2
    assert not grouping.open
    assert Delivery.objects.count() == 4
    assert on_disk() == [bad]


def test_a_database_that_is_gone_is_asked_once_and_all_go_to_the_disk_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    appended: list[int] = []
    append = Spool.append_all
    monkeypatch.setattr(Spool, "append_all", lambda place, all_: (appended.append(len(all_)), append(place, all_)))
    monkeypatch.setattr("signals.receiving.outage.is_outage", lambda error: True)
    sizes = taking_in(monkeypatch, lambda bodies: OperationalError("server closed the connection"))
    bodies = [created(number) for number in range(3)]
    assert told(together(*bodies)) == [(200, "spooled")] * 3
    assert (sizes, appended) == ([3], [3])
    assert breaker.open
    assert on_disk() == bodies


def lock_timeout() -> OperationalError:
    """As PostgreSQL says that one statement waited too long."""
    error = OperationalError("canceling statement due to lock timeout")
    error.__cause__ = type("LockNotAvailable", (Exception,), {"pgcode": "55P03"})()
    return error


def test_what_waits_for_a_lock_costs_the_others_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    held = created(1)
    taking_in(monkeypatch, lambda bodies: lock_timeout() if held in bodies else None)
    assert told(together(held, created(2), created(3))) == [(200, "spooled"), (200, "accepted"), (200, "accepted")]
    assert not breaker.open


def test_all_together_have_the_time_that_one_has(monkeypatch: pytest.MonkeyPatch) -> None:
    granted: list[int] = []

    def take_in(source: Source, incoming: Any, *, wait_ms: int, **options: Any) -> Any:
        granted.append(wait_ms)
        raise lock_timeout()

    monkeypatch.setattr(webhook, "take_in", take_in)
    assert told(together(*map(created, range(4)))) == [(200, "spooled")] * 4
    together_ms, *alone_ms = granted
    assert together_ms <= webhook.WAIT_MS // 2
    assert all(ms <= webhook.WAIT_MS // (4 - number) for number, ms in enumerate(alone_ms))


@pytest.mark.django_db(transaction=True)
def test_a_lock_that_is_held_is_no_outage(monkeypatch: pytest.MonkeyPatch) -> None:
    """The database answers: whoever comes next is stored. On SQLite the lock is the one writer's place."""
    together(created(1), created(2))
    monkeypatch.setattr(webhook, "WAIT_MS", 100)
    bodies = [batch([1], 0.5), batch([2], 0.5), batch([1, 2], 0.6)]
    with another_connection_holds(f"SELECT 1 FROM automated_signals WHERE trade_id = '{named(1)}' FOR UPDATE"):
        replies = told(together(*bodies, minutes=1))
    assert [replies[0], replies[2]] == [(200, "spooled")] * 2
    assert not breaker.open
    kept = {bytes(raw) for raw in Delivery.objects.values_list("body__raw", flat=True)} | set(on_disk())
    assert kept >= set(bodies)


@pytest.mark.django_db(transaction=True)
def test_groups_that_meet_store_everything_once() -> None:
    """Over the same signals, in different orders, some of them new: no deadlock, nothing lost, nothing twice."""
    numbers = list(range(8))
    assert told(together(*map(created, numbers))) == [(200, "accepted")] * 8

    def group(place: int) -> list[bytes]:
        order = numbers if place % 2 else numbers[::-1]
        updates = [batch([number, (number + 3) % 8], 0.1 + place) for number in order]
        return [*updates[:4], *(created(20 + number) for number in order[:4]), *updates[4:]]

    results = at_once([lambda place=place: together(*group(place), minutes=1) for place in range(4)])
    answers = Counter(answer for replies in results for answer in told(replies))
    spooled = on_disk()
    assert answers.total() == 4 * 12
    assert {status for status, _ in answers} == {200}
    stored = Delivery.objects.filter(fire_minute=FIRED + timedelta(minutes=1), duplicate_of=None)
    kept = {bytes(raw) for raw in stored.values_list("body__raw", flat=True)} | set(spooled)
    assert kept == {body for place in range(4) for body in group(place)}
    assert stored.count() + len(set(spooled)) >= len(kept)
    for signal in AutomatedSignal.objects.all():
        assert signal.event_count == SignalEvent.objects.filter(signal=signal).count()
        sequence = SignalEvent.objects.filter(signal=signal).values_list("sequence_number", flat=True)
        assert sorted(sequence) == list(range(1, signal.event_count + 1))

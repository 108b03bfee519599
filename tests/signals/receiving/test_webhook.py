"""The webhook's answers: what is stored, what is refused, and what becomes of an alert when storing fails."""

import io
import json
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.core.management import call_command
from django.db import OperationalError, connection
from django.test import RequestFactory
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from signals import intake, market
from signals.clock import floor_minute
from signals.models import AutomatedSignal, Delivery, Quarantine, SignalEvent, Source
from signals.receiving import outage, webhook
from signals.receiving.senders import new_token
from signals.receiving.spool import Spool, SpoolError
from signals.receiving.webhook import MAX_BODY
from signals.signal import joining
from signals.storage import deadlines
from signalsync_project import gunicorn
from signalsync_project.front.alerts import UNASKED
from tests.posting import CREATED, FIRED, TRADE, WEBHOOK, another_connection_holds, first_spooled, open_source, post

pytestmark = pytest.mark.django_db
SPOOLED = {"status": "accepted", "spooled": True, "delivery": None, "events": None}
TRADINGVIEW_WAITS_MS = 3000
LIMIT_MS = webhook.WAIT_MS


@pytest.fixture(autouse=True)
def source() -> Source:
    """This machine may post to it without a token."""
    return open_source()


# -- storing


@time_machine.travel(FIRED + timedelta(seconds=1), tick=False)
def test_an_alert_is_stored_as_it_came_and_becomes_a_signal(source: Source) -> None:
    response = post(CREATED, content_type="application/json; charset=utf-8")
    delivery = Delivery.objects.get()
    assert response.status_code == 200
    assert response.json() == {"status": "accepted", "delivery": str(delivery.pk), "events": 1}
    assert (delivery.raw, delivery.source) == (CREATED, source)
    assert (delivery.received_at, delivery.fire_minute) == (FIRED + timedelta(seconds=1), FIRED)
    assert (delivery.content_type, delivery.remote_addr) == ("application/json; charset=utf-8", "127.0.0.1")
    signal = AutomatedSignal.objects.get()
    assert (signal.trade_id, signal.direction, signal.session) == (TRADE, "Bullish", "NY PM")
    assert signal.signal_time == FIRED - timedelta(minutes=1)


def test_a_retry_within_the_minute_is_a_duplicate() -> None:
    with time_machine.travel(FIRED + timedelta(seconds=2), tick=False):
        first = post().json()
    with time_machine.travel(FIRED + timedelta(seconds=59), tick=False):
        again = post()
    assert (again.status_code, again.json()["status"], again.json()["events"]) == (200, "duplicate", 0)
    row = Delivery.objects.get(pk=again.json()["delivery"])
    assert str(row.duplicate_of_id) == first["delivery"]
    assert row.raw == b""
    assert SignalEvent.objects.count() == 1


def test_the_same_words_a_minute_later_are_news() -> None:
    for minutes in range(2):
        with time_machine.travel(FIRED + timedelta(minutes=minutes), tick=False):
            assert post().json()["status"] == "accepted"
    assert SignalEvent.objects.count() == 2
    assert AutomatedSignal.objects.count() == 1


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "The body is empty"),
        (b"the stop was hit", "no message of the indicator; it comes from another alert"),
        (b"[1, 2]", "not a JSON object"),
        (b'{"event_type":"ENTRY","trade_id":"20251212_1440', "cut off"),
        (b'{"event_type":"ENTRY","trade_id":"\xff\xfe"}', "not UTF-8"),
        (b'{"event_type":"ENTRY","trade_id":"\x00"}', "NUL"),
        (b'{"a":' * 10_000 + b"1" + b"}" * 10_000, "nested too deeply"),
        (b'{"hello":"world"}', "no message of the indicator; it comes from another alert"),
        (b'{"event_type":"ENTRY","trade_id":"\\ud800","entry_price":1}', "control characters"),
        (b'{"event_type":"SIGNAL_CREATED"}', "trade_id"),
        (b'{"event_type":"ENTRY","trade_id":"a","signal_date":"9999-12-31"}', "not in the years 2000 to 2099"),
    ],
)
def test_what_cannot_be_read_is_kept_for_an_operator(body: bytes, reason: str) -> None:
    response = post(body)
    delivery = Delivery.objects.get()
    assert response.status_code == 202
    assert response.json() == {"status": "quarantined", "reason": delivery.reason, "delivery": str(delivery.pk)}
    assert reason in delivery.reason
    assert delivery.raw == body
    assert (Quarantine.objects.get().delivery, Quarantine.objects.get().state) == (delivery, Quarantine.State.OPEN)


def test_a_body_as_text_is_read_all_the_same() -> None:
    assert post(content_type="text/plain; charset=utf-8").json()["status"] == "accepted"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=80),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
KINDS = ["SIGNAL_CREATED", "ENTRY", "MFE_UPDATE", "MFE_UPDATE_BATCH", "HEARTBEAT", "CANCELLED"]
FIELDS = ["signal_date", "signal_time", "entry_price", "stop_loss", "be_mfe", "signal_count", "signals", "targets"]
ALERTS = st.builds(
    lambda kind, trade, fields: json.dumps({"event_type": kind, "trade_id": trade, **fields}).encode(),
    st.sampled_from(KINDS),
    st.just(TRADE) | st.text(max_size=70),
    st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=5),
)


@given(body=st.binary(max_size=200) | ALERTS)
@hypothesis_settings(max_examples=150)
def test_whatever_is_sent_is_stored(body: bytes) -> None:
    response = post(body)
    assert response.status_code in {200, 202}
    assert response.json()["delivery"], "it was spooled: storing failed on these bytes"


def test_market_hours_are_known_before_the_first_alert() -> None:
    """Loading the calendar takes a second of the three that a sender waits."""
    market.trading_days.cache_clear()
    market._year.cache_clear()
    gunicorn.post_worker_init(None)
    loaded = market.trading_days.cache_info().misses
    post(CREATED.replace(b"SIGNAL_CREATED", b"ENTRY"))
    assert market.trading_days.cache_info().misses == loaded > 0


# -- the request


def test_the_address_ends_with_a_slash_or_not() -> None:
    response = post(slash="/")
    assert (response.status_code, response.json()["status"]) == (200, "accepted")


@pytest.mark.parametrize("accept", ["text/html", "application/xml", "*/*;q=0.1", "nonsense"])
def test_the_answer_is_json_whatever_the_sender_accepts(accept: str) -> None:
    response = post(HTTP_ACCEPT=accept)
    assert (response.status_code, response["Content-Type"]) == (200, "application/json")


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_only_post_is_allowed(client: Any, method: str) -> None:
    response = client.generic(method, WEBHOOK, CREATED, content_type="application/json")
    assert (response.status_code, response["Allow"]) == (405, "POST, OPTIONS")
    assert not Delivery.objects.exists()


def test_a_body_of_192_kib_is_taken_and_one_more_byte_is_not() -> None:
    assert post(b" " * MAX_BODY).status_code == 202
    response = post(b" " * (MAX_BODY + 1))
    assert response.status_code == 413
    assert response.json()["detail"] == "A body may have at most 196608 bytes."
    assert Delivery.objects.count() == 1


@pytest.mark.parametrize("size", [MAX_BODY + 1, 50 * MAX_BODY])
def test_a_body_sent_in_chunks_is_measured_while_it_is_read(size: int) -> None:
    stream = io.BytesIO(b" " * size)
    assert post_chunked(stream).status_code == 413
    assert stream.tell() == MAX_BODY + 1


def test_a_body_sent_in_chunks_is_read_though_no_length_is_stated() -> None:
    assert post_chunked(io.BytesIO(CREATED)).json()["status"] == "accepted"
    assert Delivery.objects.get().raw == CREATED


def post_chunked(stream: io.BytesIO) -> Any:
    """As gunicorn hands over a body with Transfer-Encoding: chunked."""
    return post(
        b"",
        HTTP_TRANSFER_ENCODING="chunked",
        CONTENT_LENGTH="",
        **{"wsgi.input": stream, "wsgi.input_terminated": True},
    )


def test_a_length_that_is_too_short_cannot_make_us_read_more() -> None:
    assert post(b" " * (MAX_BODY + 1), CONTENT_LENGTH="10").status_code == 202
    assert Delivery.objects.get().raw == b" " * 10


def test_a_rate_limit_holds_per_source(settings: Any) -> None:
    settings.WEBHOOK_RATE = "2/min"
    other = new_token(Source.objects.create(name="other"))
    assert [post().status_code for _ in range(3)] == [200, 200, 429]
    assert post(token=other).status_code == 200


# -- what the door spools in a rush, of which nobody has asked whether it may be sent


def rush(count: int, token: str = "", *, unasked: bool = True) -> list[webhook.Reply]:
    """What so many requests are told that are spooled together."""
    path = f"{WEBHOOK}/{token}" if token else WEBHOOK
    requests = [RequestFactory().post(path, data=CREATED, content_type="application/json") for _ in range(count)]
    return webhook.spool_at_once([request.environ | {UNASKED: unasked} for request in requests])


def test_in_a_rush_too_the_rate_of_a_source_is_limited(settings: Any) -> None:
    settings.WEBHOOK_RATE = "2/min"
    assert [reply.status for reply in rush(3)] == [200, 200, 429]


def test_one_that_was_asked_is_not_counted_again(settings: Any) -> None:
    settings.WEBHOOK_RATE = "2/min"
    assert [reply.status for reply in rush(3, unasked=False)] == [200, 200, 200]


def test_in_a_rush_too_an_unknown_token_is_refused_and_one_just_made_is_not(source: Source) -> None:
    assert [rush(1, "a guess")[0].status, rush(1, new_token(source))[0].body] == [401, SPOOLED]
    assert first_spooled() is not None
    assert outage.strangers().pending_bytes() == 0


def test_when_the_database_fails_in_a_rush_it_is_asked_once_and_all_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def away(*args: Any, **options: Any) -> Any:
        asked.append("asked")
        raise OperationalError("connection refused")

    monkeypatch.setattr(webhook, "find_source", away)
    assert [reply.body for reply in rush(3)] == [SPOOLED] * 3
    assert asked == ["asked"]


# -- when storing fails


def fail(error: Exception) -> Any:
    def raising(*args: Any, **options: Any) -> Any:
        raise error

    return raising


def test_an_alert_that_the_database_cannot_take_is_spooled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook, "take_in", fail(OperationalError("server closed the connection")))
    with time_machine.travel(FIRED, tick=False):
        response = post(CREATED, content_type="text/plain")
    assert (response.status_code, response.json()) == (200, SPOOLED)
    record = first_spooled()
    assert record is not None
    assert (record.body, record.received_at, record.content_type) == (CREATED, FIRED, "text/plain")


def test_an_alert_is_spooled_when_not_even_its_source_can_be_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook, "find_source", fail(OperationalError("connection refused")))
    assert post(token="any").json() == SPOOLED


def test_an_error_of_ours_is_logged_and_the_alert_spooled(monkeypatch: pytest.MonkeyPatch, caplog: Any) -> None:
    monkeypatch.setattr(webhook, "take_in", fail(ZeroDivisionError("a bug")))
    assert post().json() == SPOOLED
    assert "ZeroDivisionError: a bug" in caplog.text


def test_the_sender_must_send_again_what_could_not_even_be_spooled(
    monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    monkeypatch.setattr(webhook, "take_in", fail(OperationalError("disk full\nHINT: empty it\n")))
    monkeypatch.setattr(Spool, "append", fail(SpoolError("no space left")))
    response = post()
    assert (response.status_code, response["Retry-After"]) == (503, "5")
    (record,) = [record for record in caplog.records if record.name == "signals.receiving.webhook"]
    assert record.levelno == logging.ERROR
    assert record.getMessage() == "a delivery could be neither stored (disk full) nor spooled (no space left)"


@contextmanager
def waits_granted(context: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """Milliseconds that the database was told to wait at most, before what it was asked."""
    granted: list[int] = []
    busy_timeout = deadlines.set_busy_timeout

    def set_busy_timeout(wait_ms: int) -> None:
        granted.append(wait_ms)
        busy_timeout(wait_ms)

    usual = int(connection.settings_dict["OPTIONS"].get("timeout", 5) * 1000)
    context.setattr(deadlines, "set_busy_timeout", set_busy_timeout)
    with CaptureQueriesContext(connection) as queries:
        yield granted
    granted[:] = [wait for wait in granted if wait != usual]  # set back afterwards
    for query in queries:
        granted += map(int, re.findall(r"SET LOCAL (?:lock|statement)_timeout = (\d+)", query["sql"]))


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "lock",
    [
        "SELECT * FROM signals_source FOR UPDATE",
        "LOCK TABLE signals_source IN ACCESS EXCLUSIVE MODE",
        "LOCK TABLE deliveries IN SHARE MODE",
    ],
)
def test_an_alert_does_not_wait_for_a_lock_until_the_sender_gives_up(
    lock: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lock is held until the answer is there, and no statement was let wait for longer than the limit."""
    with another_connection_holds(lock), monkeypatch.context() as context, waits_granted(context) as granted:
        context.setattr(webhook, "WAIT_MS", LIMIT_MS)
        assert post().json() == SPOOLED
    assert granted
    assert max(granted) <= LIMIT_MS
    # The last statement may begin at the limit, and take as long again.
    assert 2 * LIMIT_MS < TRADINGVIEW_WAITS_MS
    assert post().json()["status"] == "accepted"


def test_what_looking_up_the_source_took_is_not_left_for_storing(monkeypatch: pytest.MonkeyPatch) -> None:
    moments, granted = iter([100.0, 100.25]), []

    def taking_in(*args: Any, wait_ms: int, **options: Any) -> Any:
        granted.append(wait_ms)
        return intake.take_in(*args, **options)

    monkeypatch.setattr(webhook, "WAIT_MS", LIMIT_MS)
    monkeypatch.setattr(webhook, "monotonic", lambda: next(moments))
    monkeypatch.setattr(webhook, "take_in", taking_in)
    assert post().json()["status"] == "accepted"
    assert granted == [LIMIT_MS - 250]


def test_a_failing_projection_costs_neither_delivery_nor_event(monkeypatch: pytest.MonkeyPatch) -> None:
    join = joining.join

    def join_others(signal: AutomatedSignal, event: SignalEvent) -> None:
        join(signal, event)
        if signal.trade_id == TRADE:
            raise ArithmeticError("a bug")

    monkeypatch.setattr(joining, "join", join_others)
    assert post().json()["events"] == 1
    assert SignalEvent.objects.get().signal.rebuild_error == "ArithmeticError: a bug"
    monkeypatch.undo()
    call_command("rebuild_signals", stdout=io.StringIO())
    signal = AutomatedSignal.objects.get()
    assert (signal.rebuild_error, signal.direction, signal.event_count) == ("", "Bullish", 1)
    assert signal.first_event_at == floor_minute(Delivery.objects.get().received_at)

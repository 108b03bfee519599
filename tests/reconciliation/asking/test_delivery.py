"""Bringing requests to a companion over HTTP: signed, retried, and never waited for. The companion is a real server."""

import hmac
import json
from datetime import UTC, datetime, timedelta
from threading import Barrier

import pytest
from django.core.exceptions import ValidationError
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook

from reconciliation.asking import companion, delivery, step
from reconciliation.asking.companion import SIGNATURE, TIMESTAMP, Letter, Receipt, post_all, signature
from reconciliation.asking.rules import MAX_ATTEMPTS, retry_after
from reconciliation.models import AskedGap, Companion, SyncRequest
from signals.models import Source
from signals.posting import Answer
from signals.signing import new_secret
from tests.posting import at_once
from tests.server import Server

from .build import HTF, NOW, hours, trade, with_gap

SECRET = "a-secret-that-both-sides-know"


@pytest.fixture
def _companion(source: Source, server: Server) -> None:
    Companion.objects.create(source=source, url=server.url, secret=SECRET)


def the_request() -> SyncRequest:
    return SyncRequest.objects.get()


# -- posting


@given(st.none() | st.integers(100, 599))
def test_a_companion_was_asked_only_where_it_said_so(status: int | None) -> None:
    """Every other answer, and none, leaves the request to be tried again, or refused in words: never taken."""
    receipt = companion.received(Answer(status, error="" if status else "did not answer in time"))
    assert (receipt == Receipt()) == (status is not None and 200 <= status < 300)
    assert receipt == Receipt() or receipt.error


def letter(server: Server, body: bytes = b"{}") -> Letter:
    return Letter(server.url, body, SECRET)


def test_a_letter_is_posted_as_json_and_signed(server: Server) -> None:
    assert post_all([letter(server, b'{"a":1}')], NOW) == [Receipt()]
    headers, body = server.received[0]
    assert (headers["Content-Type"], body) == ("application/json", b'{"a":1}')
    # What docs/tier1.md tells companions to compute.
    expected = hmac.new(SECRET.encode(), headers[TIMESTAMP].encode() + b"." + body, "sha256").hexdigest()
    assert headers[SIGNATURE] == f"sha256={expected}"
    assert headers[TIMESTAMP] == str(int(NOW.timestamp()))


@pytest.mark.parametrize("secret", [SECRET, new_secret()], ids=["chosen", "made"])
def test_a_letter_is_signed_by_the_standard_as_well(server: Server, secret: str) -> None:
    now = datetime.now(tz=UTC)  # which the standard compares with
    post_all([Letter(server.url, b'{"a":1}', secret, "request-1")], now)
    headers, body = server.received[0]
    key: str | bytes = secret if secret.startswith("whsec_") else secret.encode()
    assert Webhook(key).verify(body, headers) == {"a": 1}
    assert headers["webhook-id"] == "request-1"


def test_the_signature_covers_secret_time_and_body() -> None:
    signed = signature("secret", "1", b"2")
    assert (
        len({signed, signature("other", "1", b"2"), signature("secret", "2", b"2"), signature("secret", "1", b"")}) == 4
    )


@pytest.mark.parametrize("status", [200, 202, 204])
def test_any_success_means_taken(server: Server, status: int) -> None:
    server.status = status
    assert post_all([letter(server)], NOW) == [Receipt()]


@pytest.mark.parametrize("status", [500, 502, 503, 408, 425, 429])
def test_trouble_that_passes_is_no_refusal(server: Server, status: int) -> None:
    server.status = status
    assert post_all([letter(server)], NOW) == [Receipt(f"answered with status {status}")]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 422])
def test_a_refusal_is_one(server: Server, status: int) -> None:
    server.status = status
    assert post_all([letter(server)], NOW) == [Receipt(f"refused it with status {status}", refused=True)]


def test_redirects_are_not_followed(server: Server) -> None:
    server.status, server.headers = 307, {"Location": server.url}
    assert post_all([letter(server)], NOW)[0].refused
    assert len(server.received) == 1


def test_nobody_there_is_told_as_such() -> None:
    assert post_all([Letter("http://127.0.0.1:9/", b"{}", SECRET)], NOW) == [Receipt("cannot be reached")]


def test_a_silent_companion_is_given_up_on(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(companion, "TIMEOUT", 0.2)
    server.silent = True
    assert post_all([letter(server)], NOW) == [Receipt("did not answer in time")]


def test_an_answer_that_trickles_for_ever_is_given_up_on(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(companion, "DEADLINE", 0.3)
    server.drip = True
    assert post_all([letter(server)], NOW) == [Receipt("did not answer in time")]


def test_one_slow_companion_does_not_keep_the_others_waiting(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of the ten is slow until all ten are waiting: one after the other, not one would be answered."""
    monkeypatch.setattr(companion, "TIMEOUT", 30)
    monkeypatch.setattr(companion, "DEADLINE", 30)
    server.together = Barrier(10)
    assert post_all([letter(server)] * 10, NOW) == [Receipt()] * 10


def test_the_environment_does_not_reroute_letters(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    assert post_all([letter(server)], NOW) == [Receipt()]


def test_the_timeouts_are_three_and_five_seconds_and_ten_in_all() -> None:
    assert (companion.TIMEOUT.connect, companion.TIMEOUT.read, companion.DEADLINE) == (3.0, 5.0, 10.0)


def test_neither_address_nor_secret_is_logged(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG", logger="reconciliation")
    for status in (202, 500, 401):
        server.status = status
        post_all([Letter(f"{server.url}/its-own-path", b"{}", SECRET)], NOW)
    post_all([Letter("http://127.0.0.1:9/its-own-path", b"{}", SECRET)], NOW)
    assert "its-own-path" not in caplog.text
    assert SECRET not in caplog.text


def test_a_letter_does_not_print_its_secret(server: Server) -> None:
    assert SECRET not in repr(letter(server))


# -- delivering


@pytest.fixture
def _asked(_companion: None) -> None:
    with_gap()


@pytest.mark.django_db
@pytest.mark.usefixtures("_asked")
class TestDelivering:
    def test_the_companion_is_told_what_is_asked(self, server: Server) -> None:
        assert step(now=NOW).delivered == 1
        assert json.loads(server.received[0][1]) == {
            "request_id": str(the_request().pk),
            "source": "default",
            "trade_ids": [trade(0)],
            "signals": [{"trade_id": trade(0), "symbol": "MNQ1!"}],
            "reason": [HTF],
            "created_at": "2025-12-12T00:00:00Z",
            "expires_at": "2025-12-13T00:00:00Z",
        }
        assert (the_request().state, the_request().delivered_at) == ("delivered", NOW)
        assert the_request().delivered_to == server.url.split("/")[2]

    def test_what_was_taken_is_not_posted_again(self, server: Server) -> None:
        for minute in range(5):
            step(now=NOW + timedelta(minutes=minute))
        assert len(server.received) == 1

    def test_what_failed_is_posted_again_after_its_pause_and_not_before(self, server: Server) -> None:
        server.status = 503
        assert step(now=NOW).undelivered == 1
        assert (the_request().state, the_request().error) == ("waiting", "answered with status 503")
        pause = retry_after(the_request().pk, 1)
        step(now=NOW + pause - timedelta(seconds=1))
        assert len(server.received) == 1
        server.status = 202
        step(now=NOW + pause)
        assert (the_request().state, the_request().attempts, the_request().error) == ("delivered", 2, "")

    def test_delivery_is_given_up_after_so_many_attempts(self, server: Server) -> None:
        server.status = 500
        for attempt in range(MAX_ATTEMPTS + 2):
            step(now=NOW + timedelta(hours=2 * attempt))
        assert len(server.received) == MAX_ATTEMPTS
        request = SyncRequest.objects.order_by("pk").first()
        assert request is not None
        assert (request.state, request.error) == ("failed", "answered with status 500")

    def test_a_refusal_ends_it_and_starts_the_back_off(self, server: Server) -> None:
        server.status = 401
        step(now=NOW)
        assert the_request().state == "failed"
        assert AskedGap.objects.get().again_at == hours(6)
        assert step(now=hours(1)).asked == 0

    def test_a_disabled_companion_is_left_alone(self, server: Server) -> None:
        Companion.objects.update(enabled=False)
        step(now=NOW)
        assert (server.received, the_request().state) == ([], "waiting")

    def test_what_has_expired_is_not_posted(self, server: Server) -> None:
        Companion.objects.update(enabled=False)
        step(now=NOW)
        Companion.objects.update(enabled=True)
        SyncRequest.objects.update(expires_at=hours(1))
        delivery.deliver(hours(1))
        assert server.received == []

    def test_a_request_that_was_pulled_while_it_was_posted_stays_taken(self, server: Server, source: Source) -> None:
        step(now=NOW)
        request = the_request()
        delivery.record(request, Companion.objects.get(), Receipt("answered with status 500"), hours(1))
        assert (the_request().state, the_request().error) == ("delivered", "")

    def test_deliverers_at_the_same_time_do_not_claim_the_same_attempt(self) -> None:
        step_without_posting()
        first, second = the_request(), the_request()
        assert [delivery.claim(first, NOW), delivery.claim(second, NOW)] == [True, False]


def step_without_posting() -> None:
    Companion.objects.update(enabled=False)
    step(now=NOW)
    Companion.objects.update(enabled=True)


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("_asked")
def test_steps_at_the_same_time_post_once(server: Server) -> None:
    step_without_posting()
    results = at_once([lambda: step(now=NOW)] * 4)
    assert [result for result in results if isinstance(result, Exception)] == []
    assert (len(server.received), the_request().attempts) == (1, 1)


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("_asked")
def test_posting_happens_outside_of_transactions(monkeypatch: pytest.MonkeyPatch) -> None:
    from django.db import connection

    inside = []

    def post(letters: list[Letter], _: object) -> list[Receipt]:
        inside.append(connection.in_atomic_block)
        return [Receipt()] * len(letters)

    monkeypatch.setattr(delivery, "post_all", post)
    step(now=NOW)
    assert inside == [False]


@pytest.mark.django_db
@pytest.mark.usefixtures("_asked")
def test_a_companion_that_fails_keeps_no_cycle_from_going_on(server: Server) -> None:
    server.status = 500
    with_gap(trade(1))
    done = step(now=NOW)
    assert (done.asked, done.undelivered) == (2, 1)


# -- the companion's address and secret


@pytest.mark.parametrize(
    "url",
    ["", "companion", "ftp://a.example/x", "https://", "https://user:pass@a.example/", "http://a:b/", "http://[::1"],
)
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(ValidationError):
        Companion(url=url, secret=SECRET).clean_fields(exclude=["source"])


@pytest.mark.parametrize("url", ["https://a.example/requests?x=1", "http://127.0.0.1:8100/", "http://[::1]:8100/"])
def test_what_is_one_is_taken(url: str) -> None:
    Companion(url=url, secret=SECRET).clean_fields(exclude=["source"])


def test_a_short_secret_is_refused() -> None:
    with pytest.raises(ValidationError, match="24"):
        Companion(url="https://a.example/", secret="short").clean_fields(exclude=["source"])


def test_the_secret_is_in_no_text_of_the_companion() -> None:
    shown = Companion(source=Source(name="chart"), url="https://a.example/hidden", secret=SECRET)
    assert SECRET not in f"{shown} {shown!r} {shown.host}"
    assert shown.host == "a.example"

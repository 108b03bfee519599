"""What is posted beside the webhook, and what is refused: answered with what to do, and on the books."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.test import Client, RequestFactory

from signals.models import Delivery
from signals.parcels import MAX_BODY
from signals.receiving import refusals
from signals.receiving.door import answered
from signals.receiving.refusals import Cause, Refusal
from signals.receiving.senders import default_source, new_token
from tests.posting import CREATED, FIRED, WEBHOOK, open_source, post

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _open_source() -> None:
    open_source()


def send(method: str, path: str, body: bytes = CREATED, **meta: Any) -> Any:
    return Client(raise_request_exception=False).generic(method, path, body, content_type="application/json", **meta)


def noted() -> list[tuple[str, int]]:
    return [(each.cause, each.status) for each in refusals.read().last]


@pytest.mark.parametrize("host", ["abc.ngrok-free.app", "203.0.113.9:8000", "no host at all", ""])
def test_the_webhook_does_not_care_for_which_host_it_is_posted_to(host: str) -> None:
    assert post(token=new_token(default_source()), HTTP_HOST=host).json()["status"] == "accepted"
    assert noted() == []


@pytest.mark.parametrize(
    "path",
    ["/", "/api", "/api/", "//api/automated-signals/webhook", "/API/automated-signals/webhook", "/webhook",
     "/api/automated-signals/webhooks/secret-token", "/automated-signals/webhook"],
)  # fmt: skip
def test_an_alert_that_missed_the_address_is_told_the_right_one(path: str, settings: Any) -> None:
    settings.PUBLIC_URL = "https://signals.example"
    response = send("POST", path)
    assert response.status_code == 404
    assert f"https://signals.example{WEBHOOK}/<token>" in response.json()["detail"]
    assert noted() == [(Cause.PATH, 404)]
    (refusal,) = refusals.read().last
    assert refusal.head.startswith('{"event_type":"SIGNAL_CREATED"')
    assert not Delivery.objects.exists()


def test_an_alert_is_answered_by_the_front_door_as_by_the_application() -> None:
    """In the same words, refused or not, alone or with others; what is no alert is left to the application."""
    factory, own = RequestFactory(headers={"host": "127.0.0.1"}), {"HTTP_X_REQUEST_ID": "the-senders"}

    def environ(number: int, token: str = "") -> dict[str, Any]:
        body = CREATED.replace(b"_144000000_", b"_14400%04d_" % number)
        path = f"{WEBHOOK}/{token}" if token else WEBHOOK
        return factory.post(path, body, content_type="application/json", **own).environ

    def told(response: Any) -> tuple[int, dict[str, str], dict[str, Any]]:
        headers = {name: value for name, value in response.items() if name != "Content-Length"}
        return response.status_code, headers, json.loads(response.content) | {"delivery": ""}

    theirs = [told(post(**own)), told(post(token="nobodys", **own))]
    assert "Content-Security-Policy" in theirs[0][1]
    assert theirs[0][1]["X-Request-ID"] == "the-senders"
    page = factory.get("/healthz").environ
    alone = [each for number in (1, 2) for each in answered([environ(number, "nobodys" if number == 2 else "")])]
    first, nothing, second = answered([environ(3), page, environ(4, "nobodys")])
    assert nothing is None
    assert [told(each) for each in (*alone, first, second)] == theirs * 2
    assert noted() == [(Cause.TOKEN, 401)] * 3


def test_a_page_of_a_host_that_is_not_ours_is_not_shown_and_a_post_is_noted() -> None:
    assert send("POST", "/api/sync/run", HTTP_HOST="evil.example").status_code == 400
    assert noted() == [(Cause.HOST, 400)]
    assert refusals.read().last[0].host == "evil.example"


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "cause"),
    [
        ("GET", WEBHOOK, b"", 405, Cause.METHOD),
        ("POST", f"{WEBHOOK}/a-guess", CREATED, 401, Cause.TOKEN),
        ("POST", WEBHOOK, b" " * (MAX_BODY + 1), 413, Cause.SIZE),
        ("POST", "/api/nothing", b"", 404, Cause.PATH),
        ("PUT", f"{WEBHOOK}/a-guess", CREATED, 405, Cause.METHOD),
    ],
)
def test_what_is_refused_is_counted_by_its_cause(method: str, path: str, body: bytes, status: int, cause: str) -> None:
    assert send(method, path, body).status_code == status
    assert noted() == [(cause, status)]
    assert refusals.read().since(datetime.now(UTC)) == {cause: 1}


@pytest.mark.parametrize("path", ["/nothing", "/api/nothing", "/favicon.ico"])
def test_what_was_no_alert_is_not_noted(path: str) -> None:
    send("GET", path)
    assert noted() == []


def test_no_secret_is_on_the_books(settings: Any) -> None:
    secret = "correct-horse-battery-staple"
    send("POST", f"{WEBHOOK}/{secret}", b'{"token":"%s"}' % secret.encode())
    send("POST", "/api/nothing", b'{"token":"%s"}' % secret.encode())
    assert len(noted()) == 2
    assert secret not in refusals.path_of_book().read_text()
    assert refusals.path_of_book().stat().st_mode & 0o777 == 0o600


def test_the_books_are_bounded_and_forget(settings: Any) -> None:
    def refused_at(moment: datetime, count: int) -> None:
        for _ in range(count):
            refusals.add(Refusal(moment.isoformat(), Cause.PATH, 404, "GET", "/x", "", "", ""))

    refused_at(FIRED, 3)
    refused_at(FIRED + timedelta(hours=60), refusals.LAST + 5)
    book = refusals.read()
    assert len(book.last) == refusals.LAST
    assert book.since(FIRED) == {Cause.PATH: refusals.LAST + 5}


def test_books_that_cannot_be_written_cost_nothing(settings: Any, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    settings.SPOOL_DIR = tmp_path / "file" / "spool"
    assert post(token="a-guess").status_code == 401


def test_books_that_are_damaged_are_begun_anew() -> None:
    refusals.path_of_book().parent.mkdir(parents=True)
    refusals.path_of_book().write_text('{"hours": ')
    post(token="a-guess")
    assert noted() == [(Cause.TOKEN, 401)]


@time_machine.travel(FIRED, tick=False)
def test_an_alert_of_25000_letters_of_three_bytes_is_taken() -> None:
    """TradingView counts characters, up to 40,960; a limit in bytes must hold four for each."""
    body = json.dumps({"event_type": "HEARTBEAT", "timestamp": 1, "note": "日" * 40_000}, ensure_ascii=False).encode()
    assert len(body) > 64 * 1024
    assert post(body).json()["status"] == "accepted"

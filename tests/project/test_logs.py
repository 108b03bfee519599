"""Logs as JSON: what a line belongs to is on it, what is secret is not."""

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client

from reconciliation.cycle.run import run_sync
from reconciliation.models import SyncRun
from signalsync_project.logs import ANSWERED, Belongings, JsonFormatter, of_run, usable
from signalsync_project.masking import TokenFilter
from tests.builders import at, created, send

log = logging.getLogger("signalsync.test")
TOKEN = "kV7w2QpZr9TyGm04LwPfVnKc7D"


@pytest.fixture
def lines() -> Iterator[list[dict[str, Any]]]:
    """What is logged, as it is written; read when the test looks."""

    class Lines(list[dict[str, Any]]):
        def read(self) -> "Lines":
            self[:] = [json.loads(line) for line in stream.getvalue().splitlines()]
            return self

    stream, found = io.StringIO(), Lines()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter())
    handler.addFilter(Belongings())
    handler.addFilter(TokenFilter())
    root = logging.getLogger()
    root.addHandler(handler)
    try:
        yield found
    finally:
        root.removeHandler(handler)


def test_a_line_is_one_object_whatever_it_says(lines: Any) -> None:
    log.warning("two\nlines and a %s", '"quote"')
    (line,) = lines.read()
    assert (line["level"], line["logger"]) == ("WARNING", "signalsync.test")
    assert line["message"] == 'two\nlines and a "quote"'
    assert line["time"].endswith("+00:00")
    assert "request_id" not in line


def test_tokens_are_masked_in_messages_and_tracebacks(lines: Any) -> None:
    try:
        raise ValueError(f'{{"token": "{TOKEN}"}}')
    except ValueError:
        log.exception("posting to /api/automated-signals/webhook/%s failed", TOKEN)
    (line,) = lines.read()
    assert TOKEN not in json.dumps(line)
    assert "***" in line["message"]
    assert "ValueError" in line["traceback"]


def test_what_a_run_logs_names_it_and_nothing_after_does(lines: Any) -> None:
    with of_run(7):
        log.warning("within")
    log.warning("after")
    assert [line.get("run_id") for line in lines.read()] == [7, None]


@pytest.mark.django_db
def test_a_cycle_that_fails_on_a_signal_says_in_which_run(lines: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise ValueError("broken")

    send([(created(), at(1))])
    monkeypatch.setattr("reconciliation.cycle.run.plan", broken)
    run_sync(now=at(30), trigger="command")
    aside = next(line for line in lines.read() if "set aside" in line["message"])
    assert aside["run_id"] == SyncRun.objects.get().pk


class TestRequests:
    def test_a_usable_id_is_kept_logged_and_answered(self, client: Client, lines: Any) -> None:
        answer = client.get("/nowhere", headers={"X-Request-ID": "proxy-1:a.b"})
        assert answer["X-Request-ID"] == "proxy-1:a.b"
        assert {line["request_id"] for line in lines.read() if line["logger"] == "django.request"} == {"proxy-1:a.b"}

    @pytest.mark.parametrize("given", ["", "x" * 65, "a b", "a\nb", '{"a":1}', "-a", "ä"])
    def test_any_other_is_replaced(self, client: Client, given: str) -> None:
        answer = client.get("/healthz", headers={"X-Request-ID": given.encode().decode("latin-1")})
        assert answer["X-Request-ID"] != given
        assert usable(answer["X-Request-ID"])

    def test_two_requests_have_two(self, client: Client) -> None:
        assert client.get("/healthz")["X-Request-ID"] != client.get("/healthz")["X-Request-ID"]

    def test_the_access_line_has_the_answers(self, lines: Any) -> None:
        log.warning('"%(r)s" %(s)s', {"r": "GET /", "s": "200", ANSWERED: "abc"})
        (line,) = lines.read()
        assert (line["message"], line["request_id"]) == ('"GET /" 200', "abc")

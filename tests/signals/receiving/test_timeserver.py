"""Asking a time server: nobody unless one is named, and no longer than a few seconds."""

import socket
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from threading import Event, Thread
from typing import Any

import pytest

from dashboard.watching.checks import clocks
from signals.receiving import timeserver
from signals.receiving.clocknotes import Witness, noted
from signals.receiving.timeserver import ERA, SINCE_1900, NoAnswerError, ahead_by, ahead_of, ask_if_due, moment, within
from tests.processes import PATIENCE

NOW = datetime(2025, 12, 11, 15, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _own_notes(settings: Any, tmp_path: Any) -> None:
    settings.VAR_DIR = tmp_path


def stamp(seconds: float) -> bytes:
    return int((seconds + SINCE_1900) % ERA * ERA).to_bytes(8, "big")


def answer(secret: bytes, received: float, sent: float, first: int = 0x24, stratum: int = 2) -> bytes:
    return bytes([first, stratum]) + bytes(22) + secret + stamp(received) + stamp(sent)


def test_the_way_there_and_back_is_left_out() -> None:
    ahead = ahead_by(answer(b"secretly", 997.0, 997.5), b"secretly", asked=1000.0, heard=1000.5)
    assert ahead == timedelta(seconds=3)


@pytest.mark.parametrize(
    "said",
    [
        b"",
        answer(b"somebody", 1.0, 1.0),
        answer(b"secretly", 1.0, 1.0, stratum=0),
        answer(b"secretly", 1.0, 1.0, first=0x23),
        answer(b"secretly", 1.0, 1.0, first=0xE4),
    ],
    ids=["nothing", "to another question", "kiss of death", "a question", "unset"],
)
def test_what_is_no_answer_is_not_believed(said: bytes) -> None:
    with pytest.raises(NoAnswerError):
        ahead_by(said, b"secretly", asked=1.0, heard=1.0)


@pytest.mark.parametrize("seconds", [0.0, 1_765_465_200.25, 2_085_978_496.0, 3_000_000_000.5])
def test_the_eras_of_ntp_are_told_apart(seconds: float) -> None:
    assert abs(moment(stamp(seconds), near=seconds + 1000) - seconds) < 1e-5


def serving(reply: Callable[[bytes], bytes]) -> int:
    link = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    link.bind(("127.0.0.1", 0))

    def serve() -> None:
        with link:
            question, place = link.recvfrom(512)
            link.sendto(reply(question), place)

    Thread(target=serve, daemon=True).start()
    return int(link.getsockname()[1])


def test_a_server_that_says_another_time_is_told_by_the_doctor(settings: Any) -> None:
    port = serving(lambda question: answer(question[40:48], time.time() - 60, time.time() - 60))
    settings.TIME_SERVER = f"127.0.0.1:{port}"
    ask_if_due(NOW)
    (said,) = noted(NOW)
    assert said.witness == Witness.SERVER
    assert abs(said.ahead - timedelta(seconds=60)) < timedelta(seconds=1)
    assert "60 s ahead" in clocks.clock_offset(NOW).says or "1 min ahead" in clocks.clock_offset(NOW).says


def test_nobody_is_asked_unless_one_is_named(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timeserver, "ahead_of", lambda server: pytest.fail("it was asked"))
    ask_if_due(NOW)
    assert clocks.clock_offset(NOW).ok


def test_a_server_that_does_not_answer_costs_little_and_is_told(settings: Any) -> None:
    settings.TIME_SERVER = "127.0.0.1:9"
    ask_if_due(NOW)
    assert "has not answered" in clocks.clock_offset(NOW).says
    asked_enough = Event()
    with pytest.raises(NoAnswerError, match="no answer in"):
        within(0.01, lambda: timedelta(asked_enough.wait(PATIENCE)))
    asked_enough.set()


def test_a_web_servers_date_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    class Answer:
        headers = {"Date": "Thu, 11 Dec 2025 15:00:00 GMT"}

    monkeypatch.setattr(timeserver.httpx, "head", lambda address, timeout: Answer())
    monkeypatch.setattr(timeserver.time, "time", lambda: NOW.timestamp() + 10.5)
    assert ahead_of("https://example.org") == timedelta(seconds=10)

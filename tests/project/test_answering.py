"""The supervisor's question to its web server: any answer will do, and one miss is none."""

import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from signalsync_project.answering import Answering, AnsweringSocket
from tests.listening import Handler, listening


@pytest.fixture
def deaf() -> Iterator[str]:
    """The address of a socket that takes connections, as the supervisor's does, and nobody answers."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/"


@pytest.fixture
def failing() -> Iterator[str]:
    """The address of a server that answers everything with 500."""

    class Failing(Handler):
        def do_GET(self) -> None:
            self.send_error(500)

    with listening(Failing) as address:
        yield f"{address}/"


def test_only_misses_in_a_row_are_a_fault_and_then_it_starts_over(deaf: str) -> None:
    ask = Answering(deaf, within=0.01)
    assert [ask() is None for _ in range(6)] == [True, True, False, True, True, False]


def test_an_answer_in_between_forgives_the_misses(deaf: str, failing: str) -> None:
    ask = Answering(deaf, within=0.01)
    silent = ask.url
    assert [ask(), ask()] == [None, None]
    ask.url, ask.within = failing, 30
    assert ask() is None, "an error is an answer: it takes a living worker to give it"
    ask.url, ask.within = silent, 0.01
    assert [ask(), ask()] == [None, None]
    assert "3 requests in a row were not answered" in (ask() or "")


def test_nobody_there_is_no_answer() -> None:
    with socket.socket() as deaf:  # nobody listens, and nobody else can
        deaf.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{deaf.getsockname()[1]}/"
        assert "refused" in (Answering(address, within=30, misses=1)() or "")


def test_no_proxy_of_the_environment_is_asked(failing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    assert Answering(failing, within=30, misses=1)() is None


def test_a_unix_socket_that_nobody_answers_is_a_fault_too(tmp_path: Path) -> None:
    with closing(socket.socket(socket.AF_UNIX)) as deaf:
        deaf.bind(str(tmp_path / "pages"))
        deaf.listen()
        ask = AnsweringSocket(str(tmp_path / "pages"), within=0.01)
        assert [ask() is None for _ in range(3)] == [True, True, False]
    assert "No such file" in (AnsweringSocket(str(tmp_path / "none"), within=1, misses=1)() or "")

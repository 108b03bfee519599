"""Following what happens: a stream for whoever may see pages, held by the loop, told of changes, bounded."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from signalsync_project.front import following
from signalsync_project.front.following import ALLOWED, CHANGES, Following, is_allowed
from tests.processes import PATIENCE

from .building import Door, answer_to

SIGN_IN = """
import django; django.setup()
from django.conf import settings
from django.contrib.auth import SESSION_KEY, BACKEND_SESSION_KEY, HASH_SESSION_KEY
from django.contrib.auth.models import User
from django.contrib.sessions.backends.db import SessionStore
user = User.objects.create_superuser("mia")
session = SessionStore()
session[SESSION_KEY], session[HASH_SESSION_KEY] = str(user.pk), user.get_session_auth_hash()
session[BACKEND_SESSION_KEY] = "dashboard.people.People"
session.create()
(settings.VAR_DIR / "session").write_text(session.session_key)
"""


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    with Door(tmp_path_factory.mktemp("door")) as door:
        door.run(SIGN_IN)
        yield door


def asking(door: Door, path: str = CHANGES) -> socket.socket:
    session = (door.folder / "session").read_text()
    sender = door.connect(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: sessionid={session}\r\n\r\n".encode())
    sender.settimeout(PATIENCE)
    return sender


def until(stream: socket.socket, word: bytes) -> bytes:
    said = b""
    while word not in said:
        part = stream.recv(4096)
        assert part, f"it ended: {said!r}"
        said += part
    return said


@pytest.mark.slow
def test_whoever_may_see_pages_is_told_that_something_came_while_the_door_stays_open(door: Door) -> None:
    with closing(asking(door)) as stream:
        assert b"content-type: text/event-stream" in until(stream, b"event: begin").lower()
        until(stream, b"event: changed")  # the first look
        assert door.post(1).status == 200
        until(stream, b"event: changed")


@pytest.mark.slow
def test_who_is_not_signed_in_is_sent_to_the_login(door: Door) -> None:
    assert door.get(CHANGES).status == 302


@pytest.mark.slow
def test_a_page_is_answered_as_ever(door: Door) -> None:
    with closing(asking(door, "/console/sources/")) as sender:
        assert answer_to(sender).status == 200


@pytest.mark.parametrize(
    ("answer", "allowed"),
    [
        (f"HTTP/1.1 200 OK\r\n{ALLOWED}: yes\r\n\r\n", True),
        (f"HTTP/1.1 302 Found\r\n{ALLOWED}: yes\r\n\r\n", False),
        ("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n", False),
        (f"HTTP/1.1 200 OK\r\n\r\n\r\n{ALLOWED}: yes\r\n", False),
    ],
)
def test_only_the_head_of_a_right_answer_lets_somebody_follow(answer: str, allowed: bool) -> None:
    assert is_allowed(answer.encode()) is allowed


class Reader:
    """Stands for a call whose reader is there, or is not."""

    def __init__(self, *, gone: bool = False) -> None:
        self.gone, self.said, self.ended = gone, b"", False

    def hold(self, seconds: float, data: bytes) -> None:
        self.said += data

    def tell(self, data: bytes, unread: int) -> bool:
        self.said += data
        return not self.gone

    def end(self) -> None:
        self.ended = True


def followed(readers: list[Reader], versions: list[str], monkeypatch: pytest.MonkeyPatch, **limits: Any) -> list[bool]:
    """Let readers follow while these versions are found, one look after the other; whether each was let."""
    for name, value in {"LOOK_EVERY": 0, **limits}.items():
        monkeypatch.setattr(following, name, value)

    async def run() -> list[bool]:
        left = iter(versions)

        def look() -> str:
            found = next(left, None)
            if found is None:
                loop.call_soon_threadsafe(hall.followers.clear)  # nobody is left, and the looking ends
            return found or ""

        loop = asyncio.get_running_loop()
        hall = Following(loop, look)
        let = [hall.add(reader) for reader in readers]
        assert hall.task is not None
        await hall.task
        hall.close()
        return let

    return asyncio.run(run())


def test_a_change_is_told_once_to_each(monkeypatch: pytest.MonkeyPatch) -> None:
    readers = [Reader(), Reader()]
    followed(readers, ["a", "a", "b", "b"], monkeypatch)
    assert [reader.said.count(b"event: changed") for reader in readers] == [2, 2]


def test_a_database_that_does_not_answer_is_no_change(monkeypatch: pytest.MonkeyPatch) -> None:
    reader = Reader()
    followed([reader], ["a", "", "a"], monkeypatch)
    assert reader.said.count(b"event: changed") == 1


def test_who_is_gone_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    reader = Reader(gone=True)
    followed([reader], ["a", "b", "c"], monkeypatch)
    assert reader.ended
    assert reader.said.count(b"event: changed") == 1


def test_there_is_an_end_to_how_many_follow_and_to_how_long(monkeypatch: pytest.MonkeyPatch) -> None:
    readers = [Reader(), Reader(), Reader()]
    assert followed(readers, ["a", "b"], monkeypatch, MOST_FOLLOWERS=2, FOLLOWED_FOR=-1.0) == [True, True, False]
    assert [reader.ended for reader in readers] == [True, True, False]
    assert b"event: changed" not in readers[0].said


def test_silence_is_broken_for_what_stands_between(monkeypatch: pytest.MonkeyPatch) -> None:
    reader = Reader()
    followed([reader], ["a", "a", "a"], monkeypatch, STILL_EVERY=0)
    assert b"event: still" in reader.said

"""Nobody can hold the front door: idle, slow and stalled connections, and a process that was stopped."""

import os
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from datetime import UTC, datetime, timedelta

import pytest

from tests.processes import freeze, wait_for

from .building import PATH, Door, answer_to

pytestmark = pytest.mark.slow
MANY = 200
HEAD = f"POST {PATH} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
OPENINGS = {
    "idle": b"",
    "half a head": HEAD.encode(),
    "half a body": f"{HEAD}Content-Length: 1000\r\n\r\n{{".encode(),
    "half a chunk": f"{HEAD}Transfer-Encoding: chunked\r\n\r\n3e8\r\n{{".encode(),
    "a page's half a form": b"POST /admin/login/ HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nname=",
    "a reader that reads nothing": b"GET /admin/login/ HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
}


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    with Door(tmp_path_factory.mktemp("door")) as door:
        yield door


@pytest.mark.parametrize("opening", OPENINGS.values(), ids=OPENINGS)
def test_nobody_who_is_slow_holds_the_door(door: Door, opening: bytes) -> None:
    with ExitStack() as held:
        for _ in range(MANY):
            held.enter_context(closing(door.connect(opening)))
        assert [door.post(n).status for n in range(10)] == [200] * 10
        assert door.get("/healthz").status == 200


def test_the_minute_is_that_of_the_first_byte_however_late_it_is_read(door: Door) -> None:
    body = b'{"event_type":"HEARTBEAT","timestamp":"late"}'
    for pid in door.web.workers():
        freeze(pid)
    try:
        sender = door.connect(b"")
        before = datetime.now(UTC)
        sender.sendall(door.message(body))
        after = datetime.now(UTC)
        time.sleep(2)
    finally:
        for pid in door.web.workers():
            os.kill(pid, signal.SIGCONT)
    with closing(sender):
        assert answer_to(sender).status == 200
    wait_for(lambda: bool(door.received(body)), "it is stored; so late, it may have been spooled first")
    second = timedelta(seconds=1)
    assert before - second < door.received(body)[0] < after + second


@pytest.mark.parametrize("size", [b"zz", b"-1", b"fffffffffffffffffff", b"5;\x01"])
def test_broken_chunks_are_the_senders_fault(door: Door, size: bytes) -> None:
    with closing(door.connect(f"{HEAD}Transfer-Encoding: chunked\r\n\r\n".encode() + size + b"\r\nx\r\n")) as sender:
        sender.shutdown(socket.SHUT_WR)
        assert answer_to(sender).status in {400, 413}


def test_a_body_that_is_too_long_is_answered_before_it_has_come(door: Door) -> None:
    with closing(door.connect(f"{HEAD}Content-Length: 999999\r\n\r\n".encode() + b"x" * 100_000)) as sender:
        assert answer_to(sender).status == 413


def test_where_the_application_is_mounted_is_no_senders_business(door: Door) -> None:
    with closing(door.connect(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nSCRIPT_NAME: /x\r\n\r\n")) as sender:
        assert answer_to(sender).status == 200


def test_a_sender_that_asks_first_is_told_to_go_on(door: Door) -> None:
    body = b'{"event_type":"HEARTBEAT","timestamp":2}'
    head = f"{HEAD}Content-Length: {len(body)}\r\nExpect: 100-continue\r\n\r\n".encode()
    with closing(door.connect(head)) as sender:
        assert sender.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        sender.sendall(body)
        assert answer_to(sender).status == 200


def test_how_long_alerts_waited_for_their_answer_is_measured(door: Door) -> None:
    before = door.measured("signalsync_webhook_seconds", "200")
    assert door.post(int(time.time())).status == 200
    wait_for(lambda: door.measured("signalsync_webhook_seconds", "200") > before, "what was measured is stored")


def test_what_comes_at_one_instant_is_stored_once_each_and_answered_as_if_it_came_alone(door: Door) -> None:
    """Some of it is taken in together: two workers answer forty at a time."""
    bodies = [b'{"event_type":"HEARTBEAT","timestamp":"instant %d"}' % number for number in range(40)]
    with ExitStack() as held:
        senders = [held.enter_context(closing(door.connect(b""))) for _ in bodies]
        for sender, body in zip(senders, bodies, strict=True):
            sender.sendall(door.message(body))
        answers = [answer_to(sender) for sender in senders]
        assert {answer.status for answer in answers} == {200}
    wait_for(lambda: all(len(door.received(body)) == 1 for body in bodies), "each is stored")

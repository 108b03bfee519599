"""Asking a time server by how much our clock is off: SNTP (RFC 4330), or the `Date` of a web server's answer.

Nothing is asked unless TIME_SERVER names one. Nothing here adjusts a clock: that is the operating system's.
"""

import logging
import os
import socket
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from threading import Thread
from urllib.parse import urlsplit

import httpx
from django.conf import settings

from .clocknotes import Witness, note, path_of

log = logging.getLogger(__name__)
EVERY = timedelta(hours=1)
PATIENCE = 2.0  # seconds for an answer,
DEADLINE = 5.0  # and for all of it: looking up a name has no time-out of its own
SINCE_1900 = 2_208_988_800  # seconds from the beginning of NTP's time to that of ours
ERA = 2**32


class NoAnswerError(Exception):
    """The server cannot be asked, or what it says is no time."""


def ask_if_due(now: datetime) -> None:
    """Ask once in EVERY, and note what was said. Never raises, and takes DEADLINE at most."""
    if not settings.TIME_SERVER or asked_lately(now):
        return
    try:
        note(Witness.SERVER, within(DEADLINE, lambda: ahead_of(settings.TIME_SERVER)), now)
    except NoAnswerError as error:
        log.warning("the time server %s: %s", settings.TIME_SERVER, error)


def asked_lately(now: datetime) -> bool:
    try:
        return abs(now.timestamp() - path_of(Witness.SERVER).stat().st_mtime) < EVERY.total_seconds()
    except OSError:
        return False


def within(seconds: float, ask: Callable[[], timedelta]) -> timedelta:
    """What is answered, by a thread that is left behind when it takes longer. Raises NoAnswerError."""
    answers: list[timedelta | Exception] = []

    def run() -> None:
        try:
            answers.append(ask())
        except Exception as error:  # noqa: BLE001 - told to whoever waits
            answers.append(error)

    thread = Thread(target=run, name="time server", daemon=True)
    thread.start()
    thread.join(seconds)
    if not answers:
        raise NoAnswerError(f"no answer in {seconds:g} s")
    if isinstance(answers[0], Exception):
        raise NoAnswerError(str(answers[0]) or type(answers[0]).__name__) from answers[0]
    return answers[0]


def ahead_of(server: str) -> timedelta:
    """Our clock minus the server's. `server` is a web address, or the host of an NTP server, with ntp:// or without."""
    if server.startswith(("http://", "https://")):
        return ahead_of_web(server)
    parts = urlsplit(server if "://" in server else f"ntp://{server}")
    return ahead_of_ntp(parts.hostname or "", parts.port or 123)


def ahead_of_web(address: str) -> timedelta:
    """To half a second, which is what `Date` tells."""
    asked = time.time()
    answer = httpx.head(address, timeout=PATIENCE)
    ours = (asked + time.time()) / 2
    stated = parsedate_to_datetime(answer.headers["Date"]).timestamp()
    return timedelta(seconds=ours - (stated + 0.5))


def ahead_of_ntp(host: str, port: int) -> timedelta:
    kind, _, _, _, place = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
    secret = os.urandom(8)  # given back by who has seen our question: nobody else answers for the server
    with socket.socket(kind, socket.SOCK_DGRAM) as link:
        link.settimeout(PATIENCE)
        link.connect(place)
        asked = time.time()
        link.send(bytes([0x23]) + bytes(39) + secret)  # version 4, a client
        answer = link.recv(512)
        heard = time.time()
    return ahead_by(answer, secret, asked, heard)


def ahead_by(answer: bytes, secret: bytes, asked: float, heard: float) -> timedelta:
    """Our clock minus the server's, by its answer. Raises NoAnswerError for what is none, or not to this question."""
    if len(answer) < 48 or answer[0] & 7 != 4 or not 1 <= answer[1] <= 15 or answer[24:32] != secret:
        raise NoAnswerError("what came is no answer of a time server")
    if answer[0] >> 6 == 3:
        raise NoAnswerError("its own clock is not set")
    received, sent = moment(answer[32:40], asked), moment(answer[40:48], asked)
    return timedelta(seconds=((asked - received) + (heard - sent)) / 2)


def moment(stamp: bytes, near: float) -> float:
    """Seconds since 1970. The stamp begins again every 136 years, in 2036 next: the one near ours is meant."""
    seconds = int.from_bytes(stamp[:4], "big") - SINCE_1900 + int.from_bytes(stamp[4:], "big") / ERA
    return seconds + round((near - seconds) / ERA) * ERA

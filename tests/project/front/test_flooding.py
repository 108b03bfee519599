"""Logins that cost a slow hash each take nothing from alerts: those have processes of their own."""

import os
import secrets
import subprocess
import sys
import threading
from base64 import b64encode
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from signalsync_project.front.worker import PAGES
from tests.processes import PATIENCE, wait_for
from tests.project.durability.web import ROOT

from .building import Door

pytestmark = pytest.mark.slow
LOGINS = 40
ALERTS = 30


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Door]:
    """With the pages behind it, as `manage.py serve` runs both, and no limit but the processes themselves."""
    with (
        TemporaryDirectory(prefix="signalsync-") as folder,
        Door(tmp_path, **{PAGES: f"{folder}/pages", "BAD_LOGIN_RATE": "100000/min"}) as door,
        pages(door),
    ):
        yield door


@contextmanager
def pages(door: Door) -> Iterator[None]:
    gunicorn = ("gunicorn", "-c", "python:signalsync_project.pages", "signalsync_project.wsgi:application")
    process = subprocess.Popen(
        [sys.executable, "-m", "signalsync_project.supervised", str(os.getpid()), *gunicorn],
        cwd=ROOT, env=door.environment,
    )  # fmt: skip
    try:
        wait_for(lambda: Path(door.environment[PAGES]).exists(), "the pages listen")
        yield
    finally:
        process.kill()
        process.wait()


def log_in(door: Door, until: threading.Event, asked: threading.Semaphore) -> None:
    """As a name that nobody has, again and again."""
    while not until.is_set():
        secret = b64encode(f"{secrets.token_hex(8)}:{secrets.token_hex(8)}".encode()).decode()
        connection = HTTPConnection("127.0.0.1", door.web.port, timeout=PATIENCE)
        try:
            connection.request("GET", "/api/sync/runs", headers={"Authorization": f"Basic {secret}"})
            asked.release()
            connection.getresponse().read()
        except OSError:
            pass  # too busy for it: what is meant to be
        finally:
            connection.close()


@contextmanager
def flooded(door: Door) -> Iterator[None]:
    """So many logins at a time, all begun."""
    until, asked = threading.Event(), threading.Semaphore(0)
    with ExitStack() as stack:
        for _ in range(LOGINS):
            thread = threading.Thread(target=log_in, args=(door, until, asked))
            thread.start()
            stack.callback(thread.join)
        stack.callback(until.set)
        for _ in range(LOGINS):
            asked.acquire()
        yield


def test_forty_logins_at_a_time_stop_no_alert(door: Door) -> None:
    with flooded(door):
        assert [door.post(number).status for number in range(ALERTS)] == [200] * ALERTS

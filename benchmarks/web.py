"""gunicorn as `manage.py serve` runs it, serving one application on a port of its own."""

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.databases import ROOT, Database
from signalsync_project.front.worker import PAGES
from signalsync_project.gunicorn import LISTENING_FD

PATIENCE = 30.0  # seconds until the first answer, and until the last process is gone
APPLICATION = "signalsync_project.wsgi"
Address = tuple[str, int]


@contextmanager
def serving_all(database: Database, workers: int) -> Iterator[Address]:
    """The project as `serve` runs it, which has processes of their own for pages behind the front door."""
    place = {PAGES: str(database.directory / "pages")}
    started = [sys.executable, "-m", "gunicorn", "-c", "python:signalsync_project.pages", APPLICATION]
    environment = {**database.environment, **place, "WEB_WORKERS": str(workers), "LOG_LEVEL": "ERROR"}
    pages = subprocess.Popen(started, cwd=ROOT, env=environment)
    try:
        with serving(database, APPLICATION, "signalsync_project.settings", workers, **place) as address:
            yield address
    finally:
        ended(pages)


@contextmanager
def serving(
    database: Database, application: str, settings: str, workers: int, *options: str, **environment: str
) -> Iterator[Address]:
    """Workers that answer, stopped at the end. `options` are gunicorn's, and go before its configuration."""
    with socket.create_server(("127.0.0.1", 0), backlog=512) as listening:
        fd = listening.fileno()
        server = subprocess.Popen(
            [sys.executable, "-m", "gunicorn", "-c", "python:signalsync_project.gunicorn", *options, application],
            cwd=ROOT,
            env={
                **database.environment,
                **environment,
                LISTENING_FD: str(fd),
                "DJANGO_SETTINGS_MODULE": settings,
                "WEB_WORKERS": str(workers),
                "LOG_LEVEL": "ERROR",
            },
            pass_fds=[fd],
        )
        try:
            address: Address = listening.getsockname()
            wait_for(address, server)
            yield address
        finally:
            ended(server)


def ended(server: "subprocess.Popen[bytes]") -> None:
    server.terminate()
    try:
        server.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


def wait_for(address: Address, server: "subprocess.Popen[bytes]") -> None:
    """Return when a worker answers, whatever it says."""
    deadline = time.monotonic() + PATIENCE
    with socket.create_connection(address, timeout=PATIENCE) as client:
        client.sendall(b"GET / HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n")
        client.settimeout(0.2)
        while time.monotonic() < deadline and server.poll() is None:
            try:
                if client.recv(1):
                    return
            except TimeoutError:
                continue
            break
    raise RuntimeError("gunicorn did not start; what it printed stands above")

"""`manage.py serve` for real: gunicorn and the cluster start, come back, stop, and leave nothing behind."""

import os
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from tests.processes import PATIENCE, Output

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.slow


@pytest.fixture
def serve(tmp_path: Path) -> Iterator:
    """Starts `manage.py serve` on a free port, a database of its own and without sample history."""
    started: list[subprocess.Popen[bytes]] = []
    environment = {**os.environ, "DATABASE_URL": "", "VAR_DIR": str(tmp_path), "DEMO": "0", "PYTHONWARNINGS": "ignore"}

    def start(*options: str, **more: str) -> Output:
        process = subprocess.Popen(
            [sys.executable, str(ROOT / "manage.py"), "serve", "--bind", "127.0.0.1:0", *options],
            cwd=tmp_path,
            env=environment | more,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        started.append(process)
        return Output(process)

    yield start
    for process in started:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def status_of(url: str) -> int:
    with urllib.request.urlopen(url, timeout=PATIENCE) as answer:
        return answer.status


@pytest.mark.skipif(sys.platform != "linux", reason="death signals are Linux's")
def test_it_serves_survives_its_web_server_and_stops_cleanly(serve) -> None:
    output = serve()
    url = output.expect(r"SignalSync runs at (http://\S+)")[1]
    web = int(output.expect(r"web started \(pid (\d+)\)")[1])
    output.expect("Q Cluster .* running")
    assert status_of(f"{url}admin/login/") == 200
    os.kill(web, signal.SIGKILL)
    output.expect("web was killed by SIGKILL")
    # No connection is refused meanwhile: this one waits in the socket until gunicorn is back.
    assert status_of(f"{url}admin/login/") == 200
    output.process.terminate()
    output.expect_end()
    assert output.process.wait() == 0


@pytest.mark.skipif(sys.platform != "linux", reason="death signals are Linux's")
def test_nothing_is_left_after_it_was_killed(serve) -> None:
    output = serve()
    output.expect("Q Cluster .* running")
    output.process.kill()
    output.expect_end()


def test_production_refuses_a_database_that_is_behind_the_code(serve) -> None:
    secrets = {
        "SECRET_KEY": "kV7w_2QpZr-9TyGm04LwPfVnKc7DsHrJ2aEuXb3x",
        "ALLOWED_HOSTS": "example.org",
        "WEBHOOK_TOKEN": "Zb3xq-9TyGm_04LwPfVnKc7D",
    }
    output = serve(PRODUCTION="1", **secrets)
    output.expect("The database is behind the code: run `manage.py migrate`")
    assert output.process.wait() == 1


def test_the_web_server_starts_without_a_database_so_that_alerts_can_be_spooled(serve) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        nobody = closed.getsockname()[1]
    output = serve("--no-worker", DATABASE_URL=f"postgres://root@127.0.0.1:{nobody}/none")
    output.expect("The database does not answer")
    output.expect(r"web started")
    output.process.terminate()
    output.expect_end()
    assert output.process.wait() == 0


def test_a_taken_port_is_told_with_what_to_do() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        pytest.raises(CommandError, match=r"Is SignalSync running already\?.*make run PORT=8001"),
    ):
        call_command("serve", bind=f"127.0.0.1:{taken.getsockname()[1]}")


@pytest.mark.parametrize("bind", ["localhost:x", "127.0.0.1:70000", "8000:"])
def test_an_address_that_is_none_is_refused(bind: str) -> None:
    with pytest.raises(CommandError, match="Cannot listen on"):
        call_command("serve", bind=bind)


def test_there_must_be_something_to_run() -> None:
    with pytest.raises(CommandError, match="nothing to run"):
        call_command("serve", no_web=True, no_worker=True)

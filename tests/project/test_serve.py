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

from benchmarks.databases import migrated
from tests.processes import PATIENCE, Output, children_of, freeze

ROOT = Path(__file__).resolve().parents[2]
with_death_signals = pytest.mark.skipif(sys.platform != "linux", reason="death signals are Linux's")

# `manage.py` whose supervisor asks often, but only once it is told to: however long a start takes, it is no fault.
IMPATIENT = """
import os, sys
from pathlib import Path
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "signalsync_project.settings")
import django
django.setup()
from django.core.management import execute_from_command_line
from reconciliation.management.commands import serve
from signalsync_project import supervisor
supervisor.WEDGED_GRACE = 0.5  # for what is frozen, and hears no signal
told = Path("watch")
def watched(ask):
    def fault():
        why = ask() if told.exists() else None
        if why:
            told.unlink()
        return why
    return fault
{setup}
execute_from_command_line(["manage.py", *sys.argv[1:]])
"""
CLUSTER = """
serve.BEAT_EVERY, serve.CLUSTER_ASKED_EVERY, serve.CLUSTER_ASKED_AFTER = 0.5, 0.5, 0.5
serve.cluster_fault = watched(serve.cluster_fault)
"""
WEB = """
serve.WEB_ASKED_EVERY, serve.WEB_ASKED_AFTER, serve.WEB_ANSWERS_WITHIN = 0.1, 0.1, 0.3
asking = serve.Answering
serve.Answering = lambda address, within: watched(asking(address, within=within))
"""
PAGES = """
serve.PAGES_ASKED_EVERY, serve.PAGES_ASKED_AFTER, serve.PAGES_ANSWER_WITHIN = 0.1, 0.1, 0.3
asking = serve.AnsweringSocket
serve.AnsweringSocket = lambda place, within: watched(asking(place, within=within))
"""

pytestmark = pytest.mark.slow


@pytest.fixture
def serve(tmp_path: Path) -> Iterator:
    """Starts `manage.py serve` on a free port, a database of its own and without sample history."""
    started: list[subprocess.Popen[bytes]] = []
    environment = {**os.environ, "DATABASE_URL": "", "VAR_DIR": str(tmp_path), "DEMO": "0", "PYTHONWARNINGS": "ignore"}
    environment["PYTHONPATH"] = str(ROOT)

    def start(*options: str, setup: str = "", **more: str) -> Output:
        command = ["-c", IMPATIENT.format(setup=setup)] if setup else [str(ROOT / "manage.py")]
        process = subprocess.Popen(
            [sys.executable, *command, "serve", "--bind", "127.0.0.1:0", *options],
            cwd=tmp_path,
            env=environment | more,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        started.append(process)
        return Output(process)

    start.environment = environment
    yield start
    for process in started:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


@pytest.fixture
def _migrated(tmp_path: Path) -> None:
    """For what is not about a first start, which takes most of its time for making tables."""
    (tmp_path / "signalsync.sqlite3").write_bytes(migrated())


def ready(output: Output) -> int:
    return int(output.expect(r"ready for work at (\d+)")[1])


def both_ready(output: Output) -> list[int]:
    """The numbers of the workers, once the cycle that a start asks for is done: maybe before the second was ready."""
    workers = [ready(output) for _ in range(2)]
    output.expect_all("Processed ")
    return workers


def kill_under(master: int) -> None:
    """Has a master hang, and kills its workers."""
    freeze(master)
    for pid in children_of(master):
        os.kill(pid, signal.SIGKILL)


def ask_for_a_cycle(environment: dict[str, str]) -> None:
    code = "from django_q.tasks import async_task; async_task('reconciliation.cycle.worker.tick')"
    subprocess.run([sys.executable, str(ROOT / "manage.py"), "shell", "-c", code], env=environment, check=True)


def status_of(url: str) -> int:
    with urllib.request.urlopen(url, timeout=PATIENCE) as answer:
        return answer.status


@with_death_signals
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


@with_death_signals
@pytest.mark.usefixtures("_migrated")
def test_nothing_is_left_after_it_was_killed(serve) -> None:
    output = serve()
    output.expect("Q Cluster .* running")
    output.process.kill()
    output.expect_end()


@pytest.mark.skipif(sys.platform != "linux", reason="the file's lock is for forked processes")
@pytest.mark.usefixtures("_migrated")
def test_killing_workers_that_wait_for_work_stops_nothing(serve) -> None:
    output = serve("--no-web")
    waiting = both_ready(output)
    for _ in range(3):
        for pid in waiting:
            os.kill(pid, signal.SIGKILL)
        waiting = [ready(output) for _ in waiting]
    ask_for_a_cycle(serve.environment)
    output.expect("Processed ")
    output.process.terminate()
    output.expect_end()
    assert "is wedged" not in output.seen


@pytest.mark.skipif(sys.platform != "linux", reason="beats are for forked processes")
@pytest.mark.usefixtures("_migrated")
def test_a_worker_that_hangs_is_noticed_and_a_new_cluster_does_the_work(serve, tmp_path: Path) -> None:
    output = serve("--no-web", setup=CLUSTER)
    freeze(both_ready(output)[0])
    (tmp_path / "watch").touch()
    output.expect(r"worker is wedged: [012] of 3 processes \(workers and monitor\) show that they live; restarting it")
    output.expect("worker started")
    output.expect("Q Cluster .* running")
    ask_for_a_cycle(serve.environment)
    output.expect("Processed ")
    output.process.kill()
    output.expect_end()


@with_death_signals
@pytest.mark.usefixtures("_migrated")
def test_a_web_server_whose_master_hangs_and_whose_workers_died_is_restarted(serve, tmp_path: Path) -> None:
    output = serve("--no-worker", setup=WEB, WEB_WORKERS="1")
    url = output.expect(r"SignalSync runs at (http://\S+)")[1]
    master = int(output.expect(r"web started \(pid (\d+)\)")[1])
    assert status_of(f"{url}healthz") == 200
    kill_under(master)
    (tmp_path / "watch").touch()
    output.expect(r"web is wedged: 3 requests in a row were not answered \(.*\); restarting it")
    output.expect("web was killed by SIGKILL")
    assert status_of(f"{url}healthz") == 200
    output.process.kill()
    output.expect_end()


@with_death_signals
@pytest.mark.usefixtures("_migrated")
def test_pages_whose_master_hangs_and_whose_workers_died_are_restarted_and_alerts_do_not_notice(
    serve, tmp_path: Path
) -> None:
    output = serve("--no-worker", setup=PAGES, WEB_WORKERS="1")
    url = output.expect(r"SignalSync runs at (http://\S+)")[1]
    master = int(output.expect(r"pages started \(pid (\d+)\)")[1])
    assert status_of(f"{url}admin/login/") == 200
    kill_under(master)
    (tmp_path / "watch").touch()
    assert status_of(f"{url}healthz") == 200, "the front door answers by itself"
    output.expect(r"pages is wedged: 3 requests in a row were not answered \(.*\); restarting it")
    output.expect("pages was killed by SIGKILL")
    assert status_of(f"{url}admin/login/") == 200
    assert "web is wedged" not in output.seen
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
    with socket.socket() as deaf:  # nobody listens, and nobody else can
        deaf.bind(("127.0.0.1", 0))
        output = serve("--no-worker", DATABASE_URL=f"postgres://root@127.0.0.1:{deaf.getsockname()[1]}/none")
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

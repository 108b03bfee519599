"""Two machines, each a network of its own with a cluster in it, share one PostgreSQL and one cycle."""

import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection
from django.utils import timezone
from django_q.models import Schedule
from django_q.tasks import async_task

from reconciliation.cycle import sharding
from reconciliation.models import Cluster, Shard, SyncLease, SyncRun
from tests.builders import at
from tests.processes import wait_for
from tests.reconciliation.cycle.shared import SIGNALS, histories, of_one_worker, outcome

ROOT = Path(__file__).resolve().parents[2]
# A cluster of small shards, in which nobody goes on before both machines have one, and a file says so.
MACHINE = """
import os, time
from pathlib import Path
import django
django.setup()
from reconciliation.cycle import cluster, sharding, work
work.SIGNALS_AT_ONCE, sharding.SIGNALS, sharding.SHARED_FROM = 2, 4, 5
go = Path(os.environ["GO"])
passed, take = set(), sharding.claim
def claim(run):
    taken = take(run)
    while taken and run.pk not in passed:
        if go.exists() and sharding.workers_of(run).count() > 1:
            passed.add(run.pk)
        time.sleep(0.05)
    return taken
sharding.claim = claim
cluster.main()
"""


def ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)


def hindrance() -> str:
    """Why machines cannot be made here, if they cannot."""
    if sys.platform != "linux" or not all(map(shutil.which, ("ip", "unshare"))):
        return "network namespaces are made with Linux's ip and unshare, which are not here"
    if connection.vendor != "postgresql" or connection.settings_dict["HOST"] not in ("127.0.0.1", "localhost"):
        return "only PostgreSQL can be shared by machines, and this test forwards to one on this machine"
    probe = f"probe-{os.getpid()}"
    try:
        ip("netns", "add", probe)
        ip("netns", "delete", probe)
    except subprocess.CalledProcessError as error:
        return f"no network namespace can be made: {error.stderr.decode().strip()}"
    return ""


class Forwarder:
    """What comes in at an address goes to PostgreSQL: it listens on loopback, which is each machine's own."""

    def __init__(self, address: str) -> None:
        self.server = socket.create_server((address, 0))
        self.port = self.server.getsockname()[1]
        self.sockets = [self.server]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self) -> None:
        there = connection.settings_dict
        with suppress(OSError):  # closed
            while True:
                client, _ = self.server.accept()
                database = socket.create_connection((there["HOST"], int(there["PORT"] or 5432)))
                self.sockets += [client, database]
                for one, other in ((client, database), (database, client)):
                    threading.Thread(target=pump, args=(one, other), daemon=True).start()

    def close(self) -> None:
        """Also what a cable that was cut has left open: the database would be in use."""
        for each in self.sockets:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()


def pump(one: socket.socket, other: socket.socket) -> None:
    with suppress(OSError):
        while data := one.recv(65536):
            other.sendall(data)
        other.shutdown(socket.SHUT_WR)


class Machine:
    """A network namespace with a cable to this one, a host name, a VAR_DIR, and a cluster of one worker."""

    def __init__(self, number: int, folder: Path, stack: ExitStack) -> None:
        self.name = f"machine{number}-{os.getpid()}"
        self.cable = f"here{number}"
        here, there, subnet = f"here{number}", f"there{number}", f"10.213.{number}"
        ip("netns", "add", self.name)
        stack.callback(ip, "netns", "delete", self.name)
        ip("link", "add", here, "type", "veth", "peer", "name", there, "netns", self.name)
        ip("address", "add", f"{subnet}.1/30", "dev", here)
        ip("link", "set", here, "up")
        for command in (f"address add {subnet}.2/30 dev {there}", f"link set {there} up", "link set lo up"):
            ip("-n", self.name, *command.split())
        forwarder = Forwarder(f"{subnet}.1")
        stack.callback(forwarder.close)
        user, database = connection.settings_dict["USER"], connection.settings_dict["NAME"]
        environment = {
            **os.environ,
            "DATABASE_URL": f"postgres://{user}@{subnet}.1:{forwarder.port}/{database}",
            "SECRET_KEY": settings.SECRET_KEY,
            "VAR_DIR": str(folder / self.name),
            "CLUSTER_WORKERS": "1",
            "GO": str(folder / "go"),
            "DJANGO_SETTINGS_MODULE": "signalsync_project.settings",
        }
        named = f'hostname {self.name} && exec {sys.executable} -c "$0" 5'
        self.log = (folder / f"{self.name}.log").open("wb")
        self.process = subprocess.Popen(
            ["ip", "netns", "exec", self.name, "unshare", "--uts", "sh", "-c", named, MACHINE],
            cwd=ROOT, env=environment, stdout=self.log, stderr=self.log,
        )  # fmt: skip
        stack.callback(self.remove)

    def remove(self) -> None:
        inside = subprocess.run(["ip", "netns", "pids", self.name], check=True, capture_output=True, text=True)
        for pid in inside.stdout.split():
            with suppress(ProcessLookupError):
                os.kill(int(pid), 9)
        self.process.wait()
        self.log.close()


@pytest.fixture
def machines(tmp_path: Path, transactional_db: None) -> Iterator[list[Machine]]:
    if reason := hindrance():
        pytest.skip(reason)
    # No cycle but those that the test asks for: no schedule, and no start asks for one when one has just ended.
    Schedule.objects.all().delete()
    now = timezone.now()
    SyncRun.objects.create(trigger="schedule", state="finished", as_of=now, started_at=now, finished_at=now)
    with ExitStack() as stack:
        yield [Machine(number, tmp_path, stack) for number in (1, 2)]


def cycle_begins() -> SyncRun:
    """A cycle by one of the machines; returned once it is under way."""
    before = SyncRun.objects.count()
    async_task("reconciliation.cycle.run.run_sync", now=at(60), trigger=SyncRun.Trigger.COMMAND)
    wait_for(lambda: SyncRun.objects.count() > before, "a cycle begins")
    return SyncRun.objects.latest("pk")


def end_of(run: SyncRun) -> None:
    wait_for(lambda: SyncRun.objects.exclude(state="running").filter(pk=run.pk).exists(), "the cycle ends")
    run.refresh_from_db()
    assert (run.state, run.error) == (SyncRun.State.FINISHED, "")
    assert run.signals_examined >= SIGNALS


def names(run: SyncRun) -> set[str]:
    return {worker.partition(":")[0] for worker in sharding.workers_of(run)}


@pytest.mark.slow
@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_they_share_a_cycle_and_one_does_what_the_other_was_cut_off_from(
    machines: list[Machine], tmp_path: Path
) -> None:
    go, both = tmp_path / "go", {machine.name for machine in machines}
    wait_for(lambda: Cluster.objects.count() == 2, "both clusters say that they are there")
    histories()
    alone = of_one_worker()
    go.touch()
    run = cycle_begins()
    end_of(run)
    assert names(run) == both
    assert outcome() == alone

    go.unlink()
    histories(range(SIGNALS, 2 * SIGNALS))
    alone = of_one_worker()
    run = cycle_begins()
    wait_for(lambda: names(run) == both, "each of them has a shard")
    coordinator = SyncLease.objects.get().holder.partition(":")[0]
    helper = next(machine for machine in machines if machine.name != coordinator)
    ip("link", "set", helper.cable, "down")
    held = Shard.objects.filter(run=run, worker__startswith=helper.name)
    assert held.update(expires_at=timezone.now()) == 1  # as its term, which nobody extends, would end by itself
    go.touch()
    end_of(run)
    assert names(run) == {coordinator}
    assert outcome() == alone

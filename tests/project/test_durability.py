"""What was answered with 2xx is stored, whatever is killed: gunicorn, PostgreSQL and the drain, for real."""

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from time import monotonic

import pytest

from signals.receiving.spool import Spool
from tests.processes import wait_for

from .durability.postgres import PrivatePostgres, binaries
from .durability.web import ROOT, Senders, Web

pytestmark = [
    pytest.mark.slow,
    pytest.mark.postgres,
    pytest.mark.skipif(binaries() is None, reason="no PostgreSQL binaries are installed (initdb, postgres)"),
    pytest.mark.skipif(sys.platform != "linux", reason="death signals are Linux's"),
]
ANSWERED_WITHIN = 2.5  # seconds, and what this machine takes for an answer as busy as it is
ACCEPTED = "FROM deliveries JOIN delivery_bodies USING (id) WHERE status = 'accepted'"
PHASE = 60  # alerts between two disasters

PREPARE = """
from django.core.management import call_command
from signals.receiving.senders import default_source, new_token
call_command("migrate", verbosity=0)
print(new_token(default_source()))
"""
DRAIN = """
from django.core.management import call_command
from django.utils import timezone
from signals.receiving.draining import drain_spool
drained = drain_spool(timezone.now())
assert drained.stopped is None and not drained.failed, drained
call_command("rebuild_signals", check=True, json=True)
"""
# Killed where it hurts most: a record is committed, and not yet noted as handed over.
DRAIN_AND_DIE = (
    """
import os, signal
from signals.receiving import draining
take_in, taken = draining.take_in, []
def take_in_and_die(*arguments, **options):
    result = take_in(*arguments, **options)
    taken.append(result)
    if len(taken) == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return result
draining.take_in = take_in_and_die
"""
    + DRAIN
)


class Machine:
    """A database, the web half before it, and a spool: everything in a temporary folder."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.postgres = PrivatePostgres(folder)
        stack.callback(self.postgres.remove)
        self.postgres.start()
        self.environment = {
            **os.environ,
            "DATABASE_URL": self.postgres.url,
            "VAR_DIR": str(folder),
            "DJANGO_SETTINGS_MODULE": "signalsync_project.settings",
            "LOG_LEVEL": "INFO",
        }
        self.spools = [Spool(folder / "spool"), Spool(folder / "spool" / "strangers")]
        prepared = self.run(PREPARE)
        assert prepared.returncode == 0, prepared.stderr
        self.token = prepared.stdout.strip()
        self.web = Web(folder, self.environment)
        stack.callback(self.web.close)
        self.web.start()
        self.senders = Senders(self.web.port, f"/api/automated-signals/webhook/{self.token}")
        stack.callback(self.senders.close)
        self.log = folder / "web.log"

    def run(self, code: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-c", "import django; django.setup()" + code]
        return subprocess.run(command, check=False, cwd=ROOT, env=self.environment, capture_output=True, text=True)

    def wait_until_drained(self) -> None:
        wait_for(lambda: not any(spool.pending_bytes() for spool in self.spools), "the web half drains by itself")

    def spooled_answers(self) -> int:
        return sum("spooled" in answer for answers in self.senders.answers.values() for answer in answers)


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    with ExitStack() as stack:
        yield Machine(tmp_path, stack)


def test_nothing_acknowledged_is_lost(machine: Machine) -> None:
    senders, web, postgres = machine.senders, machine.web, machine.postgres

    senders.offer(PHASE)
    senders.wait_until_answered(all_but=PHASE // 2)
    postgres.kill()
    senders.offer(PHASE)
    senders.wait_until_answered(all_but=PHASE // 2)
    web.kill_worker()
    senders.offer(PHASE)
    senders.wait_until_answered(all_but=PHASE // 2)
    web.kill()
    senders.offer(PHASE)
    web.start()
    senders.wait_until_answered()
    assert machine.spooled_answers() > 2 * PHASE

    web.kill()  # it would drain by itself
    postgres.start()
    senders.offer(PHASE)
    assert machine.run(DRAIN_AND_DIE).returncode == -signal.SIGKILL
    web.start()
    senders.wait_until_answered(all_but=PHASE // 2)
    web.kill()
    postgres.kill()
    postgres.start()
    web.start()
    senders.offer(PHASE)
    senders.wait_until_answered()

    machine.wait_until_drained()
    drain = machine.run(DRAIN)
    assert drain.returncode == 0, drain.stderr
    assert json.loads(drain.stdout) == {"signals": 6 * PHASE // 3, "differing": 0, "first": []}
    assert_all_are_stored_once(machine)
    assert_each_has_its_event_and_signal(machine)
    assert machine.token not in machine.log.read_text()


def test_a_frozen_database_costs_no_alert_and_no_sender_waits(machine: Machine) -> None:
    """TradingView waits 3 seconds. PostgreSQL is stopped, not dead: its sockets stay open and say nothing."""
    machine.senders.offer(PHASE)
    machine.senders.wait_until_answered()
    usual = slowest_of_12(machine.senders)
    before = set(machine.senders.tries)
    machine.postgres.freeze()
    assert slowest_of_12(machine.senders) < ANSWERED_WITHIN + usual
    assert machine.spooled_answers() >= 12
    assert [machine.senders.tries[body] for body in machine.senders.tries.keys() - before] == [1] * 12
    machine.postgres.thaw()
    machine.wait_until_drained()
    kept = f"SELECT count(DISTINCT raw) {ACCEPTED}"
    wait_for(lambda: machine.postgres.rows(kept) == [(len(before) + 12,)], "all are stored")


def slowest_of_12(senders: Senders) -> float:
    """Seconds until an alert is answered, one after the other."""
    took = []
    for _ in range(12):
        asked = monotonic()
        senders.offer(1)
        senders.wait_until_answered()
        took.append(monotonic() - asked)
    return max(took)


def assert_all_are_stored_once(machine: Machine) -> None:
    accepted = Counter(bytes(raw) for (raw,) in machine.postgres.rows(f"SELECT raw {ACCEPTED}"))
    answers, tries = machine.senders.answers, machine.senders.tries
    assert len(answers) == 6 * PHASE
    assert set(answers) == set(accepted)
    # An alert sent again in another minute is another delivery; the constraint allows one a minute.
    assert [body for body, count in accepted.items() if count > 1 and tries[body] == 1] == []


def assert_each_has_its_event_and_signal(machine: Machine) -> None:
    others = machine.postgres.rows("""
        SELECT delivery.id FROM deliveries delivery
        LEFT JOIN signal_events event ON event.delivery_id = delivery.id
        LEFT JOIN automated_signals signal ON signal.id = event.signal_id
        WHERE delivery.status = 'accepted' GROUP BY delivery.id HAVING count(signal.id) <> 1
    """)
    assert others == []

"""What is done to the machine: a schedule that a seed decides, though what it hits is whatever runs at that moment."""

import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from random import Random

from .machine import Machine
from .victims import Frozen, Victim, backends_of, below, send

# How often each kind is killed, as far as there is one.
KILLS = {
    "web worker": 12,
    "web master": 1.5,
    "pages worker": 4,
    "pages master": 1,
    "cluster main": 1.5,
    "cluster sentinel": 3,
    "cluster worker": 30,
    "cluster monitor": 10,
    "cluster pusher": 10,
    "supervisor": 1,
}
OF_POSTGRES = {"postgres backend": 23, "postgres": 3}
# Without these no alert is answered: none of them is killed again before one has been.
DOOR = {"web worker", "web master", "supervisor", "postgres"}
# And the chance, with each kill, that something begins that lasts for some seconds.
FREEZE, FREEZE_DATABASE, FULL_DISK, CLOCK, RESTART = 0.05, 0.015, 0.015, 0.01, 0.01
FROZEN, DATABASE_FROZEN, FULL, OFF = (2.0, 20.0), (3.0, 20.0), (4.0, 15.0), (5.0, 20.0)  # seconds
MINUTES_OFF = (-5, -3, -1, 1, 2, 5)
PAUSE = (0.3, 1.1)  # seconds between two kills, where there is something to kill
ALL_FROM = 100  # kills of a run from which on everything happens at least once, also what chance would leave out


class Lasting:
    """Something that begins, lasts for so many seconds and is then ended; not twice at once."""

    def __init__(self) -> None:
        self.ends: dict[str, tuple[float, Callable[[], None]]] = {}

    def begin(self, name: str, seconds: float, end: Callable[[], None]) -> None:
        self.ends[name] = (time.monotonic() + seconds, end)

    def __contains__(self, name: str) -> bool:
        return name in self.ends

    def end_due(self, everything: bool = False) -> None:
        now = time.monotonic()
        for name, (until, end) in list(self.ends.items()):
            if everything or now >= until:
                del self.ends[name]
                end()


class Tormentor:
    """Kills so many, and ends what it began. `answered_at` says when an alert was last acknowledged."""

    def __init__(
        self, machine: Machine, seed: int, tell: Callable[[str, str], None], answered_at: Callable[[], float]
    ) -> None:
        self.machine, self.tell, self.answered_at = machine, tell, answered_at
        self.door_killed_at = 0.0
        self.random = Random(f"{seed}/faults")
        self.kinds = {**KILLS, **(OF_POSTGRES if machine.postgres else {})}
        self.killed: Counter[str] = Counter()
        self.done: Counter[str] = Counter()
        self.lasting = Lasting()
        self.owed: dict[str, int] = {}  # what has not happened yet, with the kill from which on it is due

    def run(self, kills: int) -> None:
        if kills >= ALL_FROM:
            self.owed = {name: self.random.randrange(kills * 3 // 4) for name in (*self.kinds, *self.beginnings)}
        try:
            while self.killed.total() < kills:
                time.sleep(self.random.uniform(*PAUSE))
                self.lasting.end_due()
                if self.kill_one():
                    self.begin_something()
        finally:
            self.lasting.end_due(everything=True)

    # -- kills

    def kill_one(self) -> bool:
        """One of a kind that is drawn from those that are there."""
        there = self.there()
        held = DOOR if self.answered_at() < self.door_killed_at else set()
        kinds = [kind for kind in self.kinds if kind in there and kind not in held]
        if not kinds:
            return False
        kind = self.random.choices(kinds, [self.kinds[each] for each in kinds])[0]
        kind = next(filter(self.is_due, kinds), kind)
        if kind in DOOR:
            self.door_killed_at = time.time()
        if kind == "postgres":
            self.kill_postgres()
        elif not send(self.random.choice(there[kind]), signal.SIGKILL):
            return False
        self.killed[kind] += 1
        self.owed.pop(kind, None)
        self.tell("kill", kind)
        return True

    def is_due(self, name: str) -> bool:
        return self.killed.total() >= self.owed.get(name, self.killed.total() + 1)

    def there(self) -> dict[str, list[int]]:
        machine, found = self.machine, list[Victim]()
        if machine.supervisor:
            found += [Victim("supervisor", machine.supervisor), *below(machine.supervisor)]
        if machine.postgres and machine.postgres.process:
            postmaster = machine.postgres.process.pid
            found += [Victim("postgres", postmaster), *backends_of(postmaster)]
        by_kind: dict[str, list[int]] = {}
        for kind, pid in found:
            by_kind.setdefault(kind, []).append(pid)
        return by_kind

    def kill_postgres(self) -> None:
        postgres = self.machine.postgres
        assert postgres is not None
        self.lasting.ends.pop("database", None)
        postgres.kill()
        down = self.random.uniform(0.0, 4.0)
        time.sleep(down)
        postgres.start()

    # -- what lasts

    @property
    def beginnings(self) -> dict[str, tuple[float, Callable[[], bool]]]:
        """What may begin with a kill: its chance, and what begins it, unless it cannot just now."""
        return {
            "freeze": (FREEZE, self.freeze),
            "freeze database": (FREEZE_DATABASE, self.freeze_database),
            "full disk": (FULL_DISK, self.fill_disk),
            "clock": (CLOCK, self.set_clock),
            "restart": (RESTART, self.restart),
        }

    def begin_something(self) -> None:
        for name, (chance, begin) in self.beginnings.items():
            if (self.random.random() < chance or self.is_due(name)) and begin():
                self.owed.pop(name, None)

    def begin(self, name: str, seconds: tuple[float, float], end: Callable[[], None], what: str) -> bool:
        self.lasting.begin(name, self.random.uniform(*seconds), end)
        self.done[what] += 1
        self.tell("begin", what)
        return True

    def freeze(self) -> bool:
        there = self.there()
        kind = self.random.choice([*KILLS])
        if kind not in there:
            return False
        pid = self.random.choice(there[kind])
        with suppress(ProcessLookupError):
            return self.begin(f"frozen {pid} {time.monotonic()}", FROZEN, Frozen(pid).thaw, f"freeze {kind}")
        return False

    def freeze_database(self) -> bool:
        if "database" in self.lasting:
            return False
        if postgres := self.machine.postgres:
            postgres.freeze()
            return self.begin("database", DATABASE_FROZEN, postgres.thaw, "freeze postgres")
        lock = self.machine.lock_sqlite()
        return self.begin("database", DATABASE_FROZEN, lock.close, "lock the SQLite file")

    def fill_disk(self) -> bool:
        if not self.machine.has_disk or "disk" in self.lasting:
            return False
        self.machine.fill_disk()
        if self.random.random() < 0.5:  # only then does anything need the spool
            self.freeze_database()
        return self.begin("disk", FULL, self.machine.free_disk, "the spool's disk is full")

    def set_clock(self) -> bool:
        if not self.machine.clock.works or "clock" in self.lasting:
            return False
        self.machine.clock.set(60 * self.random.choice(MINUTES_OFF))
        return self.begin("clock", OFF, lambda: self.machine.clock.set(0), "the clock jumps, and back")

    def restart(self) -> bool:
        if self.answered_at() < self.door_killed_at:
            return False
        if not self.machine.supervisor or not send(self.machine.supervisor, signal.SIGTERM):
            return False
        self.door_killed_at = time.time()
        self.done["restart"] += 1
        self.tell("begin", "restart")
        return True


class Asker(threading.Thread):
    """Asks for cycles, so that there is always one to be killed in the middle."""

    def __init__(self, every: float) -> None:
        super().__init__(name="asker", daemon=True)
        self.every, self.stopping, self.asked = every, threading.Event(), 0

    def run(self) -> None:
        from django.db import Error, connection
        from django.utils import timezone
        from django_q.models import OrmQ
        from django_q.tasks import async_task

        from reconciliation.cycle.schedule import TASK

        while not self.stopping.wait(self.every):
            try:
                # What a killed worker had fetched stays in the queue, and is due again after ten minutes only.
                if OrmQ.objects.filter(lock__lte=timezone.now()).count() < 2:
                    async_task(TASK)
                    self.asked += 1
            except Error:
                continue  # the database is being tortured
            finally:
                connection.close()

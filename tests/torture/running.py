"""One run: everything is started, tortured, left in peace, and held against the promises."""

import base64
import json
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from . import promises
from .clients import Client, Line, Sent, scenarios
from .faults import Asker, Tormentor
from .machine import INTERVAL, Machine
from .promises import Promise

STARTED_WITHIN = 120.0  # seconds until the first answer
CYCLES = 2
ASKED_EVERY = 2.0  # seconds
CHECKED = {
    "database", "migrations", "spool", "spool_drains", "spool_rejected", "cycles", "sync_schedule", "scheduler",
    "queue", "lease", "set_aside", "rebuild_errors", "derivation", "quarantine", "clock_offset",
}  # fmt: skip


@dataclass
class Outcome:
    """What a run found."""

    database: str
    seed: int
    promises: list[Promise]
    killed: Counter[str]
    done: Counter[str]
    answers: Counter[str]
    figures: dict[str, float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @property
    def kept(self) -> bool:
        return all(promise.kept for promise in self.promises)

    def as_json(self) -> dict[str, Any]:
        return {
            "database": self.database,
            "seed": self.seed,
            "kept": self.kept,
            "kills": dict(self.killed.most_common()),
            "faults": dict(self.done.most_common()),
            "answers": dict(self.answers.most_common()),
            **self.figures,
            "promises": [promise.as_json() for promise in self.promises],
            "notes": self.notes,
        }


def make_sources(seed: int, begun: datetime) -> Iterator[Line]:
    """The same in the tortured database and in the clean one."""
    from signals.models import Source
    from signals.receiving.senders import default_source, new_token
    from signals.symbols import normalised

    default_source()
    lines = []
    for name, scenario in scenarios(seed, begun):
        source = Source.objects.create(
            name=name, symbol=normalised(scenario.ticker), bar_minutes=1, calendar=scenario.hours.name, addresses="any"
        )
        lines.append(Line(name, f"/api/automated-signals/webhook/{new_token(source)}", scenario))
    return iter(lines)


class Progress:
    """One line of JSON for each thing that happened, as it happens."""

    def __init__(self, file: Path, kills: int) -> None:
        self.file, self.kills, self.begun, self.count = file.open("a"), kills, time.monotonic(), 0

    def __call__(self, kind: str, what: str) -> None:
        after = round(time.monotonic() - self.begun, 2)
        self.file.write(json.dumps({"after": after, kind: what}) + "\n")
        self.file.flush()
        self.count += kind == "kill"
        if kind == "kill" and self.count % 25 == 0:
            print(f"{self.count} of {self.kills} kills after {after:.0f} s", flush=True)


def torture(machine: Machine, kills: int, seed: int, fast: float) -> Outcome:
    from django.core.management import call_command
    from django.db import connection

    begun = datetime.now(UTC)
    call_command("migrate", verbosity=0)
    lines = list(make_sources(seed, begun))
    connection.close()
    machine.start()
    wait(lambda: answers(machine, "/healthz"), STARTED_WITHIN, "the first answer")
    clients = [Client(n, seed, machine.port, lines[2 * n : 2 * n + 2], fast) for n in range(len(lines) // 2)]
    progress = Progress(machine.folder / "progress.jsonl", kills)
    tormentor = Tormentor(machine, seed, progress, lambda: max(client.heard_at for client in clients))
    asker = Asker(ASKED_EVERY)
    start = time.monotonic()
    for thread in (asker, *clients):
        thread.start()
    tormentor.run(kills)
    figures = {"torture_seconds": round(time.monotonic() - start, 1)}
    health = become_healthy(machine, asker, clients)
    figures["seconds_to_healthy"], figures["cycles_to_healthy"] = health.pop("seconds"), health.pop("cycles")
    sent = {key: one for client in clients for key, one in client.sent.items()}
    answered: Counter[str] = sum((client.answers for client in clients), Counter())
    found = [Promise("healthy within two cycles", told_of(figures), health["wrong"]), *ended(machine)]
    found += judged(machine, sent, seed, begun)
    notes = [] if machine.clock.works else ["No C compiler: the clock was left alone."]
    notes += [] if machine.has_disk else ["No right to mount: the spool's disk was never full."]
    figures |= {"asked_cycles": asker.asked, "starts": machine.starts}
    return Outcome(machine.database, seed, found, tormentor.killed, tormentor.done, answered, figures, notes)


def told_of(figures: dict[str, float]) -> str:
    return f"{figures['seconds_to_healthy']:.0f} s, {figures['cycles_to_healthy']:.0f} cycles"


def become_healthy(machine: Machine, asker: Asker, clients: list[Client]) -> dict[str, Any]:
    """Wait until nothing is wrong any more: two intervals at most. The senders go on till they are heard."""
    from django.db import connection
    from django.utils import timezone

    from dashboard.watching.doctor import examine
    from reconciliation.models import SyncRun

    peace, since = time.monotonic(), timezone.now()
    for client in clients:
        client.stopping.set()
    wrong, cycles = ["nobody looked"], 0
    while wrong and time.monotonic() < peace + CYCLES * INTERVAL + 5:
        time.sleep(0.5)
        wrong = [f"{client.name} still sends" for client in clients if client.is_alive()]
        if wrong:
            continue
        try:
            ended = SyncRun.objects.filter(started_at__gte=since).exclude(state=SyncRun.State.RUNNING)
            cycles = ended.count()
            wrong = [] if ended.filter(state=SyncRun.State.FINISHED).exists() else ["no cycle has finished"]
            wrong += [] if answers(machine, "/readyz") else ["not ready"]
            wrong += promises.in_spool(machine.spool)[0]
            if not wrong:
                found = examine(timezone.now())
                wrong = [f"{each.check}: {each.advice}" for each in found if each.check in CHECKED and not each.ok]
        except Exception as error:  # noqa: BLE001 - whatever it is, it is not healthy yet
            wrong = [str(error)]
        finally:
            connection.close()
    seconds = time.monotonic() - peace
    asker.stopping.set()
    for client in clients:
        client.given_up.set()
        client.join(30)
    asker.join(30)
    return {"seconds": round(seconds, 1), "cycles": cycles, "wrong": wrong}


def ended(machine: Machine) -> list[Promise]:
    try:
        status: object = machine.stop()
    except Exception as error:  # noqa: BLE001
        status = error
    wrong = [str(status)] if status else []
    wrong += [] if machine.serve and machine.serve.gone.wait(10) else ["processes are left"]
    return [Promise("it stops when it is told to", f"exit status {status}", wrong)]


def judged(machine: Machine, sent: dict[tuple[str, bytes], Sent], seed: int, begun: datetime) -> list[Promise]:
    from django.utils import timezone

    from reconciliation.cycle.run import run_sync

    found = [*promises.stored_once(machine, sent), *promises.nothing_left(machine)]
    as_of = timezone.now()
    write_deliveries(machine.folder / "deliveries.jsonl")
    run_sync(now=as_of, trigger="command")
    run_sync(now=as_of, trigger="command")
    found += promises.audit_agrees()
    found.append(promises.equal_a_clean_import(machine, seed, begun, as_of))
    return found


def write_deliveries(path: Path) -> None:
    """What is stored, in the order of its arrival."""
    from signals.models import Delivery
    from signals.vocabulary import DeliveryStatus

    rows = Delivery.objects.exclude(status=DeliveryStatus.DUPLICATE).order_by("received_at", "pk")
    with path.open("w") as file:
        for source, at, raw in rows.values_list("source__name", "received_at", "body__raw").iterator():
            file.write(json.dumps([source, at.isoformat(), base64.b64encode(bytes(raw)).decode()]) + "\n")


def answers(machine: Machine, path: str) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{machine.port}{path}", timeout=10) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def wait(condition: Any, seconds: float, what: str) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise RuntimeError(f"waited {seconds:.0f} s in vain for {what}")
        time.sleep(0.2)

"""What must hold at the end, each by itself. All of it reads what the machine left."""

import json
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from .clients import Sent
from .clock import Clock
from .machine import ROOT, Machine

LATE = 60.0  # seconds that what nobody waited for may lie in the kernel before it is taken
ROW_ONLY = {"id", "created_at", "updated_at", "reconciliation_timestamp", "health_score"}
SHOWN = 5


@dataclass
class Promise:
    """One promise: what was counted, and what broke it (nothing, if it holds)."""

    name: str
    counted: str
    broken: list[str] = field(default_factory=list)

    @property
    def kept(self) -> bool:
        return not self.broken

    def as_json(self) -> dict[str, Any]:
        return {"promise": self.name, "kept": self.kept, "counted": self.counted, "broken": self.broken[:SHOWN]}


Alert = tuple[str, bytes]
"""One body of one source, by its name."""


def stored_once(machine: Machine, sent: Mapping[Alert, Sent]) -> list[Promise]:
    from signals.models import Delivery
    from signals.vocabulary import DeliveryStatus

    minutes: dict[Alert, list[int]] = defaultdict(list)
    repeats, refused = 0, []
    rows = Delivery.objects.filter(source__name__startswith="torture-").values_list(
        "source__name", "body__raw", "fire_minute", "status", "reason"
    )
    for source, raw, minute, status, reason in rows.iterator():
        if status == DeliveryStatus.DUPLICATE:
            repeats += 1
            continue
        minutes[source, bytes(raw)].append(int(minute.timestamp()) // 60)
        if status != DeliveryStatus.ACCEPTED:
            refused.append(f"{source}: {status} ({reason}): {bytes(raw)[:80]!r}")
    unheard = [f"{told(key)}, {len(one.tries)} tries" for key, one in sent.items() if not one.acknowledged]
    return [
        *held_against(sent, minutes, repeats, machine.clock),
        Promise("no alert is mistaken for something unreadable", f"{len(refused)} quarantined", refused),
        Promise("every sender was heard in the end", f"{len(sent)} alerts, {len(unheard)} never", unheard),
    ]


def held_against(
    sent: Mapping[Alert, Sent], minutes: Mapping[Alert, Sequence[int]], repeats: int, clock: Clock
) -> list[Promise]:
    """Each acknowledged post is a delivery of its minute, and no delivery is of anything else. `minutes` since 1970."""
    lost, strange, acknowledged = [], [], 0
    for key, one in sent.items():
        there = set(minutes.get(key, ()))
        for each in one.acknowledged:
            acknowledged += 1
            if there.isdisjoint(clock.minutes(each.begun, each.ended)):
                lost.append(f"{told(key)} of {datetime.fromtimestamp(each.begun, UTC)}, stored in {there}")
    for key, found in minutes.items():
        tries = sent.get(key, Sent()).tries
        may = {m for each in tries for m in clock.minutes(each.begun, each.ended + late(each.status))}
        strange += [f"{told(key)} in minute {minute}" for minute in found if minute not in may]
        if len(set(found)) < len(found):
            strange.append(f"{told(key)}, twice in one minute")
    total = sum(map(len, minutes.values()))
    counted = f"{total} stored of {len(minutes)} alerts, {repeats} known as repeats, {len(strange)} too many"
    return [
        Promise("every acknowledged delivery is stored", f"{acknowledged} acknowledged, {len(lost)} lost", lost),
        Promise("and stored once", counted, strange),
    ]


def told(key: Alert) -> str:
    return f"{key[0]}: {key[1][:90]!r}"


def late(status: int) -> float:
    return 0.0 if status else LATE


def audit_agrees() -> list[Promise]:
    from reconciliation.verifying import verify as verify_audit
    from signals.signal.rebuilding import chunks, differences, rederive
    from signals.verifying import verify as verify_deliveries

    counts: Counter[str] = Counter()
    audit, deliveries, signals = [], [], []
    for kind, count, faults in verify_audit():
        counts[kind] += count
        audit += [f"{fault.about}: {fault.says}" for fault in faults]
    for some in verify_deliveries():
        counts["deliveries"] += some.deliveries
        deliveries += [f"{fault.delivery}: {fault.says}" for fault in some.faults]
    for chunk in chunks():
        counts["rebuilt"] += len(chunk)
        signals += [str(d) for signal, fresh in rederive(chunk) for d in differences(signal, fresh)]
    agree = f"{counts['signals']} signals, {counts['runs']} runs, {len(audit)} faults"
    return [
        Promise("the audit log agrees", agree, audit),
        Promise(
            "what is stored is what arrived", f"{counts['deliveries']} deliveries, {len(deliveries)} faults", deliveries
        ),
        Promise(
            "signals are what their events add up to", f"{counts['rebuilt']} signals, {len(signals)} differ", signals
        ),
    ]


def nothing_left(machine: Machine) -> list[Promise]:
    from django_q.models import OrmQ

    from reconciliation.cycle.heartbeat import PUSHER_LATE
    from reconciliation.cycle.lease import OPEN
    from reconciliation.models import Shard, SyncLease, SyncRun
    from signals.models import AutomatedSignal

    # What was asked for a moment before the stop waits for the next start, as it should.
    overdue = datetime.fromtimestamp(machine.stopped_at, UTC) - PUSHER_LATE
    leases = [str(row) for row in SyncLease.objects.exclude(holder="")]
    leases += [str(shard) for shard in Shard.objects.filter(state__in=OPEN)]
    running = [str(run) for run in SyncRun.objects.filter(state=SyncRun.State.RUNNING)]
    broken = [str(row) for row in AutomatedSignal.objects.exclude(rebuild_error="")]
    queued = [f"task {row.pk}, due {row.lock}" for row in OrmQ.objects.filter(lock__lte=overdue)]
    left, torn = in_spool(machine.spool)
    runs = Counter(SyncRun.objects.values_list("state", flat=True))
    states = ", ".join(f"{count} {state}" for state, count in sorted(runs.items()))
    return [
        Promise("no lease is held, and no shard", f"cycles: {states}", [*leases, *running]),
        Promise("no lock is held", "", locks(machine)),
        Promise("no task waits for want of somebody to fetch it", f"{len(queued)} wait", queued),
        Promise("no signal is left half-made", f"{len(broken)} are", broken),
        Promise("nothing is left in the spool", f"{torn} appends that died and were never acknowledged", left),
        Promise(
            "no process outlives its supervisor",
            f"{machine.starts} starts",
            [f"{machine.orphans} times something did"] * bool(machine.orphans),
        ),
    ]


def in_spool(folder: Path) -> tuple[list[str], int]:
    """Files that should not be there, and how many torn records."""
    usual = {"progress", "senders.json", "refused.json", "refused.lock"}
    if (active := folder / "active.journal").exists() and not active.stat().st_size:
        usual.add(active.name)
    left, torn = [], 0
    for path in folder.rglob("*"):
        if path.suffix == ".torn":
            torn += 1
        elif path.is_file() and path.name not in usual:
            left.append(f"{path.relative_to(folder)}, {path.stat().st_size} bytes")
    return left, torn


def locks(machine: Machine) -> list[str]:
    """What would keep a writer waiting although nothing runs any more."""
    if machine.postgres is None:
        with closing(machine.lock_sqlite()):
            return []
    query = "SELECT locktype, mode FROM pg_locks WHERE pid <> pg_backend_pid() AND locktype IN ('advisory', 'tuple')"
    found = [f"{kind} {mode}" for kind, mode in machine.postgres.rows(query)]
    idle = machine.postgres.rows("SELECT state, query FROM pg_stat_activity WHERE state LIKE 'idle in transaction%'")
    return [*found, *(f"{state}: {query}" for state, query in idle)]


def equal_a_clean_import(machine: Machine, seed: int, begun: datetime, as_of: datetime) -> Promise:
    """The stored deliveries taken in anew, in order and undisturbed, give the same signals."""
    code = ["-m", "tests.torture.cleanly", str(machine.folder), str(seed), begun.isoformat(), as_of.isoformat()]
    clean = {**machine.environment, "LD_PRELOAD": "", "DATABASE_URL": "", "VAR_DIR": str(machine.folder / "clean")}
    done = subprocess.run([sys.executable, *code], cwd=ROOT, env=clean, capture_output=True, text=True, check=False)
    if done.returncode:
        return Promise("signals equal a clean import", "could not be compared", [done.stderr[-2000:]])
    theirs, ours = json.loads((machine.folder / "clean.json").read_text()), everything()
    differing = [
        f"{key}: {name} is {ours.get(key, {}).get(name)!r}, cleanly {theirs.get(key, {}).get(name)!r}"
        for key in sorted(ours.keys() | theirs.keys())
        for name in sorted(ours.get(key, {}).keys() | theirs.get(key, {}).keys())
        if ours.get(key, {}).get(name) != theirs.get(key, {}).get(name)
    ]
    signals = len({line.split(": ")[0] for line in differing})
    return Promise("signals equal a clean import", f"{len(ours)} signals, {signals} differ", differing)


def everything() -> dict[str, dict[str, Any]]:
    """All signals as the export tells them, without what is of rows and times of processing."""
    from signals.exporting import record
    from signals.models import AutomatedSignal

    rows = AutomatedSignal.objects.select_related("source").order_by("pk")
    made = {}
    for row in rows:
        values = {name: value for name, value in record(row).items() if name not in ROW_ONLY}
        made["/".join((row.source.name, row.trade_id, row.symbol, str(row.life)))] = json.loads(json.dumps(values))
    return made

"""Workers that share one cycle, measured: `python -m benchmarks.sharer WORKERS SIGNALS` prints JSON.

The signals of `benchmarks.active` are damaged, so many workers start (each a process, as a cluster's are), and one of
them runs the cycle in shards of so many signals. Each tells its own CPU and that of its PostgreSQL backend.
"""

import json
import math
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import django
from django.db import connection

from benchmarks.active import NOW, damage

HELPER = "helper"
TICKS = os.sysconf("SC_CLK_TCK")


def backend_seconds() -> float:
    """CPU of this connection's backend, where PostgreSQL runs on this machine."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        stat = Path(f"/proc/{cursor.fetchone()[0]}/stat").read_text().rpartition(")")[2].split()
    return (int(stat[11]) + int(stat[12])) / TICKS


@contextmanager
def measured(spent: dict[str, float]) -> Iterator[None]:
    own, backend = time.process_time(), backend_seconds()
    yield
    spent |= {"cpu": time.process_time() - own, "database": backend_seconds() - backend}


def warm() -> None:
    """What a process does once only: the calendar is loaded, statements are composed."""
    from reconciliation.cycle.run import run_sync
    from signals.models import AutomatedSignal

    some = AutomatedSignal.objects.order_by("pk").values_list("trade_id", flat=True)[0]
    run_sync(now=NOW, trigger="command", trade_ids=[some], dry_run=True)


def help_once() -> None:
    """Wait for shards and do them with the others. "ready" says that it waits."""
    from reconciliation.cycle.helping import help_until
    from reconciliation.models import Shard

    warm()
    print("ready", flush=True)
    while (shard := Shard.objects.filter(state=Shard.State.WAITING).select_related("run").first()) is None:
        time.sleep(0.02)
    spent: dict[str, float] = {}
    with measured(spent):
        shards = help_until(shard.run, math.inf)
    print(json.dumps({"shards": shards, **spent}))


def coordinate(workers: int, signals: int) -> dict[str, Any]:
    from django.db.models.functions import Now

    from reconciliation.cycle import sharding
    from reconciliation.cycle.run import run_sync
    from reconciliation.models import Cluster

    sharding.SIGNALS, sharding.SHARED_FROM = signals, 2 * signals
    damage()
    warm()
    helpers = [started_helper() for _ in range(workers - 1)]
    Cluster.objects.update_or_create(name="bench", defaults={"workers": workers, "started_at": Now(), "seen_at": Now()})
    spent: dict[str, float] = {}
    begun = time.perf_counter()
    with measured(spent):
        report = run_sync(now=NOW, trigger="schedule")
    seconds = time.perf_counter() - begun
    told = [spent, *(json.loads(helper.communicate()[0]) for helper in helpers)]
    names = ("signals_examined", "healed", "fills", "errors", "phases")
    counted = {name: getattr(report, name) for name in names}
    return {**counted, "seconds": seconds, **{name: sum(each[name] for each in told) for name in ("cpu", "database")}}


def started_helper() -> "subprocess.Popen[str]":
    helper = subprocess.Popen([sys.executable, "-m", "benchmarks.sharer", HELPER], stdout=subprocess.PIPE, text=True)
    assert helper.stdout is not None
    if helper.stdout.readline() != "ready\n":
        raise RuntimeError("a helper did not start")
    return helper


if __name__ == "__main__":
    django.setup()
    if sys.argv[1:] == [HELPER]:
        help_once()
    else:
        print(json.dumps(coordinate(*map(int, sys.argv[1:]))))

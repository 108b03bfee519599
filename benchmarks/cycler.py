"""A process that runs cycles as the worker does, and measures them: `python -m benchmarks.cycler DAMAGED IDLE`.

Prints JSON. As many cycles of each kind as the arguments say: over running signals that were damaged before each, and
over nothing that has changed. The first cycle of the process, an idle one, is not counted: it loads the calendar.
"""

import json
import sys
import time
from typing import Any

import django

from benchmarks.active import NOW, damage
from benchmarks.importer import peak_mib


def timed() -> dict[str, Any]:
    from reconciliation.cycle.run import run_sync

    wall, cpu = time.perf_counter(), time.process_time()
    report = run_sync(now=NOW, trigger="schedule")
    spent = {"seconds": time.perf_counter() - wall, "cpu_seconds": time.process_time() - cpu}
    names = ("signals_examined", "healed", "fills", "errors", "gaps_before", "gaps_after", "phases")
    return {**spent, **{name: getattr(report, name) for name in names}}


def measured(damaged: int, idle: int) -> dict[str, Any]:
    found: dict[str, Any] = {"damaged": [], "idle": []}
    for _ in range(damaged):
        damage()
        found["damaged"].append(timed())
    found["idle"] = [timed() for _ in range(idle)]
    return {**found, "peak_mib": peak_mib()}


if __name__ == "__main__":
    django.setup()
    timed()
    print(json.dumps(measured(*map(int, sys.argv[1:]))))

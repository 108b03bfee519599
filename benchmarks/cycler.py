"""A process that runs cycles as the worker does, and measures them.

`python -m benchmarks.cycler DAMAGED IDLE [OPENING]` prints JSON. As many cycles of each kind as the arguments say: over
running signals that were damaged before each, and over nothing that has changed; OPENING is when those signals opened.
The first cycle of the process, an idle one, is not counted: it loads the calendar.
"""

import json
import sys
import time
from datetime import datetime
from typing import Any

import django

from benchmarks.active import LENGTH, OPENING, damage
from benchmarks.importer import peak_mib


def timed(opening: datetime) -> dict[str, Any]:
    from reconciliation.cycle.run import run_sync

    wall, cpu = time.perf_counter(), time.process_time()
    report = run_sync(now=opening + LENGTH, trigger="schedule")
    spent = {"seconds": time.perf_counter() - wall, "cpu_seconds": time.process_time() - cpu}
    names = ("signals_examined", "healed", "fills", "errors", "gaps_before", "gaps_after", "phases")
    return {**spent, **{name: getattr(report, name) for name in names}}


def measured(damaged: int, idle: int, opening: datetime) -> dict[str, Any]:
    found: dict[str, Any] = {"damaged": [], "idle": []}
    for _ in range(damaged):
        damage(opening)
        found["damaged"].append(timed(opening))
    found["idle"] = [timed(opening) for _ in range(idle)]
    return {**found, "peak_mib": peak_mib()}


if __name__ == "__main__":
    django.setup()
    opening = datetime.fromisoformat(sys.argv[3]) if sys.argv[3:] else OPENING
    timed(opening)
    print(json.dumps(measured(*map(int, sys.argv[1:3]), opening=opening)))

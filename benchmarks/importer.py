"""A process that imports alert logs and measures itself: `python -m benchmarks.importer LOG…` prints JSON."""

import json
import re
import sys
import time
from io import StringIO
from pathlib import Path
from typing import Any

import django
from django.core.management import call_command


def timed(log: str) -> dict[str, Any]:
    output = StringIO()
    wall, cpu = time.perf_counter(), time.process_time()
    call_command("import_alerts", log, "--json", stdout=output)
    spent = {"seconds": time.perf_counter() - wall, "cpu_seconds": time.process_time() - cpu}
    return {**json.loads(output.getvalue()), **spent}


def peak_mib() -> float:
    """The most memory this process ever held. getrusage would count its parent's, from before it became Python."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return int(found[1]) / 1024 if found else float("nan")


if __name__ == "__main__":
    django.setup()
    logs = [timed(log) for log in sys.argv[1:]]
    print(json.dumps({"logs": logs, "peak_mib": peak_mib()}))

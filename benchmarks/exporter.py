"""A process that writes a dataset or counts figures, and measures itself: `python -m benchmarks.exporter KIND FILE`."""

import json
import sys
import time
from pathlib import Path

import django
from django.core.management import call_command

from benchmarks.importer import peak_mib

ANALYSIS = "analysis"


def counted() -> None:
    from django.http import QueryDict
    from django.utils import timezone

    from dashboard.analysis.counting import REACH, counted
    from dashboard.api.filters import AnalysisFilter
    from dashboard.asked import Asked

    query = QueryDict("")
    counted(Asked.of(query, AnalysisFilter, reach=REACH, always=True), query, timezone.now())


if __name__ == "__main__":
    django.setup()
    kind, file = sys.argv[1], Path(sys.argv[2])
    wall, cpu = time.perf_counter(), time.process_time()
    if kind == ANALYSIS:
        counted()
    else:
        call_command("export_signals", "--dataset", "--format", kind, "--output", str(file))
    spent = {"seconds": time.perf_counter() - wall, "cpu_seconds": time.process_time() - cpu}
    size = file.stat().st_size if file.exists() else 0
    file.unlink(missing_ok=True)
    print(json.dumps({**spent, "peak_mib": peak_mib(), "bytes": size}))

"""Alert logs, made row by row, and imported by the command."""

import csv
import io
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.core.management import call_command

from signals.receiving.alertlog import import_log
from signals.receiving.logfile import opened
from tests.builders import at, created, entry, update
from tests.cases import case

NOW = datetime(2025, 12, 12, tzinfo=UTC)
HEADER = ("Alert ID", "Ticker", "Name", "Description", "Time")


def row(body: Any, minute: float, alert_id: str = "3486109403", ticker: str = "CME_MINI:MNQ1!, 1m") -> tuple[str, ...]:
    text = body if isinstance(body, str) else json.dumps(body)
    return (alert_id, ticker, "", text, f"{at(minute):%Y-%m-%dT%H:%M:%SZ}")


def as_csv(*rows: tuple[str, ...], header: tuple[str, ...] = HEADER) -> str:
    file = io.StringIO(newline="")
    csv.writer(file).writerows([header, *rows])
    return file.getvalue()


def lines(text: str) -> list[str]:
    return list(io.StringIO(text, newline=""))


TRADE = [row(update(0.4), 6), row(entry(), 4), row(created(), 1)]


def imported(*files: Path | str, **options: Any) -> dict[str, Any]:
    out = io.StringIO()
    call_command("import_alerts", *map(str, files), json=True, stdout=out, **options)
    return json.loads(out.getvalue())


def case_imported(name: str, file: str) -> dict[str, Any]:
    with case(name, file).open("rb") as stream:
        return import_log(opened(stream), now=datetime(2026, 11, 26, tzinfo=UTC)).as_json()

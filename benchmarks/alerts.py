"""What is sent and imported: the simulator's alerts, as logs and as webhook bodies."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count, islice
from pathlib import Path
from typing import Any

from signals.clock import NEW_YORK, floor_minute, local
from signals.simulator import Scenario, stream, write_log

BATCH = 20  # entries of a posted batch


def scenario(dialect: str, start: datetime, seed: int = 1) -> Scenario:
    return Scenario(seed, start, start + timedelta(days=3650), dialect)


def write(path: Path, dialect: str, rows: int, start: datetime) -> Path:
    """An alert log of so many rows: `telemetry` has one event a row, `mixed` mostly batches."""
    with path.open("w", newline="") as file:
        write_log(islice(stream(scenario(dialect, start)), rows), file)
    return path


def first(kind: str) -> dict[str, Any]:
    start = datetime(2025, 12, 8, tzinfo=UTC)
    return next(json.loads(alert.body) for alert in stream(scenario("mixed", start)) if alert.kind == kind)


class Bodies:
    """Bodies that were never sent before: each has trade ids, or prices, of its own.

    Two who send into one database in the same minute each begin at a number of their own.
    """

    def __init__(self, now: datetime, begin: int = 0) -> None:
        # A bar that closed just before: the ids are credible, so that every ENTRY votes on the source's clock.
        self._minute = local(floor_minute(now) - timedelta(minutes=2), NEW_YORK)
        self._entry, self._batch = first("ENTRY"), first("MFE_UPDATE_BATCH")
        self._numbers = count(begin)

    def trade_id(self) -> str:
        number = next(self._numbers)
        minute = self._minute - timedelta(minutes=number // 60_000)
        return f"{minute:%Y%m%d_%H%M}{number % 60_000:05d}_BULLISH"

    def entry(self, trade_id: str) -> bytes:
        """A telemetry ENTRY of 1.2 kB that makes a signal."""
        return compact({**self._entry, "trade_id": trade_id})

    def entries(self) -> Iterator[bytes]:
        while True:
            yield self.entry(self.trade_id())

    def batches(self, groups: list[list[str]]) -> Iterator[bytes]:
        """Batches that update one group of signals after the other, each with an MFE that was never sent."""
        template = self._batch["signals"][0]
        for number in count():
            moved = {"current_price": 25_500 + number % 4_000 / 4, "be_mfe": number / 10_000}
            signals = [{**template, **moved, "trade_id": trade_id} for trade_id in groups[number % len(groups)]]
            yield compact({**self._batch, "signals": signals})


def compact(payload: dict[str, Any]) -> bytes:
    return json.dumps(payload, separators=(",", ":")).encode()

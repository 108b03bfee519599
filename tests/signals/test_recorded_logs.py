"""The recorded alert logs, taken in whole, shuffled, twice, in pieces, and as webhooks before their log."""

import csv
import random
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction

from signals.intake import take_in
from signals.models import AutomatedSignal, Delivery, SignalEvent
from signals.parcels import Incoming
from signals.receiving.alertlog import import_log
from signals.receiving.senders import default_source
from signals.signal.rebuilding import chunks, differences, rederive
from tests.builders import everything

pytestmark = [pytest.mark.django_db, pytest.mark.slow]
NOW = datetime(2026, 1, 1, tzinfo=UTC)
Rows = list[list[str]]


@pytest.fixture(
    params=["created-batches-night", "strategy", "strategy-malformed", "telemetry-chicago", "telemetry-newyork"]
)
def log(request: pytest.FixtureRequest, recorded_logs: list[Path]) -> tuple[list[str], Rows]:
    found = [path for path in recorded_logs if path.stem == request.param]
    if not found:
        pytest.skip(f"{request.param}.csv is not among the recorded logs")
    return read(found[0])


def read(path: Path) -> tuple[list[str], Rows]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        header, *rows = csv.reader(file)
    return header, rows


class Line:
    def write(self, text: str) -> str:
        return text


def lines(header: list[str], rows: Iterable[list[str]]) -> Iterator[str]:
    writer = csv.writer(Line())
    return (writer.writerow(row) for row in [header, *rows])


@contextmanager
def fresh_world() -> Iterator[None]:
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def signals_after(*steps: Callable[[], Any]) -> dict[str, dict[str, Any]]:
    with fresh_world():
        for step in steps:
            step()
        return everything()


def taking(header: list[str], rows: Rows) -> Callable[[], Any]:
    return lambda: import_log(lines(header, rows), now=NOW)


def test_every_row_is_accepted(log: tuple[list[str], Rows]) -> None:
    done = import_log(lines(*log), now=NOW)
    assert (done.accepted, done.quarantined, done.failed) == (len(log[1]), 0, [])
    assert Delivery.objects.filter(faults=[]).count() == len(log[1])


def test_order_and_repetition_do_not_matter(log: tuple[list[str], Rows]) -> None:
    header, rows = log
    shuffled = random.Random(1).sample(rows, len(rows))
    half = len(rows) // 2
    pieces = [taking(header, shuffled[:half]), taking(header, shuffled[half:]), taking(header, rows)]
    assert signals_after(*pieces) == signals_after(taking(header, rows))


def test_rebuilding_agrees(log: tuple[list[str], Rows]) -> None:
    taking(*log)()
    assert [d for chunk in chunks() for s, fresh in rederive(chunk) for d in differences(s, fresh)] == []


def test_webhooks_and_then_their_log_are_the_log(log: tuple[list[str], Rows]) -> None:
    """The log's fire times serve as the clock of receipt, some seconds late but within the minute."""
    header, rows = log
    body, fired = header.index("Description"), header.index("Time")

    def post() -> None:
        for row in random.Random(2).sample(rows, min(len(rows), 200)):
            moment = datetime.fromisoformat(row[fired]).replace(second=0) + timedelta(seconds=59)
            take_in(default_source(), [Incoming(body=row[body].encode(), received_at=moment)], now=moment)

    assert signals_after(post, taking(header, rows)) == signals_after(taking(header, rows))


def test_a_stream_whose_clock_changed_is_read_right_in_any_order(recorded_logs: list[Path]) -> None:
    paths = {path.stem: path for path in recorded_logs}
    if not {"telemetry-chicago", "telemetry-newyork"} <= set(paths):
        pytest.skip("the two telemetry logs are not among the recorded logs")
    header, chicago = read(paths["telemetry-chicago"])
    _, new_york = read(paths["telemetry-newyork"])
    in_order = signals_after(taking(header, chicago), taking(header, new_york))
    zones = [signal["clock_zone"] for signal in in_order.values()]
    assert (zones.count("America/Chicago"), zones.count("America/New_York")) == (42, 21)
    mixed = random.Random(3).sample(chicago + new_york, len(chicago) + len(new_york))
    assert signals_after(taking(header, mixed)) == in_order


def test_an_identical_update_a_minute_later_is_news() -> None:
    body = b'{"event_type":"MFE_UPDATE","trade_id":"20251211_094000000_BULLISH","be_mfe":0.5,"no_be_mfe":0.5}'
    moment = datetime(2025, 12, 11, 15, 0, tzinfo=UTC)
    for minute in (0, 0, 1):
        fired = moment + timedelta(minutes=minute)
        take_in(default_source(), [Incoming(body=body, received_at=fired)], now=fired)
    assert SignalEvent.objects.count() == 2
    assert AutomatedSignal.objects.get().mfe_as_of == moment

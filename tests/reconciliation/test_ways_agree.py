"""The gate of every recorded log: posted live in order, imported shuffled, and posted again from what was kept of the
live ones, it gives the same signals, before a cycle and after it.
"""

import csv
import random
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction
from django.test import RequestFactory

from reconciliation.cycle.run import run_sync
from signals.intake import take_in
from signals.models import Delivery
from signals.parcels import Incoming
from signals.receiving.alertlog import import_log
from signals.receiving.webhook import record_of, take
from signals.signal.rebuilding import chunks, differences, rederive
from signals.storage.queries import batches
from signalsync_project.front.alerts import ARRIVED
from tests.builders import everything
from tests.conftest import SHARED
from tests.posting import WEBHOOK, open_source

pytestmark = [pytest.mark.django_db, pytest.mark.slow]
LOGS = sorted((SHARED / "recorded").glob("*.csv"))
AS_OF = datetime(2026, 1, 1, tzinfo=UTC)
SECONDS = timedelta(seconds=3)  # from firing to arrival
Signals = dict[str, dict[str, Any]]


def post(alerts: Iterable[tuple[bytes, datetime]]) -> None:
    """Each by itself, as the webhook's view takes it in once the request is read."""
    factory = RequestFactory()
    for body, arrived in alerts:
        request = factory.generic("POST", WEBHOOK, body, content_type="application/json")
        request.META[ARRIVED] = arrived.timestamp()
        record = record_of(request, "")
        assert take(request, record).status in (200, 202)


def replay(kept: list[tuple[bytes, datetime]]) -> None:
    """The bytes of a capture, many at once as the spool is drained."""
    for some in batches(kept, 50):
        take_in(open_source(), [Incoming(body=raw, received_at=at) for raw, at in some], now=AS_OF)


def signals_after(way: Callable[[], object]) -> tuple[Signals, Signals, list[tuple[bytes, datetime]]]:
    """The signals as they came in and as a cycle leaves them, and what was kept of the alerts."""
    with transaction.atomic():
        open_source()
        way()
        kept = [(each.raw, each.received_at) for each in Delivery.objects.order_by("pk").prefetch_related("body")]
        received = everything()
        run_sync(now=AS_OF, trigger="command")
        healed = everything()
        rebuilt = [found for chunk in chunks() for pair in rederive(chunk) for found in differences(*pair)]
        assert rebuilt == []
        transaction.set_rollback(True)
    return received, healed, kept


def as_file(header: list[str], rows: list[list[str]]) -> Iterable[str]:
    class Line:
        def write(self, text: str) -> str:
            return text

    writer = csv.writer(Line())
    return (writer.writerow(row) for row in [header, *rows])


@pytest.mark.parametrize("path", LOGS or [None], ids=lambda path: path.stem if path else "none")
def test_live_shuffled_and_replayed_are_one(path: Path | None) -> None:
    if path is None:
        pytest.skip("there are no recorded logs beside the project (../shared/recorded): this gate is open")
    with path.open(encoding="utf-8-sig", newline="") as file:
        header, *rows = csv.reader(file)
    body, fired = header.index("Description"), header.index("Time")
    in_order = sorted(rows, key=lambda row: row[fired])
    alerts = [(row[body].encode(), datetime.fromisoformat(row[fired]) + SECONDS) for row in in_order]

    live, live_healed, kept = signals_after(lambda: post(alerts))
    again, again_healed, _ = signals_after(lambda: replay(kept))
    shuffled = random.Random(path.stem).sample(rows, len(rows))
    logged, logged_healed, _ = signals_after(lambda: import_log(as_file(header, shuffled), now=AS_OF))

    assert live
    assert kept == alerts
    assert (again, again_healed) == (live, live_healed)
    assert (logged, logged_healed) == (live, live_healed)

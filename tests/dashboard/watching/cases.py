"""The moment that the doctor's tests live in, and what they need there."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from dashboard.watching.checks.result import Result
from reconciliation.models import SyncRun
from signals.models import Delivery, Source
from signals.receiving.spooled import Spooled
from signals.vocabulary import Channel

# A Thursday, 10:00 in New York: the market is open.
NOW = datetime(2025, 12, 11, 15, 0, tzinfo=UTC)
SECOND, MINUTE, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(days=1)


def ago(time: timedelta) -> datetime:
    return NOW - time


def finished(ended: datetime, **fields: Any) -> SyncRun:
    given = {"state": "finished", "trigger": "schedule", **fields}
    return SyncRun.objects.create(as_of=ended, started_at=ended, finished_at=ended, **given)


def heard(source: Source, when: datetime) -> None:
    Delivery.objects.create(
        source=source, channel=Channel.WEBHOOK, received_at=when, fire_minute=when, checksum=f"{when}",
        size=0, status="accepted",
    )  # fmt: skip


def spooled(when: datetime) -> Spooled:
    return Spooled(received_at=when, token_hash="", remote_addr="", body=b"{}", content_type="", loopback=True)


def holds(check: Callable[[datetime], Result], saying: str = "") -> None:
    result = check(NOW)
    assert result.ok, result.says
    assert saying in result.says


def fails(check: Callable[[datetime], Result], saying: str) -> None:
    result = check(NOW)
    assert not result.ok
    assert saying in result.says

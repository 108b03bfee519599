"""Small builders: signals with gaps that a cycle has left open, and how they close again."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from reconciliation.models import GapRecord
from signals.intake import take_in
from signals.models import AutomatedSignal, Fill, Source
from signals.parcels import Incoming
from signals.receiving.senders import default_source
from signals.vocabulary import DataSource
from tests.builders import created, send, the_signal

NOW = datetime(2025, 12, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
HTF, MFE, MAE = "no_htf_alignment", "no_mfe_update", "no_mae"


def hours(number: float) -> datetime:
    """So many hours after NOW."""
    return NOW + number * HOUR


def trade(minute: int) -> str:
    """A trade id of its own for each minute of the day before NOW, New York time."""
    return f"20251211_{9 + minute // 60:02d}{minute % 60:02d}00000_BULLISH"


def signal(trade_id: str = trade(0), source: Source | None = None) -> AutomatedSignal:
    fired = datetime(2025, 12, 11, 14, 1, tzinfo=UTC) + timedelta(minutes=int(trade_id[11:13]))
    send([(created(trade_id), fired)], source)
    return the_signal(trade_id)


def open_gap(row: AutomatedSignal, gap: str = HTF, since: datetime = NOW) -> GapRecord:
    return GapRecord.objects.create(signal=row, gap=gap, opened_at=since)


def close_gap(row: AutomatedSignal, gap: str = HTF) -> None:
    GapRecord.objects.filter(signal=row, gap=gap).update(state=GapRecord.State.CLOSED)


def with_gap(trade_id: str = trade(0), gap: str = HTF, source: Source | None = None) -> AutomatedSignal:
    row = signal(trade_id, source)
    open_gap(row, gap)
    return row


def fill(row: AutomatedSignal, confidence: str, gap: str = MFE, at: datetime = NOW) -> Fill:
    Fill.objects.filter(signal=row, field="be_mfe", state=Fill.State.ACTIVE).update(state=Fill.State.WITHDRAWN)
    return Fill.objects.create(
        signal=row, field="be_mfe", gap=gap, value="1.5", tier="2", method="closes", data_source=DataSource.CALCULATED,
        confidence=Decimal(confidence), evidence_key="0" * 32, created_at=at,
    )  # fmt: skip


def webhook(body: dict[str, Any], received: datetime, source: Source | None = None) -> None:
    """An alert that comes as it fires, unlike the rows of an imported log that `send` takes in."""
    take_in(source or default_source(), [Incoming(json.dumps(body).encode(), received)], now=received)

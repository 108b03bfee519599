"""Small builders: alerts as TradingView sends them, and what came of taking them in."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from signals.exporting import record
from signals.intake import Taken, take_in
from signals.models import AutomatedSignal, Source
from signals.parcels import Incoming
from signals.receiving.senders import default_source
from signals.vocabulary import Channel

# Ids are New York time: 09:40 there is 14:40 UTC in winter. The bar closes, and the alert fires, a minute later.
TRADE_ID = "20251211_094000000_BULLISH"
SIGNAL_BAR = datetime(2025, 12, 11, 14, 40, tzinfo=UTC)
HTF = {"daily": "Bullish", "h4": "Neutral", "h1": "Bullish", "m15": "Bullish", "m5": "Bullish", "m1": "Bullish"}


def at(minutes: float) -> datetime:
    """A fire time, in minutes after the open of the signal's bar."""
    return SIGNAL_BAR + timedelta(minutes=minutes)


def payload(event_type: str, trade_id: str = TRADE_ID, **fields: Any) -> dict[str, Any]:
    return {"event_type": event_type, "trade_id": trade_id, **fields}


def created(trade_id: str = TRADE_ID, **fields: Any) -> dict[str, Any]:
    return payload(
        "SIGNAL_CREATED",
        trade_id,
        **{
            "direction": "Bullish",
            "session": "NY AM",
            "signal_date": "2025-12-11",
            "signal_time": "09:40:00",
            "htf_alignment": HTF,
            **fields,
        },
    )


def entry(trade_id: str = TRADE_ID, **fields: Any) -> dict[str, Any]:
    return payload(
        "ENTRY",
        trade_id,
        **{
            "direction": "Bullish",
            "session": "NY AM",
            "signal_date": "2025-12-11",
            "signal_time": "09:40:00",
            "entry_price": 25740,
            "stop_loss": 25730,
            "targets": {"tp1_price": 25750, "tp2_price": 25760, "tp3_price": 25770},
            **fields,
        },
    )


def update(be_mfe: float, no_be_mfe: float | None = None, mae: float = -0.2, **fields: Any) -> dict[str, Any]:
    trade_id = fields.pop("trade_id", TRADE_ID)
    second = be_mfe if no_be_mfe is None else no_be_mfe
    return payload("MFE_UPDATE", trade_id, be_mfe=be_mfe, no_be_mfe=second, mae_global_r=mae, **fields)


def break_even(trade_id: str = TRADE_ID, be_mfe: float = 1.1) -> dict[str, Any]:
    return payload(
        "BE_TRIGGERED", trade_id, be_price=25740, be_mfe=be_mfe, no_be_mfe=be_mfe, entry_price=25740, stop_loss=25730
    )


def exit_break_even(trade_id: str = TRADE_ID, be_mfe: float = 1.4) -> dict[str, Any]:
    return payload("EXIT_BREAK_EVEN", trade_id, exit_price=25740, exit_reason="be_stop_loss_hit", final_be_mfe=be_mfe)


def exit_stop(trade_id: str = TRADE_ID, be_mfe: float = 1.4, no_be_mfe: float = 2.5) -> dict[str, Any]:
    return payload(
        "EXIT_STOP_LOSS",
        trade_id,
        exit_price=25730,
        exit_reason="original_stop_loss_hit",
        final_be_mfe=be_mfe,
        final_no_be_mfe=no_be_mfe,
        mae_global_r=-0.9,
    )


def cancelled(trade_id: str = TRADE_ID) -> dict[str, Any]:
    return payload("CANCELLED", trade_id, cancel_reason="opposite_signal", cancelled_by="other", bars_pending=4)


Alert = tuple[dict[str, Any], datetime]


def incoming(body: dict[str, Any] | bytes, fired: datetime, **options: Any) -> Incoming:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Incoming(body=raw, received_at=fired, fired_at=fired, channel=Channel.LOG, **options)


def send(alerts: Iterable[Alert], source: Source | None = None) -> Taken:
    """Take in alerts at their fire times, in one transaction."""
    items = [incoming(body, fired) for body, fired in alerts]
    return take_in(source or default_source(), items, now=datetime(2025, 12, 12, tzinfo=UTC))


def the_signal(trade_id: str = TRADE_ID) -> AutomatedSignal:
    return AutomatedSignal.objects.get(trade_id=trade_id)


# What sameness leaves out: the row itself, and times of receipt and processing.
ROW_ONLY = {"id", "created_at", "updated_at", "reconciliation_timestamp", "health_score"}


def everything() -> dict[str, dict[str, Any]]:
    """All signals as the export tells them, provenance included, without what is about rows and processing."""
    rows = AutomatedSignal.objects.select_related("source").order_by("trade_id")
    return {row.trade_id: {k: v for k, v in record(row).items() if k not in ROW_ONLY} for row in rows}

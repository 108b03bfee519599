"""Payloads as the indicator builds them, one small builder per dialect; keyword arguments replace fields."""

import json
from decimal import Decimal
from typing import Any

from signals import dialects
from signals.facts import EventFacts, Reading, UnreadableError

Payload = dict[str, Any]


def body(payload: Any) -> bytes:
    return json.dumps(payload, separators=(",", ":"), ensure_ascii=False).encode()


def read(payload: Any) -> Reading:
    return dialects.read(body(payload))


def event(payload: Any) -> EventFacts:
    """The one event of a payload that must be read without any doubt."""
    reading = read(payload)
    assert reading.faults == ()
    (only,) = reading.events
    return only


def values(payload: Any) -> dict[str, Any]:
    return dict(event(payload).values)


def refusal(payload: Any) -> str:
    """Why a payload, or a body, is quarantined."""
    try:
        dialects.read(payload if isinstance(payload, bytes) else body(payload))
    except UnreadableError as error:
        return error.reason
    raise AssertionError("it was read")


def strategy(kind: str = "ENTRY", **fields: Any) -> Payload:
    own = {
        "ENTRY": {
            "date": "2025-11-14",
            "time": "06:22:00",
            "bias": "Bullish",
            "session": "NY PRE",
            "entry_price": 24847,
            "sl_price": 24818,
            "risk_distance": 29,
            "be_price": 24847,
            "target_1r": 24876,
            "target_2r": 24905,
            "target_3r": 24934,
            "be_hit": False,
            "be_mfe": 0.0,
            "no_be_mfe": 0.0,
            "status": "active",
        },
        "MFE_UPDATE": {
            "current_price": 24844.5,
            "be_mfe": 0.1379310345,
            "no_be_mfe": 0.1379310345,
            "lowest_low": 24836.75,
            "highest_high": 24851,
            "status": "active",
        },
        "BE_TRIGGERED": {"be_hit": True, "be_mfe": 1.0166666667, "no_be_mfe": 1.0166666667},
        "EXIT_BREAK_EVEN": {
            "completion_reason": "be_stop_loss_hit",
            "final_be_mfe": 1.68,
            "final_no_be_mfe": 1.7,
            "status": "completed",
        },
    }[kind]
    return {
        "type": kind,
        "signal_id": "20251114_052300000_BULLISH",
        **own,
        "timestamp": 1763119320000,
        **fields,
    }


def telemetry(kind: str = "ENTRY", **fields: Any) -> Payload:
    return {
        "schema_version": "1.0.0",
        "engine_version": "1.0.0",
        "strategy_name": "NQ_FVG_CORE",
        "trade_id": "20251211_004700000_BULLISH",
        "event_type": kind,
        "event_timestamp": "2025-12-11T00:47:00",
        "symbol": "MNQ1!",
        "timeframe": "1",
        "session": "LONDON",
        "direction": "Bullish",
        "entry_price": 25508.25,
        "stop_loss": 25489.75,
        "risk_R": 1,
        "position_size": 5,
        "be_price": None,
        "be_mfe": 0.5,
        "no_be_mfe": 0.75,
        "mae_global_r": -0.25,
        "final_mfe_R": None,
        "exit_price": None,
        "exit_timestamp": None,
        "exit_reason": None,
        "targets": {
            "tp1_price": 25526.75,
            "tp2_price": 25545.25,
            "tp3_price": 25563.75,
            "target_Rs": [1, 2, 3],
        },
        "setup": {"setup_family": "FVG_CORE", "signal_strength": 75},
        "htf_alignment": {
            "daily": "Neutral",
            "h4": "Bearish",
            "h1": "Neutral",
            "m15": "Bullish",
            "m5": "Neutral",
            "m1": "Bullish",
            "all_bullish": False,
            "all_bearish": False,
        },
        **fields,
    }


def old_telemetry(kind: str = "ENTRY", **fields: Any) -> Payload:
    """Before 2025-12-08: `mfe_R` and `mae_R`, no HTF."""
    made = telemetry(kind, **{"mfe_R": 1.34, "mae_R": 0, **fields})
    gone = {"be_mfe", "no_be_mfe", "mae_global_r", "htf_alignment"} - fields.keys()
    return {name: value for name, value in made.items() if name not in gone}


def created(**fields: Any) -> Payload:
    """SIGNAL_CREATED of telemetry, with the nulls and zeros that it really carries."""
    nothing = {
        "entry_price": None,
        "stop_loss": None,
        "risk_R": 0,
        "be_mfe": 0,
        "no_be_mfe": 0,
        "mae_global_r": 0,
        "exit_reason": "triangle_appeared",
        "targets": {"tp1_price": None, "tp2_price": None, "tp3_price": None, "target_Rs": [1, 2, 3]},
    }
    return telemetry("SIGNAL_CREATED", **{**nothing, **fields})


def plain(kind: str = "ENTRY", **fields: Any) -> Payload:
    return {
        "event_type": kind,
        "trade_id": "20251212_144000000_BULLISH",
        "direction": "Bullish",
        "session": "NY PM",
        "signal_date": "2025-12-12",
        "signal_time": "14:40:00",
        "entry_price": 25740,
        "stop_loss": 25730,
        **fields,
    }


def batch_entry(**fields: Any) -> Payload:
    return {
        "trade_id": "20251210_184900000_BEARISH",
        "direction": "Bearish",
        "be_mfe": 2.625,
        "no_be_mfe": 43.625,
        "mae_global_r": -0.84375,
        "current_price": 25513.75,
        "be_triggered": True,
        **fields,
    }


def later_entry(**fields: Any) -> Payload:
    """An entry of the later batch form, also used by snapshots and V2 exports."""
    return {
        "trade_id": "20251210_184900000_BEARISH",
        "symbol": "MNQ1!",
        "direction": "Bearish",
        "date": "2025-12-10",
        "session": "AFTER_HOURS",
        "triangle_time": 1765410540000,
        "confirmation_time": 1765410720000,
        "entry": 25540.25,
        "stop": 25550.25,
        "be_mfe": 2.625,
        "no_be_mfe": 2.875,
        "mae": -0.5,
        "current_price": 25513.75,
        "be_triggered": True,
        "completed": False,
        **fields,
    }


def batch(*entries: Any, **fields: Any) -> Payload:
    return {
        "event_type": "MFE_UPDATE_BATCH",
        "timestamp": "2025-12-11T00:58:00",
        "signals": list(entries),
        **fields,
    }


def triangle(**fields: Any) -> Payload:
    """An entry of a snapshot's `triangles_delta`."""
    return {
        "trade_id": "20251211_004300000_BEARISH",
        "direction": "Bearish",
        "status": "PENDING",
        "triangle_time": 1765431780000,
        "confirmation_time": None,
        "entry": 0,
        "stop": 0,
        "risk": 0,
        "bars_to_confirm": 0,
        "htf_daily": "NEUT",
        "htf_4h": "BULL",
        "htf_1h": "NEUT",
        "htf_15m": "BEAR",
        "htf_5m": "BULL",
        **fields,
    }


def snapshot(**fields: Any) -> Payload:
    return {
        "event_type": "UNIFIED_SNAPSHOT_V1",
        "symbol": "MNQ1!",
        "bar_ts": 1765432680000,
        "open": 25512.5,
        "high": 25515,
        "low": 25510.25,
        "close": 25513.75,
        "signals": [later_entry()],
        "triangles_delta": [triangle()],
        **fields,
    }


def all_signals_entry(**fields: Any) -> Payload:
    return {
        "trade_id": "20251211_003100000_BEARISH",
        "direction": "Bearish",
        "status": "CONFIRMED",
        "signal_time": 1765431060000,
        "confirmation_time": 1765431180000,
        "bars_to_confirm": 2,
        "entry": 25486.75,
        "stop": 25495.5,
        "risk": 8.75,
        "htf_daily": "NEUT",
        "htf_4h": "BULL",
        "htf_1h": "BEAR",
        "htf_15m": "NEUT",
        "htf_5m": "BEAR",
        "htf_1m": "BEAR",
        **fields,
    }


def export(*entries: Any, kind: str = "ALL_SIGNALS_EXPORT", **fields: Any) -> Payload:
    numbers = {"batch_number": 1, "batch_size": len(entries), "total_signals": len(entries)}
    return {"event_type": kind, **numbers, "signals": list(entries), **fields}


def decimals(*texts: str) -> tuple[Decimal, ...]:
    return tuple(map(Decimal, texts))

"""`heartbeat`: alive, with so many signals."""

import pytest

from signals.facts import Heartbeat

from .payloads import read, refusal


@pytest.mark.parametrize(
    ("fields", "meant"),
    [
        ({"signal_count": 12}, Heartbeat(12)),
        ({"signal_count": 0}, Heartbeat(0)),
        ({"tracked_signals": "7", "indicator_version": "2025.12", "realtime": True}, Heartbeat(7, "2025.12")),
        ({"indicator_version": 3}, Heartbeat(None, "3")),
        ({"schema_version": "1.0.0", "signal_count": None}, Heartbeat()),
    ],
)
def test_a_heartbeat_counts_the_tracked_signals(fields: dict[str, object], meant: Heartbeat):
    reading = read({"event_type": "heartbeat", "timestamp": "2025-12-11T00:58:00", **fields})

    assert reading.dialect == "heartbeat"
    assert reading.heartbeat == meant
    assert reading.events == ()


def test_half_a_signal_cannot_be_counted():
    assert "signal_count '1.5'" in refusal({"event_type": "HEARTBEAT", "signal_count": 1.5})

"""What the lists of signals are asked for in tests, and signals to find in them."""

from typing import Any

from django.test import Client

from tests.builders import Alert, at, cancelled, created, entry, exit_stop, update

BASE = "/api/automated-signals"
ALL = f"{BASE}/all-signals"
PENDING_ID, CANCELLED_ID, COMPLETED_ID = (f"20251211_09{n}000000_BULLISH" for n in (41, 42, 43))


def lifecycle() -> list[Alert]:
    """One signal of each status; TRADE_ID is the confirmed one."""
    return [
        (created(), at(1)),
        (entry(), at(3)),
        (update(0.5), at(4)),
        (created(PENDING_ID), at(2)),
        (created(CANCELLED_ID), at(3)),
        (cancelled(CANCELLED_ID), at(8)),
        (created(COMPLETED_ID), at(4)),
        (entry(COMPLETED_ID), at(5)),
        (exit_stop(COMPLETED_ID), at(9)),
    ]


def results(api: Client, **parameters: Any) -> list[dict[str, Any]]:
    answer = api.get(ALL, parameters)
    assert answer.status_code == 200, answer.content
    rows: list[dict[str, Any]] = answer.json()["results"]
    return rows


def ids(api: Client, **parameters: Any) -> set[str]:
    return {row["trade_id"] for row in results(api, **parameters)}

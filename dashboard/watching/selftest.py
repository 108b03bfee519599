"""The self-test: a signal sent through the real public path, timed against TradingView's patience.

It belongs to a source of its own, which counts nowhere, and is cancelled at once, so that nothing waits for it.
"""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import perf_counter

import httpx

from dashboard.telling.alert_messages import signal_of
from reconciliation.gaps import CATALOGUE
from signals.models import Source, SourceToken
from signals.networks import ANY
from signals.receiving.senders import hash_token, new_token
from signals.tiers import TIERS

from .reach import TIME, Fault, broken_at, broken_by

SELF_TEST = "self-test"
PATIENCE = 3.0
"""Seconds after which TradingView gives an alert up."""
TOKEN_LIFE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Result:
    """What became of the test: whether it was stored, in how many seconds, what was answered, and what is broken."""

    stored: bool
    seconds: float
    said: str
    fault: Fault | None = None

    @property
    def in_time(self) -> bool:
        return self.stored and self.seconds < PATIENCE


def self_test_source() -> Source:
    """The source that test signals belong to: always open, and without gaps to fill."""
    source, _ = Source.objects.get_or_create(
        name=SELF_TEST,
        defaults={
            "calendar": "24/7",
            "bar_minutes": 1,
            "gaps_off": list(CATALOGUE),
            "tiers_off": list(TIERS),
            "addresses": ANY,
        },
    )
    if source.addresses != ANY:  # made before sources had such a list
        source.addresses = ANY
        source.save(update_fields=["addresses"])
    return source


def prepare(now: datetime) -> str:
    """A token for this one test; it ends by itself if the test is cut short."""
    return new_token(self_test_source(), label=SELF_TEST, expires_at=now + TOKEN_LIFE)


def bodies(now: datetime) -> tuple[bytes, bytes]:
    """A signal, and its cancellation."""
    signal = signal_of(now)
    cancellation = {"event_type": "CANCELLED", "trade_id": signal["trade_id"], "cancel_reason": SELF_TEST}
    return json.dumps(signal).encode(), json.dumps(cancellation).encode()


def send(address: str, token: str, now: datetime, client: httpx.Client | None = None) -> Result:
    """Post the test signal, time it, cancel it, and take the token back."""
    signal, cancellation = bodies(now)
    try:
        with client or httpx.Client(timeout=PATIENCE) as http:
            result = timed(http, address, signal)
            if result.stored:
                timed(http, address, cancellation)
    finally:
        SourceToken.objects.filter(token_hash=hash_token(token)).delete()
    return result


def timed(http: httpx.Client, address: str, body: bytes) -> Result:
    started = perf_counter()
    try:
        answer = http.post(address, content=body, headers={"Content-Type": "application/json"})
    except httpx.HTTPError as error:
        said = f"no answer ({type(error).__name__}: {error})"
        return Result(False, perf_counter() - started, said, broken_by(error, address))
    seconds = perf_counter() - started
    try:
        told = dict(answer.json())
    except (ValueError, TypeError):
        told = {}
    status = str(told.get("status", ""))
    fault = broken_at(answer, status=status, detail=str(told.get("detail", "")))
    if fault is None and seconds >= PATIENCE:
        fault = Fault(TIME, "It was stored too late for TradingView. Look at Overview for what holds this server up.")
    return Result(status == "accepted", seconds, f"HTTP {answer.status_code} {status}".strip(), fault)

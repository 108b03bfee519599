"""How requests reach a companion: posted to it, or pulled by it. Never inside a transaction."""

import json
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from reconciliation.models import AskedGap, Companion, SyncRequest
from signals.formats import iso
from signals.models import Source

from .companion import Letter, Receipt, post_all
from .endings import give_up
from .rules import MAX_ATTEMPTS, retry_after

AT_ONCE = 20  # requests in one step, or in one pull
State = SyncRequest.State


def deliver(now: datetime) -> tuple[int, int]:
    """Post what is due to companions. Returns how many requests were taken, and how many were not."""
    companions = {companion.source_id: companion for companion in Companion.objects.filter(enabled=True)}
    if not companions:
        return 0, 0
    due = SyncRequest.objects.select_related("source").filter(
        state=State.WAITING, next_attempt_at__lte=now, expires_at__gt=now, source__in=companions
    )
    claimed = [request for request in due.order_by("created_at", "pk")[:AT_ONCE] if claim(request, now)]
    if not claimed:
        return 0, 0
    bodies = payloads(claimed)
    letters = [letter(companions[request.source_id], bodies[request.pk]) for request in claimed]
    receipts = post_all(letters, now)
    for request, receipt in zip(claimed, receipts, strict=True):
        record(request, companions[request.source_id], receipt, now)
    taken = sum(not receipt.error for receipt in receipts)
    return taken, len(receipts) - taken


def letter(companion: Companion, payload: dict[str, Any]) -> Letter:
    return Letter(companion.url, json.dumps(payload).encode(), companion.secret, payload["request_id"])


def claim(request: SyncRequest, now: datetime) -> bool:
    """Take the next attempt by compare-and-swap: of several deliverers one posts. If it dies, a later step retries."""
    attempts = request.attempts + 1
    mine = SyncRequest.objects.filter(pk=request.pk, state=State.WAITING, attempts=request.attempts).update(
        attempts=attempts, next_attempt_at=now + retry_after(request.pk, attempts)
    )
    request.attempts = attempts
    return bool(mine)


def record(request: SyncRequest, companion: Companion, receipt: Receipt, now: datetime) -> None:
    """Note what became of an attempt. A request that was pulled or has ended meanwhile stays as it is."""
    waiting = SyncRequest.objects.filter(pk=request.pk, state=State.WAITING)
    if not receipt.error:
        waiting.update(state=State.DELIVERED, delivered_at=now, delivered_to=companion.host, error="")
        return
    waiting.update(error=receipt.error[:200])
    if receipt.refused or request.attempts >= MAX_ATTEMPTS:
        give_up(waiting, State.FAILED, now)


def payloads(requests: Sequence[SyncRequest]) -> dict[UUID, dict[str, Any]]:
    """What a companion is told, by request: the trade ids not answered yet, the symbol of each, and which gaps they are
    asked about for."""
    asked: dict[UUID, list[tuple[str, str]]] = defaultdict(list)
    left = AskedGap.objects.filter(request__in=[request.pk for request in requests], ended_at=None)
    named = ("signal__trade_id", "signal__symbol")
    for key, trade_id, symbol in left.order_by(*named).values_list("request", *named).distinct():
        asked[key].append((trade_id, symbol))
    return {
        request.pk: {
            "request_id": str(request.pk),
            "source": request.source.name,
            "trade_ids": list(dict.fromkeys(trade_id for trade_id, _ in asked[request.pk])),
            "signals": [
                {"trade_id": trade_id, "symbol": symbol or request.source.symbol}
                for trade_id, symbol in asked[request.pk]
            ],
            "reason": request.reason,
            "created_at": iso(request.created_at),
            "expires_at": iso(request.expires_at),
        }
        for request in requests
    }


def waiting_for(source: Source, now: datetime) -> list[dict[str, Any]]:
    """The source's requests that nobody has taken yet, oldest first, as `payloads` tells them."""
    waiting = SyncRequest.objects.select_related("source").filter(
        source=source, state=State.WAITING, expires_at__gt=now
    )
    return list(payloads(list(waiting.order_by("created_at", "pk")[:AT_ONCE])).values())


def acknowledge(source: Source, request_id: UUID, now: datetime) -> SyncRequest | None:
    """Note that the source's companion has pulled a request; None if it has no such. Repeating it changes nothing."""
    mine = SyncRequest.objects.filter(pk=request_id, source=source)
    mine.filter(state=State.WAITING).update(
        state=State.DELIVERED, delivered_at=now, delivered_to=SyncRequest.PULLED, error=""
    )
    return mine.first()

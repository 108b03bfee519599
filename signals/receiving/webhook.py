"""The webhook: raw bytes in, a durable delivery out, decided within TradingView's three seconds.

Anything but 200 or 202 loses the alert, except 5xx, which TradingView sends again. So a database that cannot store in
time costs nothing: the bytes go to the spool, and only when that fails too is the answer 503.
"""

import logging
from datetime import datetime
from time import monotonic

from django.core.cache import cache
from django.db import Error as DatabaseError
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import status
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from signals.intake import MAX_BODY, Incoming, Outcome, take_in
from signals.models import Source
from signals.storage.deadlines import transaction_within
from signals.vocabulary import DeliveryStatus

from .senders import client_address, hash_token, mask_body, on_loopback, open_source, source_of_token
from .spool import SpoolError, spool
from .spooled import Spooled
from .throttling import BadTokenThrottle, SourceThrottle

log = logging.getLogger(__name__)
WAIT_MS = 1000  # after which no statement begins, and which none may take: storing is decided within 2 s
TOKEN_CACHE_SECONDS = 5  # a revoked token is refused after this long
RETRY_AFTER = "5"


class UnknownSenderError(Exception):
    """No source belongs to the token, or none is open to this sender."""


def find_source(token_hash: str, *, loopback: bool, now: datetime) -> Source:
    """The source of a request: by its token, else the one that this machine may post to without one."""
    source = source_of_token(token_hash, now) if token_hash else open_source() if loopback else None
    if source is None:
        raise UnknownSenderError
    return source


def remembered_source(token_hash: str, *, loopback: bool, now: datetime) -> Source:
    """The source of a request of now, looked up once in TOKEN_CACHE_SECONDS."""
    key = f"source:{token_hash}:{loopback}"
    source: Source | None = cache.get(key)
    if source is None:
        with transaction_within(WAIT_MS):
            source = find_source(token_hash, loopback=loopback, now=now)
        cache.set(key, source, TOKEN_CACHE_SECONDS)
    return source


class WebhookView(APIView):
    """Takes one alert of TradingView, exactly as sent."""

    authentication_classes = ()
    permission_classes = ()
    parser_classes = ()

    def perform_content_negotiation(self, request: Request, force: bool = False) -> tuple[BaseRenderer, str]:
        """JSON whatever the sender says it accepts: a 406 would lose the alert."""
        return JSONRenderer(), JSONRenderer.media_type

    @extend_schema(
        operation_id="webhook",
        request={"application/json": OpenApiTypes.OBJECT, "text/plain": OpenApiTypes.STR},
        responses={
            200: OpenApiResponse(OpenApiTypes.OBJECT, "Stored: accepted or duplicate, with the number of new events."),
            202: OpenApiResponse(OpenApiTypes.OBJECT, "Stored, but unreadable: an operator can mend and replay it."),
            401: OpenApiResponse(OpenApiTypes.OBJECT, "Unknown token."),
            413: OpenApiResponse(OpenApiTypes.OBJECT, "Over 64 KiB."),
            429: OpenApiResponse(OpenApiTypes.OBJECT, "Too many requests."),
            503: OpenApiResponse(OpenApiTypes.OBJECT, "Could not be made durable: send it again."),
        },
    )
    def post(self, request: Request, token: str = "") -> Response:
        now = timezone.now()
        body = read_capped(request)
        if body is None:
            return refuse(status.HTTP_413_REQUEST_ENTITY_TOO_LARGE, f"A body may have at most {MAX_BODY} bytes.")
        body, body_token = mask_body(body)
        record = Spooled(
            received_at=now,
            token_hash=hash_token(token) if token else body_token,
            remote_addr=client_address(request),
            body=body,
            content_type=str(request.META.get("CONTENT_TYPE", ""))[:80],
            loopback=not (token or body_token) and on_loopback(request),
        )
        asked = monotonic()
        try:
            source = remembered_source(record.token_hash, loopback=record.loopback, now=now)
            if not SourceThrottle(source.name).allow_request(request, self):
                return refuse(status.HTTP_429_TOO_MANY_REQUESTS, "More deliveries than WEBHOOK_RATE allows.")
            return answer(take_in(source, [incoming_of(record)], now=now, wait_ms=left_ms(asked)).outcomes[0])
        except UnknownSenderError:
            return self.turn_away(request)
        except Exception as error:
            # The database failed, or we did: either way the bytes must not be lost.
            if not isinstance(error, DatabaseError):
                log.exception("taking in a delivery failed; spooling it")
            return keep_on_disk(record, error)

    def turn_away(self, request: Request) -> Response:
        if not BadTokenThrottle().allow_request(request, self):
            return refuse(status.HTTP_429_TOO_MANY_REQUESTS, "Too many requests with an unknown token.")
        return refuse(
            status.HTTP_401_UNAUTHORIZED,
            "Unknown token. Use the webhook address that the console shows for your source, or put its token into the"
            ' message as "token".',
        )


def left_ms(asked: float) -> int:
    """What the sender's lookup, begun at `asked` (monotonic), has left of WAIT_MS for storing."""
    return max(1, WAIT_MS - int((monotonic() - asked) * 1000))


def incoming_of(record: Spooled) -> Incoming:
    return Incoming(
        body=record.body,
        received_at=record.received_at,
        content_type=record.content_type,
        remote_addr=record.remote_addr,
    )


def read_capped(request: Request) -> bytes | None:
    """The raw body, or None as soon as it exceeds the cap: a false Content-Length cannot make us read more.

    Where a proxy sends the body in chunks there is no Content-Length, and Django would take it for empty.
    """
    chunked = "HTTP_TRANSFER_ENCODING" in request.META and request.META.get("wsgi.input_terminated")
    stream = request.META["wsgi.input"] if chunked else request._request
    length = str(request.META.get("CONTENT_LENGTH", ""))
    if length.isdecimal() and int(length) > MAX_BODY:
        return None
    body: bytes = stream.read(MAX_BODY + 1)
    return body if len(body) <= MAX_BODY else None


def keep_on_disk(record: Spooled, cause: Exception) -> Response:
    """Spool a delivery; 200 only once it is durable."""
    why = str(cause).strip().split("\n")[0]
    try:
        spool().append(record)
    except SpoolError as error:
        log.error("a delivery could be neither stored (%s) nor spooled (%s)", why, error)
        response = refuse(status.HTTP_503_SERVICE_UNAVAILABLE, "Storing failed; please send it again.")
        response["Retry-After"] = RETRY_AFTER
        return response
    log.warning("a delivery was spooled, for storing failed: %s", why)
    return Response({"status": "accepted", "spooled": True, "delivery": None, "events": None})


def answer(outcome: Outcome) -> Response:
    if outcome.status == DeliveryStatus.QUARANTINED:
        body = {"status": "quarantined", "reason": outcome.reason, "delivery": str(outcome.delivery_id)}
        return Response(body, status=status.HTTP_202_ACCEPTED)
    return Response({"status": outcome.status.value, "delivery": str(outcome.delivery_id), "events": outcome.events})


def refuse(code: int, detail: str) -> Response:
    return Response({"status": "refused", "detail": detail}, status=code)

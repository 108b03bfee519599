"""The webhook: raw bytes in, a durable delivery out, decided within TradingView's three seconds.

Anything but 200 or 202 loses the alert, except 5xx, which TradingView sends again. So a database that cannot store in
time costs nothing: the bytes go to the spool, and only when that fails too is the answer 503.
"""

import json
import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from time import monotonic
from typing import Any, NamedTuple

from django.core.cache import cache
from django.core.handlers.wsgi import WSGIRequest
from django.db import Error as DatabaseError
from django.http import HttpRequest, HttpResponse
from django.urls import resolve
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import status
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.views import APIView

from signals import measuring
from signals.intake import Outcome, take_in
from signals.models import Source
from signals.parcels import MAX_BODY, Incoming
from signals.storage.deadlines import transaction_within
from signals.vocabulary import DeliveryStatus
from signalsync_project.front.alerts import ARRIVED, UNASKED

from . import origins, outage, refusals
from .known import TOKEN_CACHE_SECONDS, RememberedTokens
from .refusals import Cause
from .senders import client_address, credentials, open_source, source_of_token
from .spool import Spool, spool
from .spooled import Spooled
from .throttling import BadTokenThrottle, SourceThrottle

log = logging.getLogger(__name__)
WAIT_MS = 1000  # after which no statement begins, and which none may take: storing is decided within 2 s
KNOWN = RememberedTokens(WAIT_MS)
RETRY_AFTER = "5"


class UnknownSenderError(Exception):
    """No source belongs to the token, or none is open to this sender."""


def find_source(token_hash: str, *, loopback: bool, now: datetime) -> Source:
    """The source of a request: by its token, else the one that this machine may post to without one."""
    source = source_of_token(token_hash, now) if token_hash else open_source() if loopback else None
    if source is None:
        raise UnknownSenderError
    return source


def source_key(token_hash: str, loopback: bool) -> str:
    return f"source:{token_hash}:{loopback}"


def remembered_source(record: Spooled) -> Source:
    """The source of what came now, looked up once in TOKEN_CACHE_SECONDS."""
    key = source_key(record.token_hash, record.loopback)
    source: Source | None = cache.get(key)
    if source is None:
        with transaction_within(WAIT_MS):
            source = find_source(record.token_hash, loopback=record.loopback, now=record.received_at)
            outage.remember(record)
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

    @property
    def default_response_headers(self) -> dict[str, str]:
        """None for an alert: the front door says the same without this view."""
        return {} if self.request.method == "POST" else super().default_response_headers

    @extend_schema(
        operation_id="webhook",
        request={"application/json": OpenApiTypes.OBJECT, "text/plain": OpenApiTypes.STR},
        responses={
            200: OpenApiResponse(OpenApiTypes.OBJECT, "Stored: accepted or duplicate, with the number of new events."),
            202: OpenApiResponse(OpenApiTypes.OBJECT, "Stored, but unreadable: an operator can mend and replay it."),
            400: OpenApiResponse(OpenApiTypes.OBJECT, "The body's chunks are broken."),
            401: OpenApiResponse(OpenApiTypes.OBJECT, "Unknown token."),
            403: OpenApiResponse(OpenApiTypes.OBJECT, "From an address, or without a certificate, that is asked for."),
            413: OpenApiResponse(OpenApiTypes.OBJECT, "Over 192 KiB."),
            429: OpenApiResponse(OpenApiTypes.OBJECT, "Too many requests."),
            503: OpenApiResponse(OpenApiTypes.OBJECT, "Could not be made durable: send it again."),
        },
    )
    def post(self, request: Request, token: str = "") -> HttpResponse:
        received = record_of(request._request, token)
        return respond(received if isinstance(received, Reply) else take(request._request, received))


class Reply(NamedTuple):
    """An answer: status, JSON, headers."""

    status: int
    body: dict[str, Any]
    headers: dict[str, str] = {}


def respond(reply: Reply) -> HttpResponse:
    text = json.dumps(reply.body, ensure_ascii=False, separators=(",", ":")).encode()
    headers = {"Content-Type": "application/json", "Content-Length": str(len(text)), **reply.headers}
    return HttpResponse(text, status=reply.status, headers=headers)


def record_of(request: HttpRequest, token: str) -> Spooled | Reply:
    """What a request brought, without its secrets; or why it cannot be taken."""
    try:
        body = read_capped(request)
    except Exception as error:  # noqa: BLE001 - chunks that are none, in the words of whichever server reads them
        return refuse(status.HTTP_400_BAD_REQUEST, f"The body cannot be read: {error}")
    if body is None:
        return refuse(status.HTTP_413_REQUEST_ENTITY_TOO_LARGE, f"A body may have at most {MAX_BODY} bytes.")
    given = credentials(request, token, body, KNOWN)
    request.META[refusals.HEAD] = given.body[: refusals.READ_BYTES]
    return Spooled(
        received_at=arrived_at(request),
        token_hash=given.token_hash,
        remote_addr=client_address(request),
        body=given.body,
        content_type=str(request.META.get("CONTENT_TYPE", ""))[:80],
        loopback=given.loopback,
    )


def arrived_at(request: HttpRequest) -> datetime:
    """When the request reached this machine: the front door knows, however late we come to it."""
    arrived = request.META.get(ARRIVED)
    return datetime.fromtimestamp(arrived, UTC) if isinstance(arrived, float) else timezone.now()


def take(request: HttpRequest, record: Spooled) -> Reply:
    """Store what was received, or spool it."""
    # The front door has asked already: the one alert that tries is this one.
    if ARRIVED not in request.META and not outage.breaker.allows():
        return keep_on_disk([(request, record)], "it failed a moment ago")[0]
    asked = monotonic()
    try:
        source = let_in(request, record, {})
        if isinstance(source, Reply):
            return source
        return stored(source, [record], wait_ms=left_ms(asked))[0]
    except Exception as error:  # noqa: BLE001 - the database failed, or we did: either way the bytes must not be lost
        return keep_on_disk([(request, record)], told_of(error))[0]


def let_in(request: HttpRequest, record: Spooled, found: dict[str, Source]) -> Source | Reply:
    """The source that the request is for, or why it is refused. `found` are those of the alerts taken in with it."""
    key = source_key(record.token_hash, record.loopback)
    try:
        source = found[key] = found.get(key) or remembered_source(record)
    except UnknownSenderError:
        return turn_away(request)
    if fault := origins.fault_of(request, source):
        return not_from_there(request, fault)
    if not SourceThrottle(source.name).allows(request):
        return refuse(status.HTTP_429_TOO_MANY_REQUESTS, "More deliveries than WEBHOOK_RATE allows.")
    return source


def stored(source: Source, records: Sequence[Spooled], *, wait_ms: int) -> list[Reply]:
    """Store what was received for one source, in one transaction; the answers to it. Raises what that fails with."""
    now = max(record.received_at for record in records)
    taken = take_in(source, [incoming_of(record) for record in records], now=now, wait_ms=wait_ms)
    outage.breaker.worked()
    for record in records:
        note_delay(record, "direct")
    return [answer(outcome) for outcome in taken.outcomes]


def told_of(error: Exception) -> str:
    """Why storing failed, in a line; the breaker and the log are told as well."""
    if not isinstance(error, DatabaseError):
        log.error("taking in a delivery failed; spooling it", exc_info=error)
    elif outage.is_outage(error):
        outage.breaker.failed()
    return str(error).strip().split("\n")[0]


def note_delay(record: Spooled, way: str) -> None:
    """How long it took from receipt until everybody sees what came of it."""
    seconds = (timezone.now() - record.received_at).total_seconds()
    measuring.observe(measuring.DELAY, max(0.0, seconds), way)


def turn_away(request: HttpRequest) -> Reply:
    if not BadTokenThrottle().allows(request):
        return refuse(status.HTTP_429_TOO_MANY_REQUESTS, "Too many requests with an unknown token.")
    return refuse(
        status.HTTP_401_UNAUTHORIZED,
        "Unknown token. Use the webhook address that the console shows for your source, or put its token into the"
        ' message, as "token" unless its source has another name for it.',
    )


NOT_FROM_THERE = {
    Cause.ADDRESS: "Alerts of this source are not taken from this address.",
    Cause.CERTIFICATE: "Alerts are taken only with the certificate of TradingView.",
}


def not_from_there(request: HttpRequest, cause: Cause) -> Reply:
    request.META[refusals.CAUSE] = cause
    return refuse(status.HTTP_403_FORBIDDEN, NOT_FROM_THERE[cause])


def spool_at_once(environs: Sequence[dict[str, Any]]) -> list[Reply]:
    """Answer requests (WSGI environments) from the spool: what the front door does when it cannot store in time.

    Of those that are UNASKED the database is asked whether they may be sent, as it is before they are stored.
    """
    requests = [WSGIRequest(environ) for environ in environs]
    received = let_in_all([(request, record_of(request, token_in(request))) for request in requests])
    why = "" if all(request.META.get(UNASKED) for request in requests) else "it could not be done in time"
    records = [(request, each) for request, each in zip(requests, received, strict=True) if isinstance(each, Spooled)]
    kept = iter(keep_on_disk(records, why))
    replies = [next(kept) if isinstance(each, Spooled) else each for each in received]
    for request, reply in zip(requests, replies, strict=True):
        if cause := refusals.cause_of(request, reply.status):
            refusals.note(request, cause, reply.status, now=timezone.now())
    return replies


def let_in_all(received: Sequence[tuple[HttpRequest, Spooled | Reply]]) -> list[Spooled | Reply]:
    """What was received, or why it is refused, of those UNASKED; once the database fails, no more is asked."""
    judged, sources = [record for _, record in received], dict[str, Source]()
    try:
        for index, (request, record) in enumerate(received):
            if isinstance(record, Spooled) and request.META.get(UNASKED):
                source = let_in(request, record, sources)
                judged[index] = source if isinstance(source, Reply) else record
    except Exception as error:  # noqa: BLE001 - as in `take`: the bytes must not be lost
        told_of(error)
    return judged


def token_in(request: HttpRequest) -> str:
    match = request.resolver_match or resolve(request.path_info)
    return str(match.kwargs.get("token") or "")


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


def read_capped(request: HttpRequest) -> bytes | None:
    """The raw body, or None as soon as it exceeds the cap: a false Content-Length cannot make us read more.

    Where a proxy sends the body in chunks there is no Content-Length, and Django would take it for empty.
    """
    chunked = "HTTP_TRANSFER_ENCODING" in request.META and request.META.get("wsgi.input_terminated")
    stream = request.META["wsgi.input"] if chunked else request
    length = str(request.META.get("CONTENT_LENGTH", ""))
    if length.isdecimal() and int(length) > MAX_BODY:
        return None
    body: bytes = stream.read(MAX_BODY + 1)
    return body if len(body) <= MAX_BODY else None


def keep_on_disk(received: Sequence[tuple[HttpRequest, Spooled]], why: str) -> list[Reply]:
    """Spool deliveries, all with one confirmation of the disk; 200 only once they are durable. Why storing them failed
    is logged; "": it was not tried.

    What comes without any right to post needs no database to be refused. Of tokens that were not known when it last
    answered a little is kept, as one of them may be new.
    """
    known = outage.known_senders()
    places: list[Spool | Reply] = []
    main, others = spool(), outage.strangers()
    for request, record in received:
        source = cache.get(source_key(record.token_hash, record.loopback))
        if fault := origins.fault_of(request, source):
            places.append(not_from_there(request, fault))
        elif source or outage.is_known(record, known):
            places.append(main)
        elif not outage.may_send(record, known):
            places.append(turn_away(request))
        elif BadTokenThrottle().allows(request):
            places.append(others)
        else:
            places.append(refuse(status.HTTP_429_TOO_MANY_REQUESTS, "Too many requests with an unknown token."))
    replies = {
        place: spooled_reply(
            place, [record for (_, record), at in zip(received, places, strict=True) if at is place], why
        )
        for place in (main, others)
    }
    return [place if isinstance(place, Reply) else replies[place] for place in places]


def spooled_reply(place: Spool, records: Sequence[Spooled], why: str) -> Reply:
    """The answer to all of them."""
    error = outage.append_to(place, records)
    count = "a delivery" if len(records) == 1 else f"{len(records)} deliveries"
    if error is not None:
        log.error("%s could be neither stored (%s) nor spooled (%s)", count, why or "not tried", error)
        failed = refuse(status.HTTP_503_SERVICE_UNAVAILABLE, "Storing failed; please send it again.")
        return failed._replace(headers={"Retry-After": RETRY_AFTER})
    if records and why:
        log.warning("spooled %s, for storing failed: %s", count, why)
    return Reply(status.HTTP_200_OK, {"status": "accepted", "spooled": True, "delivery": None, "events": None})


def answer(outcome: Outcome) -> Reply:
    if outcome.status == DeliveryStatus.QUARANTINED:
        body = {"status": "quarantined", "reason": outcome.reason, "delivery": str(outcome.delivery_id)}
        return Reply(status.HTTP_202_ACCEPTED, body)
    events = outcome.events
    return Reply(200, {"status": outcome.status.value, "delivery": str(outcome.delivery_id), "events": events})


def refuse(code: int, detail: str) -> Reply:
    return Reply(code, {"status": "refused", "detail": detail})

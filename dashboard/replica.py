"""Reading from a copy of the database (DATABASE_REPLICA_URL): pages, and what the API is asked by GET.

Signals and what is done about them are read there; who somebody is, what he may, and everything that writes, is asked
of the database itself. Nobody misses what he wrote: the position of the write-ahead log after a person's writes is
kept, and until the copy has come so far, that person's pages are read from the database. So they are, for all, while
the copy does not answer, is far behind, or is none.
"""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.core.exceptions import MiddlewareNotUsed
from django.db import Error, InterfaceError, OperationalError, connection, connections
from django.http import HttpRequest, HttpResponseBase
from django.utils import timezone
from django.utils.crypto import salted_hmac

from dashboard.models import LastWrite

log = logging.getLogger(__name__)

DEFAULT, REPLICA = "default", "replica"
COPIED = frozenset({"signals", "reconciliation"})
SAFE = frozenset({"GET", "HEAD"})
# What brings alerts or asks in order to act at once, and what judges the database itself.
NEVER = ("/api/sync/requests", "/api/automated-signals/webhook", "/healthz", "/readyz", "/metrics", "/static/")
LOOKED_FOR = 1.0  # seconds for which a position of the copy serves, where it is far enough
AWAY_FOR = 10.0  # seconds for which a copy that did not answer is not asked
FAR_BEHIND = timedelta(seconds=60)
FORGOTTEN = timedelta(hours=1)  # a write that a usable copy must have: it is never so far behind
POSITION = """
SELECT pg_is_in_recovery(), pg_last_wal_replay_lsn()::text, clock_timestamp() - CASE
  WHEN pg_last_wal_replay_lsn() = pg_last_wal_receive_lsn() AND EXISTS (SELECT FROM pg_stat_wal_receiver)
  THEN clock_timestamp() ELSE pg_last_xact_replay_timestamp() END
"""

_chosen: ContextVar[str] = ContextVar("database of reads", default=DEFAULT)


class Router:
    """Django's router of databases: reads of what is copied go where the request under way was sent."""

    def db_for_read(self, model: Any, **hints: Any) -> str | None:
        return _chosen.get() if model._meta.app_label in COPIED else None

    def db_for_write(self, model: Any, **hints: Any) -> str:
        return DEFAULT

    def allow_relation(self, one: Any, other: Any, **hints: Any) -> bool:
        return True  # the same rows, wherever they were read

    def allow_migrate(self, alias: str, app_label: str, **hints: Any) -> bool | None:
        return False if alias == REPLICA else None


@contextmanager
def reading(alias: str) -> Iterator[None]:
    token = _chosen.set(alias)
    try:
        yield
    finally:
        _chosen.reset(token)


def chosen() -> str:
    """The database that the request under way reads from, for statements that no model makes."""
    return _chosen.get()


def current() -> str:
    """The same for what belongs to no request."""
    return REPLICA if REPLICA in settings.DATABASES and COPY.has(0) else DEFAULT


def lsn(text: str) -> int:
    """A position of the write-ahead log, as PostgreSQL writes it (16/B374D848), as a number."""
    high, _, low = text.partition("/")
    return (int(high, 16) << 32) | int(low, 16)


@dataclass(frozen=True, slots=True)
class Position:
    """How far the copy is. `behind` is unknown where it has replayed nothing since it was started."""

    copies: bool
    reached: int
    behind: timedelta | None

    @property
    def usable(self) -> bool:
        return self.copies and (self.behind is None or self.behind < FAR_BEHIND)


def look() -> Position:
    """Ask the copy. Raises django.db.Error."""
    with connections[REPLICA].cursor() as cursor:
        cursor.execute(POSITION)
        copies, reached, behind = cursor.fetchone()
    return Position(copies, lsn(reached) if reached else 0, behind)


class Copy:
    """What this process knows of the copy. `clock`: seconds, monotonic."""

    def __init__(self, look: Callable[[], Position] = look, clock: Callable[[], float] = time.monotonic) -> None:
        self.look, self.clock = look, clock
        self.position: Position | None = None
        self.good_until = 0.0

    def has(self, written: int) -> bool:
        """Whether it answers and has what was written up to a position of the log."""
        now = self.clock()
        if now < self.good_until and (self.position is None or self.position.reached >= written):
            return self.position is not None
        try:
            found = self.look()
        except Error as error:
            self.fails(error)
            return False
        self.position = found if found.usable else None
        self.good_until = now + (LOOKED_FOR if self.position else AWAY_FOR)
        return self.position is not None and self.position.reached >= written

    def fails(self, error: Exception) -> None:
        if self.position is not None or not self.good_until:
            log.warning("the replica does not answer, the database is read instead: %s", " ".join(str(error).split()))
        self.position, self.good_until = None, self.clock() + AWAY_FOR


COPY = Copy()


class ReadReplica:
    """Middleware: sends a request's reads to the copy, or not. Without a copy it is not used."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        if REPLICA not in settings.DATABASES:
            raise MiddlewareNotUsed
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.method not in SAFE:
            response = self.get_response(request)
            if not request.path.startswith(NEVER) and (person := who(request)):
                note_write(person, timezone.now())
            return response
        with reading(self.alias_for(request)):
            return self.get_response(request)

    def alias_for(self, request: HttpRequest) -> str:
        if request.path.startswith(NEVER):
            return DEFAULT
        return REPLICA if COPY.has(last_write(who(request), timezone.now())) else DEFAULT

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponseBase | None:
        """A copy that fails in the middle of a request costs its reader nothing: the database is asked instead."""
        if (
            chosen() != REPLICA
            or not isinstance(error, OperationalError | InterfaceError)
            or not request.resolver_match
        ):
            return None
        COPY.fails(error)
        _chosen.set(DEFAULT)
        view, args, kwargs = request.resolver_match
        answer: HttpResponseBase = view(request, *args, **kwargs)
        return answer


def who(request: HttpRequest) -> str:
    """Whose writes count for the request: a key of the person or of the program's credentials; "" for nobody's.

    The key is stored. Credentials can be a password's, which a plain digest would let be guessed from a stolen copy.
    """
    if credentials := request.META.get("HTTP_AUTHORIZATION"):
        return salted_hmac(__name__, credentials, algorithm="sha256").hexdigest()
    if settings.SESSION_COOKIE_NAME not in request.COOKIES or request.user.pk is None:
        return ""
    return f"user {request.user.pk}"


def note_write(person: str, now: datetime) -> None:
    """Keep how far the log was when the person had written. A failure costs him a moment of old pages only."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_current_wal_lsn()::text")
            [reached] = cursor.fetchone()
        LastWrite.objects.update_or_create(person=person, defaults={"position": lsn(reached), "at": now})
    except Error as error:
        log.warning("how far %s has written could not be kept: %s", person[:8], error)


def last_write(person: str, now: datetime) -> int:
    """The position of the log that the person must be shown at least; 0 where any will do."""
    if not person:
        return 0
    written = LastWrite.objects.filter(person=person, at__gt=now - FORGOTTEN).values_list("position", flat=True)
    return written.first() or 0

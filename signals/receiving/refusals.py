"""What was refused at the door, on the books: an alert that is not taken should not vanish without a trace.

Counts by the hour, and the last ones with their head and the reason, in one small file beside the spool: no database is
asked, and whoever sends many costs no more than whoever sends few. Nothing here may ever cost an alert: what cannot be
noted is not noted.
"""

import json
import os
from collections import Counter, deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from threading import Lock

from django.conf import settings
from django.http import HttpRequest

from signalsync_project.masking import masked

from .files import locked, rewrite
from .masking import hide_secrets
from .senders import client_address, mask_body

HEAD = "signalsync.head"  # of a request's environment: how its body begins, masked
HEAD_BYTES = 200
READ_BYTES = 800  # a secret that begins in the head is masked to its end
LAST = 100
HOURS = 48


class Cause(StrEnum):
    """Why, as it is counted."""

    HOST = "wrong host"
    PATH = "wrong path"
    SIZE = "too large"
    TOKEN = "unknown sender"  # noqa: S105 - not one
    METHOD = "wrong method"
    RATE = "too many"
    UNREADABLE = "unreadable request"
    STORING = "could not be stored"
    ADDRESS = "address not allowed"
    CERTIFICATE = "no certificate of TradingView"


BY_STATUS = {
    400: Cause.UNREADABLE,
    401: Cause.TOKEN,
    404: Cause.PATH,
    405: Cause.METHOD,
    413: Cause.SIZE,
    429: Cause.RATE,
    431: Cause.UNREADABLE,
    503: Cause.STORING,
}


CAUSE = "signalsync.cause"  # of a request's environment, where its answer's status does not tell


def cause_of(request: HttpRequest, status: int) -> Cause | None:
    """Why an alert was answered with this status; None where it was taken."""
    noted: Cause | None = request.META.get(CAUSE)
    return noted or BY_STATUS.get(status)


@dataclass(frozen=True, slots=True)
class Refusal:
    """One of the last; times are ISO 8601 in UTC, and nothing in it is a secret."""

    at: str
    cause: str
    status: int
    method: str
    path: str
    host: str
    address: str
    head: str

    @property
    def when(self) -> datetime:
        return datetime.fromisoformat(self.at)


@dataclass(frozen=True, slots=True)
class Book:
    """All that is noted: counts by hour and cause, and the last refusals, newest first."""

    hours: dict[str, dict[str, int]]
    last: list[Refusal]

    def since(self, moment: datetime) -> Counter[str]:
        """By cause, from the hour of that moment on."""
        counted: Counter[str] = Counter()
        for hour, causes in self.hours.items():
            if hour >= hour_of(moment):
                counted.update(causes)
        return counted


def hour_of(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H}"


def path_of_book() -> Path:
    return Path(settings.SPOOL_DIR) / "refused.json"


def read() -> Book:
    """What is noted; nothing where nothing can be read."""
    try:
        content = json.loads(path_of_book().read_bytes())
        return Book(content["hours"], [Refusal(**each) for each in content["last"]])
    except (OSError, ValueError, KeyError, TypeError):
        return Book({}, [])


def note(request: HttpRequest, cause: Cause, status: int, *, now: datetime) -> None:
    """Note a request that was refused. Never raises."""
    refusal = Refusal(
        at=now.isoformat(timespec="seconds"),
        cause=cause,
        status=status,
        method=str(request.method)[:10],
        path=masked(request.get_full_path())[:200],
        host=str(request.META.get("HTTP_HOST", ""))[:100],
        address=client_address(request)[:60],
        head=hide_secrets(mask_body(head_of(request))[0].decode(errors="replace"))[:HEAD_BYTES].replace("\0", ""),
    )
    add(refusal)


def head_of(request: HttpRequest) -> bytes:
    """The first bytes of the body, of which whoever read it has left a note."""
    if HEAD in request.META:
        return bytes(request.META[HEAD])
    try:
        return bytes(request.read(READ_BYTES))
    except Exception:  # noqa: BLE001 - read already, or unreadable
        return b""


def add(refusal: Refusal) -> None:
    """Note it now, or with the next `flush` where that is somebody's task."""
    _waiting.add(refusal)
    if not _waiting.is_flushed:
        flush()


class _Waiting:
    """This process's refusals that are not written yet: all are counted, the last ones kept."""

    def __init__(self) -> None:
        self.is_flushed = False
        self._lock = Lock()
        self._counts: Counter[tuple[str, str]] = Counter()
        self._last: deque[Refusal] = deque(maxlen=LAST)

    def add(self, refusal: Refusal) -> None:
        with self._lock:
            self._counts[hour_of(refusal.when), refusal.cause] += 1
            self._last.append(refusal)

    def take(self) -> tuple[Counter[tuple[str, str]], list[Refusal]]:
        with self._lock:
            taken = self._counts, list(self._last)
            self._counts, self._last = Counter(), deque(maxlen=LAST)
            return taken


_waiting = _Waiting()


def leave_to_flush() -> None:
    """Somebody calls `flush` now and then: a flood of refusals then costs the disk one write."""
    _waiting.is_flushed = True


def flush() -> None:
    """Write what waits. Never raises."""
    counts, last = _waiting.take()
    if counts:
        with suppress(OSError, ValueError):
            write(counts, last)


def write(counts: Counter[tuple[str, str]], last: Sequence[Refusal]) -> None:
    """Read, add, write whole and rename, under a lock that nobody waits for long: a collision is not noted."""
    path = path_of_book()
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with locked(path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT, timeout=0.2) as fd:
        if fd is None:
            return
        book = read()
        oldest = hour_of(last[-1].when - timedelta(hours=HOURS))
        hours = {hour: causes for hour, causes in book.hours.items() if hour > oldest}
        for (hour, cause), count in counts.items():
            causes = hours.setdefault(hour, {})
            causes[cause] = causes.get(cause, 0) + count
        content = {"hours": hours, "last": [asdict(each) for each in (*reversed(last), *book.last)][:LAST]}
        rewrite(path, json.dumps(content).encode())

"""What becomes of alerts that the database cannot take now: who is believed, and how much disk strangers may fill.

The tokens' hashes stand in a file beside the spool, so that senders are told from strangers without a database. A token
that the file does not know may have been made a moment ago: its alerts are taken, into a small spool of their own.
"""

import json
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from threading import Lock
from time import monotonic
from typing import Any

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection

from signals.models import Source, SourceToken

from .files import rewrite
from .masking import TOKEN
from .spool import Spool
from .spooled import Spooled

PAUSE = 5.0  # seconds for which alerts go straight to the spool after the database has failed
STRANGERS_BYTES = 16 * 1024 * 1024


@dataclass
class Breaker:
    """Whether the database is asked at all. After a failure one alert in PAUSE seconds tries; no other waits."""

    until: float = 0.0
    open: bool = False
    _lock: Lock = field(default_factory=Lock)

    def allows(self) -> bool:
        with self._lock:
            now = monotonic()
            if self.open and now >= self.until:
                self.until = now + PAUSE
                return True
            return not self.open

    def failed(self) -> None:
        with self._lock:
            self.open, self.until = True, monotonic() + PAUSE

    def worked(self) -> None:
        self.open = False


breaker = Breaker()
"""This process's."""


def is_outage(error: Exception) -> bool:
    """Whether the database itself is gone or hangs, and not this statement alone waited too long for a lock."""
    if connection.vendor == "sqlite" or not isinstance(error, InterfaceError | OperationalError):
        return False
    code = getattr(error.__cause__, "pgcode", None)
    return code is None or (code[:2] in {"08", "57"} and code != "57014")


def strangers() -> Spool:
    """The spool for tokens that nobody knew when the database was down."""
    return Spool(settings.SPOOL_DIR / "strangers", max_bytes=STRANGERS_BYTES, lock_timeout=0.3)


def senders_file() -> Path:
    return Path(settings.SPOOL_DIR) / "senders.json"


def remember_senders() -> None:
    """Write down who may send, for the time when the database does not say. Raises DatabaseError and OSError."""
    tokens = list(SourceToken.objects.values_list("token_hash", "expires_at", "source__token_field"))
    known: dict[str, Any] = {
        "open": Source.objects.filter(open_on_loopback=True).exists(),
        "tokens": {key: expires.isoformat() if expires else "" for key, expires, _ in tokens},
        "fields": {key: field for key, _, field in tokens if field != TOKEN},
    }
    path, text = senders_file(), json.dumps(known, sort_keys=True).encode()
    with suppress(OSError):
        if path.read_bytes() == text:
            return
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    rewrite(path, text)


def remember(record: Spooled) -> None:
    """Of a sender that the database has just vouched for. Raises DatabaseError.

    Who was heard once stays known, whatever dies next: an alert that is then throttled as a stranger's would be lost.
    """
    if not is_known(record, known_senders()):
        with suppress(OSError):  # a full disk is no reason to refuse what the database can store
            remember_senders()


def known_senders() -> dict[str, Any] | None:
    """What `remember_senders` wrote; None where nothing can be read."""
    try:
        known: dict[str, Any] = json.loads(senders_file().read_bytes())
    except (OSError, ValueError):
        return None
    return known


def is_known(record: Spooled, known: dict[str, Any] | None) -> bool:
    """Whether its sender was known when the database last answered. This machine is, unless the file says otherwise."""
    if not record.token_hash:
        return record.loopback and (known is None or bool(known["open"]))
    expires = known["tokens"].get(record.token_hash) if known else None
    return expires is not None and (not expires or datetime.fromisoformat(expires) > record.received_at)


def may_send(record: Spooled, known: dict[str, Any] | None) -> bool:
    """False for what needs no database to be refused."""
    if record.token_hash:
        return True
    return record.loopback and (known is None or bool(known["open"]))


def names_of(known: dict[str, Any] | None) -> frozenset[str]:
    """Under which names a token may stand in a message."""
    fields = known.get("fields", {}).values() if known else ()
    return frozenset({TOKEN, *(field.lower() for field in fields if field)})


def hashes_of(known: dict[str, Any] | None) -> frozenset[str]:
    """The hashes of all tokens that were known."""
    return frozenset(known["tokens"]) if known else frozenset()


def fields_of(hashes: Collection[str], known: dict[str, Any] | None) -> dict[str, str]:
    """Of the hashes those of tokens of ours, each with its name in a message.

    Of what cannot be told it is better to believe that it is one, for then it is masked.
    """
    if known is None:
        return dict.fromkeys(hashes, TOKEN)
    fields = known.get("fields", {})
    return {key: fields.get(key, TOKEN) for key in hashes if key in known["tokens"]}


def append_to(spool: Spool, records: Sequence[Spooled]) -> Exception | None:
    """None, once all are durable."""
    try:
        if len(records) == 1:
            spool.append(records[0])
        elif records:
            spool.append_all(records)
    except Exception as error:  # noqa: BLE001 - whatever failed, the sender must hear it
        return error
    return None

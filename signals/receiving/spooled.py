"""One record of the spool: a webhook request, and how it stands in the journal, a line with its length and checksum."""

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from pathlib import Path
from typing import NamedTuple

DIGEST_SIZE = 16  # bytes


@dataclass(frozen=True, slots=True)
class Spooled:
    """One webhook request. `body` and `token_hash` come masked and hashed: no token ever gets here."""

    received_at: datetime
    token_hash: str
    remote_addr: str
    body: bytes = field(repr=False)
    content_type: str
    loopback: bool

    def __post_init__(self) -> None:
        if self.received_at.utcoffset() != timedelta(0):
            raise ValueError(f"received_at must be aware and in UTC, not {self.received_at!r}")


class Line(NamedTuple):
    start: int
    end: int
    raw: bytes


def encode(record: Spooled) -> bytes:
    fields = {
        "received_at": record.received_at.isoformat(),
        "token_hash": record.token_hash,
        "remote_addr": record.remote_addr,
        "content_type": record.content_type,
        "loopback": record.loopback,
        "body": base64.b64encode(record.body).decode(),
    }
    return json.dumps(fields).encode()


def decode(payload: bytes) -> Spooled:
    """Raises ValueError, KeyError or TypeError for a payload that this version does not know."""
    fields = json.loads(payload)
    return Spooled(
        received_at=datetime.fromisoformat(fields["received_at"]).astimezone(UTC),
        token_hash=fields["token_hash"],
        remote_addr=fields["remote_addr"],
        body=base64.b64decode(fields["body"], validate=True),
        content_type=fields["content_type"],
        loopback=fields["loopback"],
    )


def head(payload: bytes) -> bytes:
    return b"%d %s" % (len(payload), blake2b(payload, digest_size=DIGEST_SIZE).hexdigest().encode())


def frame(payload: bytes) -> bytes:
    # The newline in front makes a record start cleanly whatever a crash left before it.
    return b"\n%s %s\n" % (head(payload), payload)


def unframe(line: bytes) -> bytes | None:
    """The payload of one line, or None when the line is torn or damaged."""
    parts = line.strip(b"\n").split(b" ", 2)
    if len(parts) == 3 and b" ".join(parts[:2]) == head(parts[2]):
        return parts[2]
    return None


def lines(path: Path, start: int) -> Iterator[Line]:
    """The lines of a journal file from byte `start` on, without the empty ones between records."""
    with path.open("rb") as journal:
        journal.seek(start)
        for raw in journal:
            line = Line(start, start + len(raw), raw)
            start = line.end
            if raw != b"\n":
                yield line

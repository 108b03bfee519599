"""Replaying all of a shape: what could not be read when it came is read by what has been taught since.

Each row is replayed as people replay one, so its fire time stays, and what was replayed or dismissed meanwhile is left
alone: repeating it changes nothing.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User

from signals.facts import UnreadableError
from signals.models import Quarantine, Source
from signals.receiving.quarantine import NotOpenError, replay

from .known import forget
from .shapes import open_rows

AT_ONCE = 50
MOST_REASONS = 5


@dataclass(slots=True)
class Replayed:
    """What one slice did. `last` is the key of the last row that was looked at, after which the next slice goes on."""

    read: int = 0
    events: int = 0
    unread: int = 0
    last: int = 0
    done: bool = False
    reasons: Counter[str] = field(default_factory=Counter)

    def as_json(self) -> dict[str, Any]:
        return {
            "read": self.read,
            "events": self.events,
            "unread": self.unread,
            "last": self.last,
            "reasons": dict(self.reasons.most_common(MOST_REASONS)),
        }


def replay_shape(
    shape: str, *, by: User | None, now: datetime, after: int = 0, limit: int = AT_ONCE, source: Source | None = None
) -> Replayed:
    """Replay the next rows of a shape, oldest first. What still cannot be read stays open."""
    if not after:
        forget()
    done = Replayed(last=after)
    rows = list(open_rows(shape, source).prefetch_related("delivery__body").filter(pk__gt=after)[:limit])
    for row in rows:
        replay_one(row, done, by, now)
        done.last = row.pk
    done.done = len(rows) < limit
    return done


def replay_one(row: Quarantine, done: Replayed, by: User | None, now: datetime) -> None:
    try:
        outcome = replay(row, row.delivery.raw.decode(errors="replace"), by=by, now=now)
    except UnreadableError as error:
        done.unread += 1
        done.reasons[error.reason] += 1
    except NotOpenError:
        pass
    else:
        done.read += 1
        done.events += outcome.events


def told(figures: Mapping[str, Any]) -> str:
    """What a replay did, in a sentence."""
    left = f" {figures['unread']:,} could not be read and stay open." if figures.get("unread") else ""
    why = next(iter(figures.get("reasons", {})), "")
    because = f" The commonest reason: {why}" if why else ""
    return f"{figures.get('read', 0):,} messages read, {figures.get('events', 0):,} events.{left}{because}"

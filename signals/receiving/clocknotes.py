"""By how much this machine's clock is off, as different witnesses say: a small file each, for pages to read.

A file and no table: who looks at it asks every few seconds, and may be asking while the database is down.
"""

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path

from django.conf import settings

from .files import rewrite

KEPT = timedelta(days=7)
"""A witness's word counts for so long."""


class Witness(StrEnum):
    LOG = "log"  # TradingView's alert log: when it fired what we received
    PAYLOAD = "payload"  # bars that had closed when alerts about them were received
    SERVER = "server"  # the time server that TIME_SERVER names


# What an alert takes to arrive is no fault of the clock; that it arrives before it was sent is.
EARLIEST, LATEST = timedelta(seconds=-1), timedelta(seconds=60)
OFF = timedelta(seconds=2)  # of a time server, whose own answer takes no time that counts


@dataclass(frozen=True, slots=True)
class Noted:
    """`ahead` is our clock minus the right one; `at` is the moment, by our clock, that it is true of."""

    witness: Witness
    at: datetime
    ahead: timedelta

    @property
    def is_off(self) -> bool:
        if self.witness == Witness.SERVER:
            return abs(self.ahead) >= OFF
        return not EARLIEST <= self.ahead <= LATEST


def path_of(witness: Witness) -> Path:
    return Path(settings.VAR_DIR) / f"clock_{witness.value}.json"


def note(witness: Witness, ahead: timedelta, at: datetime) -> None:
    """Keep a witness's latest word. Never raises: a full disk must not cost what it was learned from."""
    with suppress(OSError):
        rewrite(path_of(witness), json.dumps({"at": at.isoformat(), "ahead": ahead.total_seconds()}).encode())


def noted(now: datetime) -> Iterator[Noted]:
    """What the witnesses said lately."""
    for witness in Witness:
        with suppress(OSError, ValueError, KeyError, TypeError):
            content = json.loads(path_of(witness).read_bytes())
            at = datetime.fromisoformat(content["at"])
            if abs(now - at) <= KEPT:
                yield Noted(witness, at, timedelta(seconds=content["ahead"]))

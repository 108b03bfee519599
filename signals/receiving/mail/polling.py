"""Polling: every mailbox is read up to its end, then what has waited long enough is settled. A task of the worker.

Each has its own turn, deadline and back-off, beside the cycle: a server that fails or hangs delays nothing else.
"""

import logging
import os
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from time import monotonic

from django.db import Error as DatabaseError
from django.db import transaction
from django.utils import timezone

from signals.models import Mail, Mailbox

from .collecting import Arrived, Trust, collect, forget_refused
from .imap import Account, Folder, MailError, Part, opened
from .settling import settle_due, settle_late

log = logging.getLogger(__name__)
SECONDS = 40.0  # of a turn of all mailboxes; the worker may take 100 for a task (settings.Q_CLUSTER)
TERM = timedelta(minutes=3)  # after which a turn that did not end is dead
FIRST_PAUSE, LAST_PAUSE = timedelta(minutes=2), timedelta(hours=1)
DENIED = timedelta(minutes=30)  # servers lock out who tries a wrong password too often
AT_ONCE = 20  # messages that are stored together; what breaks off later does not lose them
AT_FIRST = timedelta(days=14)  # how far back a folder is read that was not read before
HEALTH = ("asked_at", "busy_until", "answered_at", "next_at", "failures", "error", "advice", "error_at")
Opener = Callable[[Account], AbstractContextManager[Folder]]


@dataclass(slots=True)
class Turn:
    """What a turn did with one mailbox. `error` is why it could not be read (any further)."""

    mailbox: str
    read: int = 0
    new: int = 0
    refused: int = 0
    error: str = ""
    skipped: str = ""

    def __str__(self) -> str:
        said = self.skipped or f"{self.read} read, {self.new} new, {self.refused} refused"
        return f"{self.mailbox}: {said}{f'; {self.error}' if self.error else ''}"


@dataclass(frozen=True, slots=True)
class Polled:
    turns: list[Turn] = field(default_factory=list)
    settled: Counter[str] = field(default_factory=Counter)

    def __str__(self) -> str:
        became = ", ".join(f"{number} {state}" for state, number in sorted(self.settled.items()))
        return "; ".join([*map(str, self.turns), became or "nothing to settle"])


def is_used() -> bool:
    """Whether there is anything to do: a mailbox, or mails of files that may have to give way."""
    return Mailbox.objects.exists() or Mail.objects.exclude(state=Mail.State.REFUSED).exists()


def task() -> str:
    """As the worker calls it. Returns what was done, for django-q2's list."""
    return str(poll(timezone.now()))


def poll(now: datetime, *, seconds: float = SECONDS, at_once: bool = False, opener: Opener = opened) -> Polled:
    """Read all mailboxes that are due, or with `at_once` all, and settle. Raises DatabaseError."""
    boxes = list(Mailbox.objects.order_by("next_at"))
    turns = [take_turn(box, now, seconds / len(boxes), at_once=at_once, opener=opener) for box in boxes]
    forget_refused(now)
    return Polled([turn for turn in turns if turn], settle_due(now) + settle_late(now))


def take_turn(box: Mailbox, now: datetime, seconds: float, *, at_once: bool, opener: Opener) -> Turn | None:
    """Read one mailbox. None when it is not its turn; two at once cannot read the same.

    What breaks the turn off, as a database that is gone, says nothing of the mailbox: it is read again after TERM.
    """
    turn = Turn(box.name)
    free = Mailbox.objects.filter(pk=box.pk, busy_until__lte=now)
    if not (free if at_once else free.filter(next_at__lte=now)).update(busy_until=now + TERM):
        turn.skipped = "another reads it" if at_once else ""
        return turn if at_once else None
    box.refresh_from_db()
    error: MailError | None = None
    try:
        read_on(box, turn, now, monotonic() + seconds, opener)
    except MailError as failure:
        error = failure
    except DatabaseError:
        raise
    except Exception as failure:
        log.exception("reading the mailbox %s failed", box)
        error = MailError(
            Part.READING, f"Reading failed with {type(failure).__name__}.", "The log of the worker says more."
        )
    release(box, error, now)
    turn.error = str(error) if error else ""
    return turn


def account_of(box: Mailbox) -> Account:
    """Raises MailError where the environment holds neither password nor token."""
    password, token = (os.environ.get(box.variable(kind), "") for kind in ("PASSWORD", "TOKEN"))
    if not password and not token:
        raise MailError(Part.PASSWORD, "It has no password.", f"Set {box.variable()} in the environment and restart.")
    return Account(box.host, box.port, box.security, box.username, password, box.folder, token)


def trust_of(box: Mailbox) -> Trust:
    return Trust(box.server, box.addressee)


def read_on(box: Mailbox, turn: Turn, now: datetime, deadline: float, opener: Opener) -> None:
    """Read what is new, in order, and remember how far. Raises MailError."""
    with opener(account_of(box)) as folder:
        after = box.last_uid if folder.validity == box.uid_validity else 0
        # What was read before, and is read once more under another validity, is known by its Message-ID.
        uids = folder.uids(after, None if after else (now - AT_FIRST).date())
        while uids and monotonic() < deadline:
            some, uids = uids[:AT_ONCE], uids[AT_ONCE:]
            keep(box, turn, folder, some, now)
        if not after and not turn.read:
            note(box, folder, 0)


def keep(box: Mailbox, turn: Turn, folder: Folder, uids: list[int], now: datetime) -> None:
    """Store some messages; of those that came before the connection broke, too, and then raise."""
    found: list[Arrived] = []
    last = 0
    try:
        for uid in uids:
            message = folder.message(uid)
            found += [message] if message else []
            last = uid
    finally:
        if last:
            with transaction.atomic():
                done = collect(found, trust_of(box), now=now, source=box.source, mailbox=box)
                note(box, folder, last)
            turn.read += len(found)
            turn.new += done.states.total()
            turn.refused += done.states[Mail.State.REFUSED]


def note(box: Mailbox, folder: Folder, last: int) -> None:
    box.uid_validity, box.last_uid = folder.validity, last
    box.save(update_fields=["uid_validity", "last_uid"])


def release(box: Mailbox, error: MailError | None, now: datetime) -> None:
    """Note how the mailbox is, and when it may be read next."""
    box.asked_at, box.busy_until = now, now
    if error is None:
        box.answered_at, box.next_at = now, now
        box.failures, box.error, box.advice, box.error_at = 0, "", "", None
    else:
        box.failures += 1
        box.error, box.advice, box.error_at = str(error)[:300], error.advice[:300], now
        box.next_at = now + pause_after(error, box.failures)
    box.save(update_fields=HEALTH)


def pause_after(error: MailError, failures: int) -> timedelta:
    return min(FIRST_PAUSE * (1 << min(failures, 8) - 1), LAST_PAUSE) if error.mends_itself else DENIED

"""Draining the spool: what the database could not take is taken in as soon as it can, with the spooled receipt time."""

import logging
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from time import monotonic

from django.conf import settings
from django.db import DataError, IntegrityError, connections
from django.db import Error as DatabaseError
from django.utils import timezone

from signals import measuring
from signals.intake import take_in
from signals.models import Source

from . import outage, refusals
from .files import forget_drafts
from .origins import may_send_from
from .spool import Drained, DrainStop, SpoolError, spool
from .spooled import Spooled
from .webhook import UnknownSenderError, find_source, incoming_of, note_delay

log = logging.getLogger(__name__)
LOOK_SECONDS = 0.25  # between looks at what waits
PAUSE_SECONDS = 3.0  # after the database refused
REMEMBER_SECONDS = 10.0


def drain_spool(now: datetime) -> Drained:
    """Hand every spooled delivery to the intake, in order. De-duplication makes handing one over twice harmless.

    A record whose token belongs to no source moves to the spool's `rejected` folder, with the reason. Of what strangers
    left, such records are dropped: nobody's alert is lost with them, and they were many if there was an attack.
    """

    def handle(record: Spooled) -> None:
        with outages():
            take_in(source_of([record]), [incoming_of(record)], now=now)
        note_delay(record, "spool")

    def handle_many(records: Sequence[Spooled]) -> None:
        by_sender: dict[tuple[str, bool], list[Spooled]] = {}
        for record in records:
            by_sender.setdefault((record.token_hash, record.loopback), []).append(record)
        with outages():
            # A token that was valid at the last of its alerts was so at all. All are known before any is taken in.
            sources = [source_of(own) for own in by_sender.values()]
            for source, own in zip(sources, by_sender.values(), strict=True):
                take_in(source, [incoming_of(record) for record in own], now=now)
        for record in records:
            note_delay(record, "spool")

    def handle_stranger(record: Spooled) -> None:
        try:
            handle(record)
        except UnknownSenderError:
            log.warning(
                "dropped what came with an unknown token from %s while the database was down", record.remote_addr
            )

    drained = spool().drain(handle, handle_many)
    if drained.stopped is None:
        outage.strangers().drain(handle_stranger)
    return drained


def source_of(own: Sequence[Spooled]) -> Source:
    """The source of one sender's records, as of the last receipt.

    A token that expires during an outage does not disown what was acknowledged before. Where they came from could not
    be judged by the source's list before.
    """
    last = max(own, key=lambda record: record.received_at)
    try:
        source = find_source(last.token_hash, loopback=last.loopback, now=last.received_at)
    except UnknownSenderError as error:
        raise UnknownSenderError("its token belongs to no source") from error
    for record in own:
        if not may_send_from(record.remote_addr, source):
            raise UnknownSenderError(f"its source takes no alerts from {record.remote_addr or 'an unknown address'}")
    return source


@contextmanager
def outages() -> Iterator[None]:
    """Raises DrainStop for what no record could help, and lets a record's own faults through."""
    try:
        yield
    except (DataError, IntegrityError):
        raise  # what this record holds cannot be stored: its own fault, which must not keep the others waiting
    except DatabaseError as error:
        # Down, locked, read-only, damaged, or not migrated yet.
        raise DrainStop(str(error)) from error


class Keeper(threading.Thread):
    """Of a process that takes alerts: empties the spool as soon as that is possible, and remembers who may send.

    The cycle drains as well. But what was acknowledged from the spool because too much came at once, or because the
    database was away for a moment, should be seen at once and not at the next cycle.
    """

    def __init__(self) -> None:
        super().__init__(name="keeper", daemon=True)
        self._stop_now = threading.Event()
        self._remember_at = 0.0

    def stop(self) -> None:
        self._stop_now.set()

    def run(self) -> None:
        refusals.leave_to_flush()
        pause = 0.0
        while not self._stop_now.wait(pause or LOOK_SECONDS):
            pause = 0.0 if self.look() else PAUSE_SECONDS

    def look(self) -> bool:
        """Do what is due. False where the database or the disk refused: it is better left alone for a while. Never
        raises."""
        try:
            refusals.flush()
            measuring.flush_if_due()
            if monotonic() >= self._remember_at:
                self._remember_at = monotonic() + REMEMBER_SECONDS
                forget_drafts(settings.SPOOL_DIR)
                outage.remember_senders()
            if self.empty():
                return True
        except (DatabaseError, OSError, SpoolError):
            pass
        except Exception:
            log.exception("looking after the spool failed")
        connections.close_all()
        return False

    def empty(self) -> bool:
        """Empty the spool; False where the database refused. Raises DatabaseError and SpoolError."""
        waits = spool().pending_bytes() or outage.strangers().pending_bytes()
        return not waits or drain_spool(timezone.now()).stopped is None

"""Draining the spool: what the database could not take is taken in as soon as it can, with the spooled receipt time."""

from datetime import datetime

from django.db import DataError, IntegrityError
from django.db import Error as DatabaseError

from signals.intake import take_in

from .spool import Drained, DrainStop, spool
from .spooled import Spooled
from .webhook import UnknownSenderError, find_source, incoming_of


def drain_spool(now: datetime) -> Drained:
    """Hand every spooled delivery to the intake, in order. De-duplication makes handing one over twice harmless.

    A record whose token belongs to no source moves to the spool's `rejected` folder, with the reason.
    """

    def handle(record: Spooled) -> None:
        try:
            # As of receipt: a token that expires during an outage does not disown what was acknowledged before.
            source = find_source(record.token_hash, loopback=record.loopback, now=record.received_at)
            take_in(source, [incoming_of(record)], now=now)
        except (DataError, IntegrityError):
            raise  # what this record holds cannot be stored: its own fault, which must not keep the others waiting
        except DatabaseError as error:
            # Down, locked, read-only, damaged, or not migrated yet: nothing that this record could help.
            raise DrainStop(str(error)) from error
        except UnknownSenderError as error:
            raise UnknownSenderError("its token belongs to no source") from error

    return spool().drain(handle)

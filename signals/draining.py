"""Draining the spool: what the database could not take is taken in as soon as it can, with the spooled receipt time."""

from datetime import datetime

from django.db import InterfaceError, OperationalError

from .intake import take_in
from .spool import Drained, DrainStop, Spooled
from .webhook import UnknownSenderError, find_source, incoming_of, spool


def drain_spool(now: datetime) -> Drained:
    """Hand every spooled delivery to the intake, in order. De-duplication makes handing one over twice harmless.

    A record whose token belongs to no source moves to the spool's `rejected` folder, with the reason.
    """

    def handle(record: Spooled) -> None:
        try:
            source = find_source(record.token_hash, loopback=record.loopback, now=now)
            take_in(source, [incoming_of(record)], now=now)
        except (OperationalError, InterfaceError) as error:
            raise DrainStop(str(error)) from error
        except UnknownSenderError as error:
            raise UnknownSenderError("its token belongs to no source") from error

    return spool().drain(handle)

"""The bodies of deliveries by month: their partitions, and what is older than BODY_RETENTION_DAYS let go.

A month that is let go is declared first (`LetGo`), through the audited door; from then on the guards let its bodies be
deleted, but for those that people still have to decide about. On PostgreSQL the partition goes with the declaration, on
SQLite the rows go afterwards, some in each turn, so that nobody waits for long.
"""

import logging
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from django.conf import settings
from django.db import DatabaseError, connection, transaction
from django.db.models import Count, Exists, OuterRef, QuerySet, Sum
from django.db.models.functions import Length

from reconciliation.guarding import door, triggers
from signals import partitions
from signals.models import DeliveryBody, LetGo, Quarantine
from signals.partitions import Month

log = logging.getLogger(__name__)
AT_ONCE = 2000  # rows deleted in a transaction: some hundredths of a second
OPEN = Quarantine.State.OPEN
IS_OPEN = f"""EXISTS (
    SELECT 1 FROM "{Quarantine._meta.db_table}" AS unread
    WHERE unread.delivery_id = body.id AND unread.state = '{OPEN}')
"""  # noqa: S608 ours
_done: dict[str, date] = {}
"""By database: the day on which this process has found nothing left to do."""


class Due(NamedTuple):
    """A month whose bodies are to go: how many, and how many bytes they have; and how many are still open."""

    month: Month
    rows: int
    size: int
    kept: int


def keep(now: datetime) -> None:
    """Do a part of what is to be done, and nothing more today once none is left. Whatever fails, the turn goes on."""
    if _done.get(name := str(connection.settings_dict["NAME"])) == now.date():
        return
    try:
        if step(now):
            _done[name] = now.date()
    except DatabaseError as error:
        log.warning("the bodies' months could not be looked after, and will be in the next turn: %s", error)


def step(now: datetime) -> bool:
    """Make partitions, let one month go, delete some of what is left of such. Returns whether that was all."""
    make_partitions(now)
    month = next(months_due(now, settings.BODY_RETENTION_DAYS), None)
    if month:
        let_go(month, settings.BODY_RETENTION_DAYS, now)
    return sweep() < AT_ONCE and not month


def make_partitions(now: datetime) -> None:
    """For this month and the next ones, and for what has come in while there was none."""
    if connection.vendor != "postgresql":
        return
    ahead = partitions.ahead(now)
    gone = declared()
    late = [month for month in partitions.stored(partitions.REST, ahead[-1].until) if month.first not in gone]
    if made := partitions.make(dict.fromkeys([*late, *ahead])):
        with connection.cursor() as cursor:
            triggers.put_up_on_partitions(cursor)
        log.info("partitions made: %s", ", ".join(made))


def months_due(now: datetime, days: int) -> Iterator[Month]:
    """The months that ended so many days ago or more and still have their bodies (0 days: none), the oldest first."""
    if not days:
        return
    gone, end = declared(), Month.of(now - timedelta(days=days))
    yield from (month for month in partitions.stored(partitions.TABLE, end.first) if month.first not in gone)


def declared() -> set[UUID]:
    return set(LetGo.objects.order_by().values_list("first", flat=True))


def bodies_of(first: UUID, until: UUID) -> QuerySet[DeliveryBody]:
    return DeliveryBody.objects.filter(pk__gte=first, pk__lt=until)


def undecided() -> Exists:
    return Exists(Quarantine.objects.filter(delivery=OuterRef("pk"), state=OPEN))


def weighed(month: Month) -> Due:
    bodies = bodies_of(month.first, month.until)
    told = bodies.exclude(undecided()).aggregate(rows=Count("pk"), size=Sum(Length("raw")))
    return Due(month, told["rows"], told["size"] or 0, bodies.filter(undecided()).count())


def let_go(month: Month, days: int, now: datetime, actor: str = "") -> Due:
    """Declare that the month's bodies go, and on PostgreSQL drop them.

    Raises OperationalError when others hold the table for too long: then nothing has changed.
    """
    with transaction.atomic():
        due = weighed(month)
        told = {
            "rows": due.rows,
            "bytes": due.size,
            "month": str(month),
            "kept_in_quarantine": due.kept,
        }
        why = f"Bodies of {month} were let go: they are kept for {days} days."
        with door.opened(DeliveryBody, (), why=why, actor=actor, now=now, told=told):
            LetGo.objects.create(
                first=month.first, until=month.until, at=now, kept_days=days, rows=due.rows, size=due.size
            )
            if connection.vendor == "postgresql":
                partitions.drop(month, kept=IS_OPEN)
    log.info("%s", why)
    return due


def sweep(at_once: int = AT_ONCE) -> int:
    """Delete some bodies of months that were let go, which no partition took along. Returns how many."""
    for row in LetGo.objects.all():
        keys = bodies_of(row.first, row.until).exclude(undecided()).order_by("pk").values_list("pk", flat=True)
        if found := list(keys[:at_once]):
            return DeliveryBody.objects.filter(pk__in=found).delete()[0]
    return 0

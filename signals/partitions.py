"""The bodies of deliveries by month, on PostgreSQL: a partition each, and one for what no month has been made for.

A key begins with its milliseconds (UUID version 7), so a month is a range of keys, and a unique key needs no time
beside it. SQLite has one table, of which a month is a range all the same.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection, transaction

from .models import Delivery, DeliveryBody, first_id

TABLE = DeliveryBody._meta.db_table
REST = f"{TABLE}_rest"  # an insert must never fail for want of a partition
AHEAD = 3  # months that are made before they begin
# Behind a lock that waits for a backup's every alert would wait too; moving rows may take its time.
LIMITS = "SET LOCAL lock_timeout = 500; SET LOCAL statement_timeout = 0"
PARTITIONS = "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = %s::regclass"


class Month(NamedTuple):
    """A month of UTC."""

    year: int
    month: int

    @classmethod
    def of(cls, moment: datetime) -> "Month":
        moment = moment.astimezone(UTC)
        return cls(moment.year, moment.month)

    @classmethod
    def of_id(cls, key: UUID) -> "Month":
        return cls.of(datetime.fromtimestamp((key.int >> 80) / 1000, UTC))

    @property
    def next(self) -> "Month":
        return Month(self.year + self.month // 12, self.month % 12 + 1)

    @property
    def start(self) -> datetime:
        return datetime(self.year, self.month, 1, tzinfo=UTC)

    @property
    def first(self) -> UUID:
        """The least key of it."""
        return first_id(self.start)

    @property
    def until(self) -> UUID:
        """The least key of the next one."""
        return self.next.first

    @property
    def partition(self) -> str:
        return f"{TABLE}_{self.year:04}_{self.month:02}"

    def __str__(self) -> str:
        return f"{self.year:04}-{self.month:02}"


def ahead(now: datetime) -> list[Month]:
    """This month and those that are made before they begin."""
    months = [Month.of(now)]
    while len(months) <= AHEAD:
        months.append(months[-1].next)
    return months


def stored(table: str, upto: UUID) -> Iterator[Month]:
    """The months of a table's keys below this one: a look into its index for each."""
    last = UUID(int=0)
    with connection.cursor() as cursor:
        while True:
            cursor.execute(
                f'SELECT id FROM "{table}" WHERE id >= %s AND id < %s ORDER BY id LIMIT 1',  # noqa: S608 ours
                [plain(last), plain(upto)],
            )
            if (row := cursor.fetchone()) is None:
                return
            month = Month.of_id(UUID(str(row[0])))
            yield month
            last = month.until


def plain(key: UUID) -> Any:
    """A key as this database has it."""
    return DeliveryBody._meta.pk.get_db_prep_value(key, connection)


def there() -> set[str]:
    """The tables of all partitions."""
    with connection.cursor() as cursor:
        cursor.execute(PARTITIONS, [TABLE])
        return {name for (name,) in cursor.fetchall()}


def make(months: Iterable[Month]) -> list[str]:
    """Make what lacks of these months' partitions, and move what the rest holds of them. Returns their names.

    In one transaction. Raises OperationalError when others hold the table for too long: then try again later.
    """
    present = there()
    lacking = [month for month in months if month.partition not in present]
    if lacking:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(LIMITS)
            full = holds_any(cursor, lacking)
            if full:  # no partition is attached beside rows of its own, which no trigger would let us delete
                cursor.execute(f'ALTER TABLE "{TABLE}" DETACH PARTITION "{REST}"')
                cursor.execute(f'ALTER TABLE "{REST}" RENAME TO "{REST}_moved"')
                make_rest(cursor)
            for month in lacking:
                attach(cursor, month)
            if full:
                cursor.execute(f'INSERT INTO "{TABLE}" SELECT * FROM "{REST}_moved"')  # noqa: S608 ours
                cursor.execute(f'DROP TABLE "{REST}_moved"')
    return [month.partition for month in lacking]


def holds_any(cursor: Any, months: Iterable[Month]) -> bool:
    """Whether the rest holds rows of these months."""
    for month in months:
        cursor.execute(
            f'SELECT 1 FROM "{REST}" WHERE id >= %s AND id < %s LIMIT 1',  # noqa: S608 ours
            [month.first, month.until],
        )
        if cursor.fetchone():
            return True
    return False


def make_rest(cursor: Any) -> None:
    cursor.execute(f'CREATE TABLE "{REST}" PARTITION OF "{TABLE}" DEFAULT')


def attach(cursor: Any, month: Month) -> None:
    """Unlike CREATE … PARTITION OF it lets others go on writing."""
    cursor.execute(f'CREATE TABLE "{month.partition}" (LIKE "{TABLE}" INCLUDING ALL)')
    cursor.execute(
        f'ALTER TABLE "{TABLE}" ATTACH PARTITION "{month.partition}" FOR VALUES FROM (%s) TO (%s)',
        [str(month.first), str(month.until)],
    )


def drop(month: Month, kept: str) -> bool:
    """Drop the month's partition, but for the rows with this condition in SQL, which go to the rest. In a transaction.

    Returns whether there was one. Its space is the disk's again at once. DETACH … CONCURRENTLY, which would wait for
    nobody, cannot be had beside a rest; this one locks the table for some milliseconds, or gives up.
    """
    if month.partition not in there():
        return False
    with connection.cursor() as cursor:
        cursor.execute(LIMITS)
        cursor.execute(f'ALTER TABLE "{TABLE}" DETACH PARTITION "{month.partition}"')
        cursor.execute(
            f'INSERT INTO "{TABLE}" SELECT * FROM "{month.partition}" AS body WHERE {kept}'  # noqa: S608 ours
        )
        cursor.execute(f'DROP TABLE "{month.partition}"')
    return True


def lay_out(now: datetime) -> None:
    """Make the table anew, partitioned, while it is empty."""
    with connection.cursor() as cursor:
        cursor.execute(f'CREATE TABLE "{TABLE}_new" (LIKE "{TABLE}" INCLUDING DEFAULTS, PRIMARY KEY (id))'
                       " PARTITION BY RANGE (id)")  # fmt: skip
        cursor.execute(f'DROP TABLE "{TABLE}"')
        cursor.execute(f'ALTER TABLE "{TABLE}_new" RENAME TO "{TABLE}"')
        cursor.execute(f'ALTER INDEX "{TABLE}_new_pkey" RENAME TO "{TABLE}_pkey"')
        make_rest(cursor)
    make_for_deliveries(now)


def make_for_deliveries(now: datetime) -> None:
    """For the months of all deliveries that are stored, and those to come."""
    to_come = ahead(now)
    make(dict.fromkeys([*stored(Delivery._meta.db_table, to_come[-1].until), *to_come]))

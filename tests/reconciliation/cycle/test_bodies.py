"""Bodies are kept by month: partitions are made ahead, and a month that is old enough goes, as everybody is told."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from io import StringIO
from itertools import count
from secrets import token_hex
from typing import Any
from uuid import UUID

import pytest
import time_machine
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction
from django.db.models.query import QuerySet

from reconciliation.cycle import bodies
from reconciliation.cycle.bodies import keep, step
from reconciliation.models import SyncAuditLog
from signals import partitions
from signals.models import (
    AutomatedSignal,
    Delivery,
    DeliveryBody,
    LetGo,
    Mail,
    Quarantine,
    SignalEvent,
    Source,
    first_id,
)
from signals.partitions import Month
from signals.receiving.giving_way import Way, give_way
from signals.receiving.mail.settling import DOUBTFUL
from signals.receiving.quarantine import dismiss
from signals.verifying import verify
from tests.builders import at, created, entry, send
from tests.signals.receiving.mail.mails import mail, taken

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 5, 20, 12, tzinfo=UTC)
MARCH, APRIL = datetime(2026, 3, 31, 23, 59, 59, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC)
KEPT = 45  # days before NOW: the fifth of April
Stored = Callable[..., Any]

postgresql = pytest.mark.skipif("connection.vendor != 'postgresql'", reason="SQLite has one table")


@pytest.fixture
def stored(monkeypatch: pytest.MonkeyPatch) -> Stored:
    """Store alerts with the keys that they would have got at a time."""
    numbers = count()

    def store(moment: datetime, *alerts: tuple[Any, datetime]) -> None:
        with monkeypatch.context() as patch:
            key = Delivery._meta.pk
            patch.setitem(key.__dict__, "_get_default", lambda: UUID(int=first_id(moment).int + next(numbers)))
            send(list(alerts))

    return store


@pytest.fixture
def two_months(stored: Stored, settings: Any) -> None:
    settings.BODY_RETENTION_DAYS = KEPT
    stored(MARCH, (created(), at(1)), (b"not json", at(2)))
    stored(APRIL, (entry(), at(3)), (entry(), at(3)))


def of(month: datetime) -> QuerySet[Delivery]:
    """The deliveries of a month whose bodies are there."""
    return Delivery.objects.filter(pk__gte=Month.of(month).first, pk__lt=Month.of(month).until).exclude(body=None)


def tables() -> dict[str, int]:
    """How many rows each partition holds."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT tableoid::regclass::text, count(*) FROM delivery_bodies GROUP BY 1")
        return dict(cursor.fetchall())


def finish(now: datetime = NOW) -> None:
    while not step(now):
        pass


def test_a_month_is_a_range_of_keys() -> None:
    month = Month.of(MARCH)
    assert (str(month), month.next, month.partition) == ("2026-03", Month(2026, 4), "delivery_bodies_2026_03")
    assert Month(2026, 12).next == Month(2027, 1)
    assert month.first < first_id(MARCH) < month.until == first_id(APRIL)
    assert (Month.of_id(first_id(MARCH)), Month.of_id(first_id(APRIL))) == (month, month.next)


class TestPartitions:
    @postgresql
    def test_they_are_made_ahead_and_once(self, stored: Stored) -> None:
        bodies.make_partitions(NOW)
        assert {f"delivery_bodies_2026_{month:02}" for month in (5, 6, 7, 8)} <= partitions.there()
        assert partitions.make(partitions.ahead(NOW)) == []
        stored(NOW, (created(), at(1)))
        assert tables() == {"delivery_bodies_2026_05": 1}

    @postgresql
    def test_what_came_before_its_month_was_made_waits_in_the_rest_and_is_moved(self, stored: Stored) -> None:
        stored(MARCH, (created(), at(1)))
        stored(APRIL, (entry(), at(3)))
        before = [(each.pk, each.raw) for each in Delivery.objects.order_by("pk")]
        assert tables() == {"delivery_bodies_rest": 2}
        bodies.make_partitions(NOW)
        assert tables() == {"delivery_bodies_2026_03": 1, "delivery_bodies_2026_04": 1}
        assert [(each.pk, each.raw) for each in Delivery.objects.order_by("pk")] == before
        stored(datetime(2020, 1, 1, tzinfo=UTC), (created(), at(5)))
        assert tables()["delivery_bodies_rest"] == 1

    @postgresql
    def test_none_is_truncated_by_itself(self) -> None:
        bodies.make_partitions(NOW)
        for table in partitions.there():
            with pytest.raises(DatabaseError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(f'TRUNCATE "{table}"')

    @postgresql
    def test_letting_go_gives_its_space_back_to_the_disk(self, stored: Stored, settings: Any) -> None:
        settings.BODY_RETENTION_DAYS = KEPT
        bodies.make_partitions(MARCH)
        bodies.make_partitions(NOW)
        stored(MARCH, *((created(note=token_hex(20_000)), at(n)) for n in range(5)))

        def on_disk() -> int:
            with connection.cursor() as cursor:
                cursor.execute("SELECT sum(pg_total_relation_size(relid)) FROM pg_partition_tree('delivery_bodies')")
                return int(cursor.fetchone()[0])

        full = on_disk()
        finish()
        with connection.cursor() as cursor:
            cursor.execute("SELECT to_regclass('delivery_bodies_2026_03')")
            assert cursor.fetchone() == (None,)
        assert full - on_disk() > 150_000  # of 200,000 bytes of noise


@pytest.mark.usefixtures("two_months")
class TestLettingGo:
    def test_a_month_goes_when_all_of_it_is_old_enough_and_no_other(self) -> None:
        finish(NOW - timedelta(days=5))  # when the last of March was 44 days old
        assert (of(MARCH).count(), LetGo.objects.count()) == (2, 0)
        finish()
        assert (of(MARCH).count(), of(APRIL).count()) == (1, 1)
        finish(NOW)
        assert LetGo.objects.get().first == Month.of(MARCH).first

    def test_without_retention_all_stay(self, settings: Any) -> None:
        settings.BODY_RETENTION_DAYS = 0
        finish()
        assert (of(MARCH).count(), LetGo.objects.count()) == (2, 0)

    def test_the_audit_log_tells_it_once(self) -> None:
        size = of(MARCH).get(status="accepted").size
        finish()
        told = SyncAuditLog.objects.get(action=SyncAuditLog.Action.REMOVED)
        assert told.note == "Bodies of 2026-03 were let go: they are kept for 45 days."
        assert told.evidence == {
            "table": "delivery_bodies", "month": "2026-03", "rows": 1, "bytes": size, "kept_in_quarantine": 1
        }  # fmt: skip
        row = LetGo.objects.get()
        assert (row.rows, row.size, row.kept_days, row.at) == (1, size, KEPT, NOW)

    def test_deliveries_events_and_signals_stay(self) -> None:
        before = Delivery.objects.count(), SignalEvent.objects.count(), AutomatedSignal.objects.count()
        finish()
        assert (Delivery.objects.count(), SignalEvent.objects.count(), AutomatedSignal.objects.count()) == before

    def test_what_people_have_to_decide_about_stays_until_they_have(self) -> None:
        finish()
        assert of(MARCH).get().status == "quarantined"
        dismiss(Quarantine.objects.get(), "noise", by=None, now=NOW)
        finish()
        assert of(MARCH).count() == 0

    def test_a_delivery_knows_that_its_body_was_let_go(self) -> None:
        finish()
        gone = Delivery.objects.get(fire_minute=at(1))
        assert str(gone.let_go) == "let go on 2026-05-20, kept for 45 days"
        assert (gone.raw, gone.repaired_text) == (b"", "")
        assert [each.let_go for each in Delivery.objects.exclude(pk=gone.pk)] == [None] * 3

    def test_verifying_tells_it_from_bytes_that_are_gone_for_no_reason(self, unguarded: None) -> None:
        finish()
        assert [(some.deliveries, some.let_go, some.faults) for some in verify()] == [(4, 1, [])]
        DeliveryBody.objects.get(delivery__fire_minute=at(3)).delete()
        assert "Its bytes are gone, and were not let go." in [fault.says for some in verify() for fault in some.faults]

    def test_a_mail_of_that_time_is_refused_for_nobody_can_tell_whether_it_came_before(self) -> None:
        finish()
        taken(mail(created(), at(1)), source=Source.objects.get(), now=NOW)
        taken(mail(created(), at(9), number="2"), source=Source.objects.get(), now=NOW)
        refused, alone = Mail.objects.order_by("at")
        assert (refused.state, refused.reason) == ("refused", DOUBTFUL)
        assert alone.state == "alone"

    def test_one_that_gives_way_leaves_its_body_to_the_better_one_that_lost_its_own(self, stored: Stored) -> None:
        finish()
        stored(APRIL, (created(), at(2)))
        better = Delivery.objects.get(fire_minute=at(1))
        other = Delivery.objects.get(fire_minute=at(2), event_count=1)
        raw = other.raw
        give_way(better.source, [Way(other.pk, other.fire_minute, better.pk)], "the same", NOW)
        assert Delivery.objects.get(pk=better.pk).raw == raw
        assert Delivery.objects.get(pk=other.pk).raw == b""

    def test_a_day_without_anything_left_to_do_is_not_looked_at_again(self, monkeypatch: pytest.MonkeyPatch) -> None:
        done: list[datetime] = []
        monkeypatch.setattr(bodies, "_done", {})
        monkeypatch.setattr(bodies, "step", lambda now: done.append(now) or len(done) > 1)
        for hours in (0, 1, 2, 24):
            keep(NOW + timedelta(hours=hours))
        assert done == [NOW, NOW + timedelta(hours=1), NOW + timedelta(hours=24)]

    def test_rows_go_some_at_a_time(self) -> None:
        bodies.let_go(Month.of(MARCH), KEPT, NOW)
        left = of(MARCH).count() - 1  # but for the one in quarantine
        assert bodies.sweep(at_once=1) == left
        assert bodies.sweep(at_once=1) == 0


@pytest.mark.usefixtures("two_months")
class TestByHand:
    def said(self, *options: Any) -> list[str]:
        out = StringIO()
        with time_machine.travel(NOW, tick=False):
            call_command("let_go_bodies", *options, stdout=out)
        return out.getvalue().splitlines()

    def test_a_dry_run_says_what_would_go_and_changes_nothing(self) -> None:
        (line,) = self.said("--dry-run", "--days", "45")
        size = of(MARCH).get(status="accepted").size
        assert line == f"2026-03: 1 body of {size} bytes would go, 1 in quarantine would stay."
        assert of(MARCH).count() == 2

    def test_without_it_every_month_that_is_due_goes(self) -> None:
        assert [line[:15] for line in self.said("--days", "15")] == ["2026-03: 1 body", "2026-04: 1 body"]
        assert (of(MARCH).count(), of(APRIL).count()) == (1, 0)
        assert SyncAuditLog.objects.filter(action="removed").count() == 2
        assert self.said("--days", "15") == ["No month is due."]

    def test_where_bodies_are_kept_for_ever_the_days_must_be_given(self, settings: Any) -> None:
        settings.BODY_RETENTION_DAYS = 0
        with pytest.raises(CommandError, match="--days"):
            self.said()


@pytest.mark.usefixtures("two_months")
def test_others_that_hold_the_table_put_it_off(monkeypatch: pytest.MonkeyPatch) -> None:
    def held(*_: Any, **__: Any) -> bool:
        raise DatabaseError("canceling statement due to lock timeout")

    monkeypatch.setattr(bodies, "weighed", held)
    monkeypatch.setattr(bodies, "_done", {})
    with transaction.atomic():
        keep(NOW)
    assert not LetGo.objects.exists()
    assert bodies._done == {}

"""Guards: below the ORM nobody changes or deletes what was received and done, but for what the product itself does."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import pytest
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from reconciliation.guarding import door, triggers
from reconciliation.guarding.rules import GUARDS
from reconciliation.models import AuditDoor, AuditSeal, SyncAuditLog
from signals.models import AutomatedSignal, Delivery, DeliveryBody, LetGo, Quarantine, SignalEvent, Source
from signals.receiving.giving_way import Way, give_way
from tests.builders import at, created, entry, send, the_signal, update
from tests.reconciliation.cycles import cycle

pytestmark = pytest.mark.django_db
MODELS = tuple(dict.fromkeys(guard.model for guard in GUARDS))
NEXT_ID = "20251211_095000000_BEARISH"
# A value of each kind that no row of these tests has.
OTHERS: dict[str, Any] = {
    "UUIDField": "00000000-0000-7000-8000-000000000000",
    "DateTimeField": "2001-02-03 04:05:06",
    "BinaryField": b"other",
    "JSONField": '["other"]',
    "GenericIPAddressField": "192.0.2.1",
    "CharField": "other",
    "TextField": "other",
    "DecimalField": "0.123",
}


@pytest.fixture(autouse=True)
def alerts() -> None:
    """A trade, one of its alerts twice, another signal, and a cycle that fills and seals."""
    send([(created(), at(1)), (entry(targets=None), at(3)), (update(0.5), at(4)), (update(0.5), at(4))])
    send([(created(NEXT_ID, direction="Bearish"), at(11))])
    cycle(30)
    connection.check_constraints()  # PostgreSQL alters no table that has checks to make at the end


@pytest.fixture
def month() -> LetGo:
    """A month whose bodies were let go: from the first second after 1970 on, to the next."""
    with door.opened(DeliveryBody, [], why="too old", now=at(30)):
        row = LetGo.objects.create(
            first=UUID(int=1 << 80), until=UUID(int=1000 << 80), at=at(30), kept_days=9, rows=0, size=0
        )
    connection.check_constraints()
    return row


@contextmanager
def refused() -> Iterator[None]:
    with pytest.raises(DatabaseError, match=r"append-only.*docs/security\.md"), transaction.atomic():
        yield


def run(sql: str, *values: Any) -> int:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return int(cursor.rowcount)


FREE = {Delivery: {"symbol"}, SignalEvent: {"symbol", "sequence_number", "clock_vote"}}
"""What is told or numbered later, which tests below are about."""


@pytest.mark.usefixtures("month")
@pytest.mark.parametrize("model", MODELS)
def test_no_column_takes_another_value(model: Any) -> None:
    passed = []
    for field in model._meta.concrete_fields:
        value = OTHERS.get(field.get_internal_type(), 9_876)
        if field.related_model is Delivery:  # one that there is
            value = field.get_db_prep_value(Delivery.objects.values_list("pk", flat=True).last(), connection)
        try:
            with refused():
                run(f'UPDATE "{model._meta.db_table}" SET "{field.column}" = %s', value)
        except pytest.fail.Exception:
            passed.append(field.column)
    assert set(passed) == FREE.get(model, set())


@pytest.mark.usefixtures("month")
@pytest.mark.parametrize("model", MODELS)
def test_no_row_is_deleted(model: Any) -> None:
    assert model.objects.exists()
    with refused():
        run(f'DELETE FROM "{model._meta.db_table}"')
    if connection.vendor == "postgresql":
        with refused():
            run(f'TRUNCATE "{model._meta.db_table}" CASCADE')
    else:
        with pytest.raises(DatabaseError), transaction.atomic():
            run(f'INSERT OR REPLACE INTO "{model._meta.db_table}" SELECT * FROM "{model._meta.db_table}"')


def test_what_changes_nothing_passes() -> None:
    assert run("UPDATE deliveries SET size = size, checksum = checksum") == Delivery.objects.count()
    assert run("UPDATE delivery_bodies SET raw = raw") == DeliveryBody.objects.count()


def test_what_a_log_tells_is_told_once() -> None:
    source = Source.objects.get()
    webhook = Delivery.objects.create(
        source=source, channel="webhook", received_at=at(50), fire_minute=at(50), checksum="1" * 32, size=1,
        status="quarantined",
    )  # fmt: skip
    rows = Delivery.objects.filter(pk=webhook.pk)
    assert rows.update(fired_at=at(50), symbol="MNQ1!") == 1
    with refused():
        rows.update(fired_at=at(51))
    with refused():
        rows.update(symbol="ES1!")


def test_a_delivery_gives_way_to_one_with_its_bytes_and_to_no_other() -> None:
    source, first = Source.objects.get(), Delivery.objects.get(fire_minute=at(1))
    send([(created(), at(2))])
    again = Delivery.objects.get(fire_minute=at(2))
    other = Delivery.objects.get(fire_minute=at(3))
    with refused():
        Delivery.objects.filter(pk=again.pk).update(status="duplicate", duplicate_of=other, event_count=0)
    with refused():
        again.body.delete()
    assert SignalEvent.objects.filter(delivery=again).exists()
    give_way(source, [Way(again.pk, again.fire_minute, first.pk)], "the same", timezone.now())
    assert not SignalEvent.objects.filter(delivery=again).exists()
    assert not DeliveryBody.objects.filter(delivery=again).exists()
    with refused():
        first.body.delete()


def test_a_delivery_with_bytes_gives_way_to_none_without() -> None:
    """Else one that is invented, with the checksum and no body, would do away with the bytes."""
    whole = Delivery.objects.get(fire_minute=at(1))
    invented = Delivery.objects.create(
        source=whole.source, channel="log", received_at=at(50), fire_minute=at(50), checksum=whole.checksum, size=1,
        status="accepted",
    )  # fmt: skip
    with refused():
        Delivery.objects.filter(pk=whole.pk).update(status="duplicate", duplicate_of=invented, event_count=0)


def test_bodies_of_a_month_go_once_it_was_let_go_but_for_what_is_open_in_quarantine(month: LetGo) -> None:
    source = Source.objects.get()
    for number, state in ((1, ""), (2, "open"), (3, "dismissed")):
        delivery = Delivery.objects.create(
            pk=UUID(int=number * 99 << 80), source=source, channel="log", received_at=at(50), fire_minute=at(50),
            checksum=f"{number}", size=1, status="quarantined",
        )  # fmt: skip
        DeliveryBody.objects.create(delivery=delivery, raw=b"x")
        if state:
            Quarantine.objects.create(delivery=delivery, state=state)
    with refused():
        run("DELETE FROM delivery_bodies WHERE id < %s", key_of(month.until))
    assert run("DELETE FROM delivery_bodies WHERE id = %s", key_of(UUID(int=99 << 80))) == 1
    assert run("DELETE FROM delivery_bodies WHERE id = %s", key_of(UUID(int=297 << 80))) == 1


def test_no_month_is_called_let_go_but_by_retention(month: LetGo) -> None:
    with refused():
        LetGo.objects.create(first=month.until, until=UUID(int=2000 << 80), at=at(30), kept_days=9, rows=0, size=0)


def key_of(key: UUID) -> Any:
    return Delivery._meta.pk.get_db_prep_value(key, connection)


def test_an_event_is_of_another_signal_only_within_its_id() -> None:
    with refused():
        SignalEvent.objects.filter(type="ENTRY").update(signal=the_signal(NEXT_ID))
    twin = AutomatedSignal.objects.get(pk=the_signal().pk)
    twin.pk, twin.life = None, 2
    twin.save(force_insert=True)
    assert SignalEvent.objects.filter(type="ENTRY").update(signal=twin) == 1


def test_an_entry_follows_its_signals_events_and_stays_while_they_do() -> None:
    signal = the_signal()
    twin = AutomatedSignal.objects.get(pk=signal.pk)
    twin.pk, twin.life = None, 2
    twin.save(force_insert=True)
    entries = SyncAuditLog.objects.filter(signal=signal)
    with refused():
        entries.update(signal=twin)
    SignalEvent.objects.filter(signal=signal).update(signal=twin)
    with refused():
        entries.update(signal=the_signal(NEXT_ID))
    assert entries.update(signal=twin) > 0


# -- the door


def test_through_the_door_rows_of_its_table_go_and_the_log_tells_it() -> None:
    keys = list(SyncAuditLog.objects.order_by("pk").values_list("pk", flat=True)[:2])
    with transaction.atomic(), door.opened(SyncAuditLog, keys, why="too old", actor="mia", now=at(60)):
        SyncAuditLog.objects.filter(pk__in=keys).delete()
        with refused():
            SignalEvent.objects.all().delete()
    told = SyncAuditLog.objects.get(action=SyncAuditLog.Action.REMOVED)
    assert (told.actor, told.note, told.at) == ("mia", "too old", at(60))
    assert told.evidence == {"table": "sync_audit_log", "rows": 2, "keys": [[keys[0], keys[1]]]}


def test_behind_it_the_guards_stand_again() -> None:
    with door.opened(SyncAuditLog, [], why="a try", now=at(60)):
        pass
    with refused():
        SyncAuditLog.objects.filter(action="filled")._raw_delete(connection.alias)


def test_the_door_lets_nothing_be_changed_and_seals_have_none() -> None:
    for model in (SyncAuditLog, AuditSeal):
        with door.opened(model, [], why="a try", now=at(60)):
            with refused():
                run(f'DELETE FROM "audit_seals"')  # noqa: F541 the same for both
            with refused():
                SyncAuditLog.objects.update(note="other")


def test_opened_by_any_hand_it_is_told() -> None:
    columns, stamp = '("table", at, actor, why, evidence, shut_id)', str(at(60).replace(tzinfo=None))
    run(f"INSERT INTO audit_door {columns} VALUES ('deliveries', %s, '', 'by hand', '{{}}', -1)", stamp)
    assert SyncAuditLog.objects.get(action="removed").note == "by hand"
    AuditDoor.objects.all().delete()


@pytest.mark.django_db(transaction=True)
def test_it_cannot_be_left_open() -> None:
    with pytest.raises(DatabaseError), transaction.atomic():
        AuditDoor.objects.create(table="deliveries", why="forgotten", shut_id=door.NO_DOOR)
    assert not AuditDoor.objects.exists()


# -- putting them up


def test_after_migrating_all_are_there_and_one_that_was_dropped_comes_back() -> None:
    assert triggers.lacking(connection) == set()
    name = sorted(triggers.wanted(connection.vendor))[0]
    triggers.drop(connection, {name})
    assert triggers.lacking(connection) == {name}
    triggers.after_migrating(connection.alias)
    assert triggers.lacking(connection) == set()


def test_what_a_trigger_did_before_is_dropped() -> None:
    name, statement = next(iter(triggers.wanted(connection.vendor).items()))
    old = name[:-8] + "00000000"
    run(statement.replace(name, old).replace("%", "%%"))
    triggers.put_up(connection)
    assert triggers.there(connection) == triggers.wanted(connection.vendor).keys()


def test_a_migration_that_has_nothing_to_do_leaves_them_standing() -> None:
    triggers.before_migrating(connection.alias, plan=[])
    assert triggers.lacking(connection) == set()


def test_stretches_of_keys() -> None:
    assert door.stretches([5, 1, 2, 3, 9, 8]) == [[1, 3], [5, 5], [8, 9]]

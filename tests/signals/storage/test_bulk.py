"""Bulk writing stores what Django's own would, and says which rows went in."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import IntegrityError, connection, models, transaction
from django.test.utils import CaptureQueriesContext
from psycopg2.extensions import set_wait_callback

from signals.models import AutomatedSignal, Delivery, DeliveryBody, PriceBar, Source
from signals.receiving.senders import default_source
from signals.signal.joining import blank
from signals.storage.bulk import (
    DOCUMENT_ROWS,
    ROWS_PER_STATEMENT,
    append,
    insert,
    insert_new,
    locked,
    update,
    update_changed,
)
from signals.storage.deadlines import wait_for_answer
from signals.vocabulary import Channel, DeliveryStatus, Status

pytestmark = pytest.mark.django_db
MINUTE = datetime(2025, 12, 11, 14, 41, tzinfo=UTC)


@pytest.fixture
def source() -> Source:
    return default_source()


def delivery(source: Source, checksum: str, **fields: Any) -> Delivery:
    return Delivery(
        source=source,
        channel=Channel.WEBHOOK,
        received_at=MINUTE + timedelta(seconds=1, microseconds=250_000),
        fire_minute=MINUTE,
        checksum=checksum,
        size=4,
        **{"status": DeliveryStatus.ACCEPTED, **fields},
    )


def bar(minute: int, close: str = "25500.25") -> PriceBar:
    return PriceBar(
        symbol="MNQ1!", time=MINUTE + timedelta(minutes=minute), kind=1, close=Decimal(close), evidence=f"a:{minute}"
    )


def stored(model: type[models.Model], pks: Sequence[Any]) -> list[dict[str, Any]]:
    return list(model._default_manager.filter(pk__in=pks).order_by("pk").values())


@pytest.mark.parametrize("pairs", [1, DOCUMENT_ROWS])
def test_every_kind_of_value_is_stored_as_bulk_create_stores_it(source: Source, pairs: int) -> None:
    odd = {
        "fired_at": MINUTE,
        "content_type": "text/plain; quote=\"'\\",
        "remote_addr": "2001:db8::1",
        "reason": "100 % of it: %s, ünïcode,\nlines",
        "faults": ["entry 3: 'x' is not a number", {"nested": [1, None, "\\"]}],
        "event_count": 7,
    }
    ours = [row for n in range(pairs) for row in (delivery(source, f"a{n}", **odd), delivery(source, f"b{n}"))]
    assert insert(Delivery, ours) == {row.pk for row in ours}
    theirs = [row for n in range(pairs) for row in (delivery(source, f"c{n}", **odd), delivery(source, f"d{n}"))]
    Delivery.objects.bulk_create(theirs)

    def without_keys(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [{name: value for name, value in row.items() if name not in ("id", "checksum")} for row in rows]

    assert without_keys(stored(Delivery, [row.pk for row in ours])) == without_keys(
        stored(Delivery, [row.pk for row in theirs])
    )


def test_keys_that_the_database_makes_are_returned_and_written_to_their_rows() -> None:
    rows = [bar(0), bar(1, close="25501.75")]
    keys = insert(PriceBar, rows)
    assert keys == {row.pk for row in rows}
    assert [PriceBar.objects.get(pk=row.pk).close for row in rows] == [Decimal("25500.25"), Decimal("25501.75")]


def test_an_inserted_row_can_be_saved_again() -> None:
    row = bar(0)
    insert(PriceBar, [row])
    row.evidence = "seen"
    row.save()
    assert PriceBar.objects.get().evidence == "seen"


def test_a_conflict_keeps_its_row_out_and_is_told_by_its_missing_key(source: Source) -> None:
    first, again, other = delivery(source, "a" * 32), delivery(source, "a" * 32), delivery(source, "b" * 32)
    assert insert(Delivery, [first], ignore_conflicts=True) == {first.pk}
    assert insert(Delivery, [again, other], ignore_conflicts=True) == {other.pk}
    assert Delivery.objects.count() == 2


def test_a_conflict_within_one_call_keeps_the_first_of_equals(source: Source) -> None:
    rows = [delivery(source, "a" * 32), delivery(source, "a" * 32)]
    assert insert(Delivery, rows, ignore_conflicts=True) == {rows[0].pk}


def test_a_conflict_is_an_error_unless_it_is_to_be_ignored(source: Source) -> None:
    insert(Delivery, [delivery(source, "a" * 32)])
    with pytest.raises(IntegrityError), transaction.atomic():
        insert(Delivery, [delivery(source, "a" * 32)])


def test_nothing_to_insert_asks_the_database_nothing() -> None:
    with CaptureQueriesContext(connection) as queries:
        assert insert(PriceBar, []) == insert_new(Delivery, [], DeliveryBody, []) == set()
    assert not queries


def test_appending_takes_anything_with_the_columns_names_and_nothing_in_silence() -> None:
    whole = bar(1)
    like = SimpleNamespace(**{field.attname: getattr(whole, field.attname) for field in PriceBar._meta.concrete_fields})
    append(PriceBar, [bar(0), like])
    assert PriceBar.objects.count() == 2
    with CaptureQueriesContext(connection) as queries:
        append(PriceBar, [])
    assert not queries


def test_more_rows_than_one_statement_takes_go_in_several() -> None:
    count = ROWS_PER_STATEMENT + 1
    with CaptureQueriesContext(connection) as queries:
        keys = insert(PriceBar, [bar(minute) for minute in range(count)])
    assert len(keys) == PriceBar.objects.count() == count
    assert len(queries) > 1


def test_updating_changes_the_named_fields_of_its_rows_and_nothing_else() -> None:
    rows = [bar(0), bar(1), bar(2)]
    insert(PriceBar, rows)
    for row in rows[:2]:
        row.close, row.evidence = row.close + 1, "lost"
    update(PriceBar, rows[:2], ["close"])
    assert list(PriceBar.objects.order_by("time").values_list("close", "evidence")) == [
        (Decimal("25501.25"), "a:0"),
        (Decimal("25501.25"), "a:1"),
        (Decimal("25500.25"), "a:2"),
    ]


def test_every_kind_of_value_is_updated_as_saving_stores_it(source: Source) -> None:
    odd = {
        "check_at": MINUTE + timedelta(microseconds=1),
        "signal_date": date(2025, 12, 11),
        "entry_price": Decimal("25446.123456789012345678"),
        "be_mfe": Decimal("-1E-10"),
        "status": Status.CONFIRMED,
        "needs_sync": False,
        "bars_pending": None,
        "rebuild_error": '100 % of it: %s, ünïcode, \\u0041 "quoted",\nlines',
        "htf_alignment": {"m1": "Bullish", "odd": [1, None, 0.5, 2**70, "\\"]},
        "targets": None,
        "provenance": {name: {"tier": None, "confidence": 1.0, "evidence": {}} for name in ("mae", "be_mfe")},
    }
    ours, theirs = (blank(source.pk, name) for name in ("ours", "theirs"))
    for row in (ours, theirs):
        row.first_event_at = row.last_event_at = row.created_at = row.updated_at = MINUTE
        row.bars_pending, row.targets = 3, {"tp1": "1"}
    insert(AutomatedSignal, [ours, theirs])
    for row in (ours, theirs):
        for name, value in odd.items():
            setattr(row, name, value)
    update(AutomatedSignal, [ours], odd)
    theirs.save()
    one, other = stored(AutomatedSignal, [ours.pk, theirs.pk])
    assert {name: one[name] for name in odd} == {name: other[name] for name in odd}


def test_updating_nothing_asks_the_database_nothing() -> None:
    with CaptureQueriesContext(connection) as queries:
        update(PriceBar, [], ["close"])
    assert not queries


def test_appended_text_may_hold_whatever_separates_values_and_lines() -> None:
    awkward = "tab\t, line\n, return\r, \\N and \\\\t"
    odd = PriceBar(symbol="MNQ1!", time=MINUTE, kind=1, close=Decimal("1.5"), evidence=awkward)
    append(PriceBar, [odd, bar(1)])
    stored = PriceBar.objects.earliest("time")
    assert (stored.evidence, stored.close, stored.open) == (awkward, Decimal("1.5"), None)


def read(bars: Sequence[PriceBar]) -> list[PriceBar]:
    marks = ", ".join(["%s"] * len(bars))
    return locked(PriceBar, f"id IN ({marks})", [bar.pk for bar in bars])


ALL = frozenset({"close", "high", "evidence"})


def test_a_row_that_is_read_to_be_changed_is_as_django_reads_it(source: Source) -> None:
    row = delivery(source, "a" * 32, faults=["one"])
    insert(Delivery, [row])
    (ours,) = locked(Delivery, "source_id = %s", [source.pk])
    theirs = Delivery.objects.get(pk=row.pk)
    assert ours == theirs
    values = [(getattr(each, field.attname) for field in Delivery._meta.concrete_fields) for each in (ours, theirs)]
    assert [bytes(v) if isinstance(v, memoryview) else v for v in values[0]] == [
        bytes(v) if isinstance(v, memoryview) else v for v in values[1]
    ]
    assert not ours._state.adding


def test_of_rows_read_only_what_changed_is_written() -> None:
    rows = [bar(0), bar(1)]
    insert(PriceBar, rows)
    first, second = read(rows)
    first.close, second.high = Decimal("25502.5"), Decimal("25503.75")
    with CaptureQueriesContext(connection) as sent:
        update_changed(PriceBar, [first, second], ALL)
    assert "evidence" not in sent.captured_queries[0]["sql"]
    stored = PriceBar.objects.order_by("time").values_list("close", "high")
    assert list(stored) == [(Decimal("25502.5"), None), (Decimal("25500.25"), Decimal("25503.75"))]


def test_a_value_that_is_changed_and_changed_back_is_stored_as_it_was() -> None:
    rows = [bar(0)]
    insert(PriceBar, rows)
    (row,) = read(rows)
    for close in ("25502.5", "25500.25"):
        row.close = Decimal(close)
        update_changed(PriceBar, [row], ALL)
    assert PriceBar.objects.get().close == Decimal("25500.25")


def test_rows_that_were_not_read_so_are_written_whole() -> None:
    row = bar(0)
    insert(PriceBar, [row])
    PriceBar.objects.update(evidence="others")
    update_changed(PriceBar, [row], ALL)
    assert PriceBar.objects.get().evidence == "a:0"


def test_nothing_is_sent_for_rows_in_which_nothing_changed() -> None:
    rows = [bar(0)]
    insert(PriceBar, rows)
    with CaptureQueriesContext(connection) as sent:
        update_changed(PriceBar, read(rows), ALL)
    assert [each["sql"][:6] for each in sent.captured_queries] == ["SELECT"]


def test_companions_go_in_with_the_rows_that_do(source: Source) -> None:
    insert(Delivery, [delivery(source, "a" * 32)])
    rows = [delivery(source, checksum * 32) for checksum in "abc"]
    found = insert_new(Delivery, rows, DeliveryBody, [DeliveryBody(delivery=row, raw=b"\x00\xff") for row in rows])
    assert found == {row.pk for row in rows[1:]} == set(DeliveryBody.objects.values_list("pk", flat=True))
    assert rows[2].raw == b"\x00\xff"


@pytest.mark.parametrize("is_waited_for", [False, True])
def test_bytes_are_appended_as_they_are_also_where_postgresql_is_waited_for_by_a_callback(
    source: Source, is_waited_for: bool
) -> None:
    rows = [delivery(source, "a" * 32), delivery(source, "b" * 32)]
    insert(Delivery, rows)
    every = bytes(range(256))
    set_wait_callback(wait_for_answer if is_waited_for else None)
    try:
        append(DeliveryBody, [DeliveryBody(delivery=rows[0], raw=every), DeliveryBody(delivery=rows[1], raw=b"\\N")])
    finally:
        set_wait_callback(None)
    assert [each.raw for each in Delivery.objects.order_by("pk")] == [every, b"\\N"]

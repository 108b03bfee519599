"""Bodies that stood with their deliveries are moved to their table, byte for byte, and back."""

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader

from reconciliation.guarding import triggers
from signals import migrations
from signals.models import Delivery, DeliveryBody, Thinned
from tests.builders import at, created, entry, send

pytestmark = pytest.mark.django_db(transaction=True)
BEFORE, AFTER = "0031_how_often_fills_flipped", "0034_bodies_have_left_deliveries"
LATEST = max(path.stem for path in Path(migrations.__file__).parent.glob("0*.py"))


class Steps(MigrationLoader):
    """The migrations one after the other, also where a squashed one made the tables."""

    def load_disk(self) -> None:
        super().load_disk()
        self.disk_migrations = {key: each for key, each in self.disk_migrations.items() if not each.replaces}


def migrate(name: str) -> None:
    executor = MigrationExecutor(connection)
    executor.loader = Steps(connection)
    executor.migrate([("signals", name)])


@pytest.fixture
def _on_tables_of_before() -> Iterator[None]:
    send([(created(), at(1)), (entry(), at(3)), (entry(), at(3)), (b"\x00not json\xff", at(4))])
    triggers.take_down(connection)
    migrate(BEFORE)
    yield
    migrate(LATEST)
    triggers.put_up(connection)


def rows() -> list[tuple[Any, ...]]:
    return [(row.pk, row.raw, row.repaired_text) for row in Delivery.objects.order_by("pk").prefetch_related("body")]


@pytest.mark.usefixtures("_on_tables_of_before")
def test_they_are_the_same_there_and_duplicates_have_none(monkeypatch: pytest.MonkeyPatch) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT raw FROM deliveries ORDER BY id")
        before = [bytes(raw) for (raw,) in cursor.fetchall()]
    monkeypatch.setattr(import_module("signals.migrations.0033_bodies_are_moved"), "AT_ONCE", 2)
    migrate(AFTER)
    assert [raw for _, raw, _ in rows()] == before
    assert before[1:] == [before[1], b"", b"\x00not json\xff"]
    assert DeliveryBody.objects.count() == 3


def test_the_tables_of_today_are_there_again() -> None:
    assert not Thinned.objects.exists()

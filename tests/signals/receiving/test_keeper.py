"""Who looks after the spool in a process that takes alerts: what is spooled is stored soon, and when that is enough."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError

from signals.models import Delivery
from signals.receiving import draining
from signals.receiving.draining import FEW_BYTES, Keeper
from signals.receiving.spool import spool
from signals.receiving.spooled import Spooled
from tests.posting import CREATED, FIRED, open_source

pytestmark = pytest.mark.django_db


@pytest.fixture
def keeper(monkeypatch: pytest.MonkeyPatch) -> Keeper:
    """Of a door that has fallen behind. What it closes after a failure is the test's own connection: it stays open."""
    monkeypatch.setattr(draining.connections, "close_all", lambda: None)
    open_source()
    keeper = Keeper()
    keeper.fall_behind()
    return keeper


def keep(count: int, size: int = 4_000) -> None:
    """So many different alerts, each of as many bytes."""
    spool().append_all(
        Spooled(
            received_at=FIRED + timedelta(minutes=number),
            token_hash="",
            remote_addr="127.0.0.1",
            body=CREATED.ljust(size),
            content_type="application/json",
            loopback=True,
        )
        for number in range(count)
    )


def test_what_waits_is_stored_at_a_look(keeper: Keeper) -> None:
    keep(3)
    assert keeper.look()
    assert (Delivery.objects.count(), spool().pending_bytes()) == (3, 0)


def test_as_long_as_much_comes_between_two_looks_it_goes_on_being_spooled(keeper: Keeper) -> None:
    for _ in range(2):
        keep(FEW_BYTES // 4_000)
        keeper.look()
        assert keeper.behind


def test_when_little_has_come_alerts_are_stored_as_they_come_again(keeper: Keeper) -> None:
    keep(3)
    keeper.look()
    assert not keeper.behind


def test_while_the_database_refuses_nothing_is_left_to_the_spool_for_being_much(
    keeper: Keeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(FEW_BYTES // 4_000)

    def refuse(*args: Any, **options: Any) -> Any:
        raise OperationalError("the database is locked")

    with monkeypatch.context() as patch:
        patch.setattr(draining, "find_source", refuse)
        assert not keeper.look()
    assert not keeper.behind
    assert keeper.look()
    assert Delivery.objects.count() == FEW_BYTES // 4_000


def test_a_spool_that_cannot_be_read_takes_no_more_than_it_must(
    keeper: Keeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> Any:
        raise OSError("Input/output error")

    monkeypatch.setattr(draining, "spool", broken)
    assert not keeper.look()
    assert not keeper.behind

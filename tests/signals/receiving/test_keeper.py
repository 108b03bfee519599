"""Who looks after the spool in a process that takes alerts: what is spooled is stored soon."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError

from signals.models import Delivery
from signals.receiving import draining
from signals.receiving.draining import Keeper
from signals.receiving.spool import spool
from signals.receiving.spooled import Spooled
from tests.posting import CREATED, FIRED, open_source

pytestmark = pytest.mark.django_db


@pytest.fixture
def keeper(monkeypatch: pytest.MonkeyPatch) -> Keeper:
    """What it closes after a failure is the test's own connection: it stays open."""
    monkeypatch.setattr(draining.connections, "close_all", lambda: None)
    open_source()
    return Keeper()


def keep(count: int) -> None:
    """So many alerts of different minutes."""
    spool().append_all(
        Spooled(
            received_at=FIRED + timedelta(minutes=number),
            token_hash="",
            remote_addr="127.0.0.1",
            body=CREATED,
            content_type="application/json",
            loopback=True,
        )
        for number in range(count)
    )


def test_what_waits_is_stored_at_a_look(keeper: Keeper) -> None:
    keep(3)
    assert keeper.look()
    assert (Delivery.objects.count(), spool().pending_bytes()) == (3, 0)


def test_what_the_database_refuses_is_stored_at_a_later_look(keeper: Keeper, monkeypatch: pytest.MonkeyPatch) -> None:
    keep(3)

    def refuse(*args: Any, **options: Any) -> Any:
        raise OperationalError("the database is locked")

    with monkeypatch.context() as patch:
        patch.setattr(draining, "find_source", refuse)
        assert not keeper.look()
    assert keeper.look()
    assert Delivery.objects.count() == 3


def test_a_spool_that_cannot_be_read_is_looked_at_again_later(keeper: Keeper, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> Any:
        raise OSError("Input/output error")

    monkeypatch.setattr(draining, "spool", broken)
    assert not keeper.look()

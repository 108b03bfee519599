"""The stream while others write and read: nothing is lost, and nothing told twice."""

from threading import Event, Thread

import pytest
from django.db import connection, connections, transaction
from django.utils import timezone

from dashboard.models import Outgoing, StreamEvent
from dashboard.outbound import stream
from dashboard.outbound.kinds import Kind
from reconciliation.audit import Action, Journal
from tests.builders import at, created, entry, send, the_signal
from tests.posting import at_once
from tests.processes import PATIENCE

from .build import begun, told

pytestmark = pytest.mark.django_db(transaction=True)


def test_readers_at_the_same_time_tell_once() -> None:
    begun()
    send([(created(), at(1)), (entry(), at(3))])
    results = at_once([lambda: stream.read_on(timezone.now())] * 4)
    assert [result for result in results if isinstance(result, Exception)] == []
    assert (StreamEvent.objects.count(), Outgoing.objects.count()) == (1, 1)


def test_a_transaction_that_began_first_and_commits_last_is_told() -> None:
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has one writer at a time")
    begun()
    send([(created(), at(1))])
    signal, written, commit = the_signal(), Event(), Event()

    def fill(field: str) -> None:
        journal = Journal(timezone.now())
        journal.note(signal, Action.FILLED, field=field, tier="3", new="x")
        journal.write()

    def slowly() -> None:
        try:
            with transaction.atomic():
                fill("slow")
                written.set()
                assert commit.wait(PATIENCE)
        finally:
            connections.close_all()

    thread = Thread(target=slowly)
    thread.start()
    try:
        assert written.wait(PATIENCE)
        fill("quick")
        assert [event.data["field"] for event in told(Kind.FILLED)] == ["quick"]
    finally:
        commit.set()
        thread.join(PATIENCE)
    assert [event.data["field"] for event in told(Kind.FILLED)] == ["quick", "slow"]

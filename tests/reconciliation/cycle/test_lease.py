"""The lease: one holder at a time, given up by time when a holder dies, and closed to a holder that comes back."""

import threading
from collections import Counter
from datetime import timedelta

import pytest
from django.db import connection, connections, transaction
from django.utils import timezone

from reconciliation.cycle import lease
from reconciliation.cycle.lease import BusyError, LeaseLostError
from reconciliation.cycle.run import run_sync
from reconciliation.models import SyncLease
from signals.models import Fill
from signals.receiving.senders import default_source
from tests.builders import at, entry, send


def expire() -> None:
    SyncLease.objects.update(expires_at=timezone.now() - timedelta(seconds=1))


@pytest.mark.django_db
def test_a_held_lease_is_refused_and_says_who_has_it() -> None:
    with lease.held(), pytest.raises(BusyError, match="another sync is running"):
        lease.take()


@pytest.mark.django_db
def test_a_released_lease_can_be_taken_at_once() -> None:
    with lease.held() as first:
        pass
    with lease.held() as second:
        assert second.token == first.token + 1


@pytest.mark.django_db
def test_the_lease_of_a_dead_holder_is_taken_when_it_expires() -> None:
    dead = lease.take()
    expire()
    assert lease.take().token == dead.token + 1


@pytest.mark.django_db
def test_a_lease_that_would_last_longer_than_any_is_taken() -> None:
    """Its holder died under a clock that was then set back: by that lease no cycle could run for as long."""
    dead = lease.take()
    SyncLease.objects.update(expires_at=timezone.now() + timedelta(minutes=5))
    assert not lease.running(timezone.now())
    heir = lease.take()
    assert heir.token == dead.token + 1
    with pytest.raises(LeaseLostError), transaction.atomic():
        dead.confirm()


@pytest.mark.django_db
def test_a_lease_that_was_released_under_a_clock_ahead_is_free() -> None:
    with lease.held():
        pass
    SyncLease.objects.update(expires_at=timezone.now() + timedelta(seconds=30))
    lease.take()


@pytest.mark.django_db
def test_a_holder_that_comes_back_too_late_may_not_write_nor_release() -> None:
    late = lease.take()
    expire()
    heir = lease.take()
    with pytest.raises(LeaseLostError), transaction.atomic():
        late.confirm()
    lease.release(late)
    assert lease.running(timezone.now())
    heir.confirm()


@pytest.mark.django_db
def test_confirming_extends_the_lease() -> None:
    held = lease.take()
    SyncLease.objects.update(expires_at=timezone.now() + timedelta(seconds=1))
    held.confirm()
    assert SyncLease.objects.get().expires_at > timezone.now() + lease.TERM / 2


@pytest.mark.django_db(transaction=True)
def test_cycles_that_start_together_fill_each_gap_once() -> None:
    """Two clusters on one database: the one that comes second is refused, and finds nothing left when it may."""
    default_source()
    send([(entry(f"20251211_1{minute:02}000000_BULLISH"), at(5)) for minute in range(10, 40)])
    gate, done, refused = threading.Barrier(3), [], []

    def race() -> None:
        try:
            gate.wait()
            done.append(run_sync(now=at(6), trigger="schedule").fills)
        except BusyError:
            refused.append(True)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=race) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(done) + len(refused) == 3
    assert sum(done) == Fill.objects.count() > 0
    assert max(Counter(Fill.objects.values_list("signal", "field")).values()) == 1


@pytest.mark.django_db(transaction=True)
def test_of_many_that_race_for_it_one_gets_it() -> None:
    """Real threads on the real database, several rounds."""
    racers = 6
    for _ in range(5):
        SyncLease.objects.all().delete()
        gate, won, refused = threading.Barrier(racers), [], []

        def race(gate: threading.Barrier = gate, won: list[int] = won, refused: list[str] = refused) -> None:
            try:
                gate.wait()
                won.append(lease.take().token)
            except BusyError as error:
                refused.append(str(error))
            finally:
                connections.close_all()

        threads = [threading.Thread(target=race) for _ in range(racers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert (len(won), len(refused)) == (1, racers - 1), connection.vendor

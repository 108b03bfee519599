"""A cycle that several workers share: the same rows as by one, whoever does what, dies, freezes or comes too late."""

import threading
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, connections, transaction
from django.utils import timezone
from django_q.models import OrmQ
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from reconciliation.cycle import applying, clusters, helping, lease, run, sharding, work
from reconciliation.cycle.lease import LeaseLostError
from reconciliation.cycle.sharding import Claim
from reconciliation.models import Cluster, SetAside, Shard, SyncRun
from reconciliation.verifying import verify
from signals.models import AutomatedSignal, Fill
from tests.builders import at
from tests.reconciliation.cycle.shared import SIGNALS, histories, of_one_worker, outcome, there_are, trade
from tests.reconciliation.cycles import cycle, scheduled

State = Shard.State


@pytest.fixture(autouse=True)
def _small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shards of two chunks of two signals; a cycle of five signals is shared."""
    monkeypatch.setattr(work, "SIGNALS_AT_ONCE", 2)
    monkeypatch.setattr(sharding, "SIGNALS", 4)
    monkeypatch.setattr(sharding, "SHARED_FROM", 5)
    monkeypatch.setattr(run, "WAIT", 0.01)


def shared_run() -> tuple[SyncRun, lease.Lease]:
    """A run whose coordinator has cut its work, and does none of it itself."""
    held = lease.take()
    row = run.open_run(at(60), "command", "", {"tiers": None, "trade_ids": []})
    keys = set(AutomatedSignal.objects.values_list("pk", flat=True))
    sharding.cut({AutomatedSignal.objects.earliest("pk").source_id: keys}, row, held)
    return row, held


def expire(claim: Claim) -> None:
    Shard.objects.filter(pk=claim.row.pk).update(expires_at=timezone.now() - timedelta(seconds=1))


def chunks(claim: Claim) -> list[work.Chunk]:
    return list(claim.chunks)


def taken(row: SyncRun) -> Claim:
    claim = sharding.claim(row)
    assert claim is not None
    return claim


class TestOne:
    """One worker, and what shares the work at all."""

    pytestmark = pytest.mark.django_db

    def test_alone_a_worker_makes_no_shards(self) -> None:
        there_are(1)
        histories()
        assert cycle(60).fills > 0
        assert not Shard.objects.exists()

    def test_little_work_is_not_shared(self) -> None:
        there_are(4)
        histories(range(4))
        cycle(60)
        assert not Shard.objects.exists()

    @pytest.mark.parametrize(("workers", "most", "asked"), [(2, 0, 1), (4, 0, 3), (4, 3, 2), (4, 1, 0), (40, 0, 5)])
    def test_as_many_are_called_as_there_are_workers_and_shards(
        self, settings: Any, workers: int, most: int, asked: int
    ) -> None:
        settings.SYNC_WORKERS = most
        there_are(workers)
        assert sharding.helpers_for({1: set(range(SIGNALS))}) == asked

    def test_more_tasks_are_queued_than_helpers_wanted_for_busy_clusters_fetch_some(self) -> None:
        there_are(2)
        histories()
        cycle(60)
        assert OrmQ.objects.count() == 1 + 2

    def test_no_more_help_than_may(self, settings: Any) -> None:
        histories()
        row, _ = shared_run()
        settings.SYNC_WORKERS = 2
        taken(row)
        taken(row)
        assert helping.help_with(row.pk) == "others are enough"

    def test_workers_of_clusters_that_were_not_seen_lately_do_not_count(self) -> None:
        there_are(2)
        Cluster.objects.update(seen_at=timezone.now() - timedelta(minutes=5))
        assert clusters.workers() == 0
        clusters.announce()
        assert clusters.workers() == 2, "this machine's"

    def test_a_dry_run_is_not_shared(self) -> None:
        there_are(2)
        histories()
        assert cycle(60, dry_run=True).fills > 0
        assert not Shard.objects.exists()


class TestSame:
    """Whoever does which shard, in whatever order: the rows are those that one worker makes."""

    pytestmark = pytest.mark.django_db

    def test_shared_but_done_by_the_coordinator_alone(self) -> None:
        histories()
        alone = of_one_worker()
        there_are(2)
        report = cycle(60)
        assert outcome() == alone
        assert report.signals_examined == SIGNALS
        assert list(Shard.objects.values_list("state", "signals", "done", "keys")) == [(State.DONE, 4, 4, [])] * 6
        assert not [faults for _, _, faults in verify() if faults]
        assert scheduled(60).signals_examined == 0

    def test_any_order_and_any_number_of_deaths_give_the_same(self) -> None:
        """Helpers take the shards in any order; some die after a chunk, and others go on from there."""
        histories()
        alone = of_one_worker()
        there_are(2)

        @hypothesis_settings(max_examples=8)
        @given(order=st.permutations(range(6)), deaths=st.lists(st.booleans(), min_size=6, max_size=6))
        def gives_the_same(order: list[int], deaths: list[bool]) -> None:
            with transaction.atomic():
                self.by_helpers(order, deaths)
                assert outcome() == alone
                transaction.set_rollback(True)

        gives_the_same()

    def by_helpers(self, order: list[int], deaths: list[bool]) -> None:
        def share(coordinator: run.Cycle, work: Mapping[int, set[int]], helpers: int) -> None:
            row, held = coordinator.run, coordinator.fence
            assert row is not None
            assert isinstance(held, lease.Lease)
            sharding.cut(work, row, held)
            claims = [taken(row) for _ in order]
            for number, dies in zip(order, deaths, strict=True):
                claim = claims[number]
                if dies:
                    report, tally = claim.counted(coordinator.tally.whole)
                    part = run.replace(helping.cycle_of(row), report=report, tally=tally, fence=claim)
                    part.process(chunks(claim)[0])
                else:
                    coordinator.take_part(claim)
                expire(claim)
            assert helping.help_with(row.pk) == f"{sum(deaths)} shards done"
            assert not sharding.is_open(row)
            sharding.join(row, coordinator.report, coordinator.tally)

        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(run.Cycle, "share", share)
            cycle(60)


class TestLeases:
    """A shard is one worker's at a time, given up by time, and closed to whom it was taken from."""

    pytestmark = pytest.mark.django_db

    def test_a_taken_shard_is_nobody_elses_until_it_expires(self) -> None:
        histories(range(4))
        row, _ = shared_run()
        first = taken(row)
        assert sharding.claim(row) is None
        expire(first)
        assert taken(row).row.token == first.row.token + 1

    def test_a_shard_that_was_taken_before_the_clock_was_set_back_is_free(self) -> None:
        histories(range(4))
        row, _ = shared_run()
        taken(row)
        Shard.objects.update(expires_at=timezone.now() + timedelta(hours=1))
        assert sharding.claim(row) is not None

    def test_a_frozen_worker_that_wakes_up_writes_nothing(self) -> None:
        histories(range(4))
        row, _ = shared_run()
        frozen = taken(row)
        expire(frozen)
        heir = taken(row)
        waking = helping.cycle_of(row)
        waking.take_part(frozen)
        assert not Fill.objects.exists()
        assert Shard.objects.get().done == 0
        helping.cycle_of(row).take_part(heir)
        assert Fill.objects.exists()
        assert Shard.objects.get().state == State.DONE

    def test_what_a_dead_worker_had_done_is_counted_and_not_done_again(self) -> None:
        histories(range(4))
        row, _ = shared_run()
        dead = taken(row)
        part = run.replace(helping.cycle_of(row), fence=dead)
        part.process(chunks(dead)[0])
        expire(dead)
        heir = taken(row)
        assert [list(chunk.keys) for chunk in chunks(heir)] == [heir.row.keys[2:]]
        helping.cycle_of(row).take_part(heir)
        report, _ = Claim(Shard.objects.get()).counted(whole=True)
        assert report.signals_examined == 4
        assert report.fills == Fill.objects.count()

    def test_a_chunk_that_cannot_be_counted_is_not_written_either(self, monkeypatch: pytest.MonkeyPatch) -> None:
        histories(range(4))
        row, _ = shared_run()
        monkeypatch.setattr(Claim, "note", lambda *_: 1 / 0)
        monkeypatch.setattr(run.Cycle, "put_off", lambda *_: None)
        helping.help_with(row.pk)
        assert not Fill.objects.exists()
        report, _ = Claim(Shard.objects.get()).counted(whole=True)
        assert report.signals_examined == 0

    def test_when_the_lease_passes_on_nothing_more_is_written_for_the_run(self) -> None:
        histories()
        row, held = shared_run()
        helper = taken(row)
        lease.SyncLease.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
        heir = lease.take()
        helping.cycle_of(row).take_part(helper)
        assert not Fill.objects.exists()
        assert sharding.claim(row) is None
        with pytest.raises(LeaseLostError):
            run.Cycle.goes_on(helping.cycle_of(row), row, held)
        lease.release(heir)
        assert scheduled(60).signals_examined == SIGNALS

    @pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has no server to end it")
    def test_one_that_freezes_in_a_transaction_is_ended_by_the_database(self) -> None:
        with transaction.atomic(), connection.cursor() as cursor:
            applying.await_no_disk()
            cursor.execute("SHOW idle_in_transaction_session_timeout")
            assert cursor.fetchone() == ("20s",)

    def test_a_shard_that_no_worker_survives_fails_the_run(self) -> None:
        histories(range(4))
        row, _ = shared_run()
        for _ in range(sharding.TRIES):
            expire(taken(row))
        assert sharding.claim(row) is None
        with pytest.raises(sharding.ShardFailedError, match="given up"):
            sharding.is_open(row)

    def test_a_helper_that_comes_too_late_finds_nothing(self) -> None:
        there_are(2)
        histories()
        done = cycle(60).run_id
        assert done is not None
        assert helping.help_with(done) == "the run is over"

    def test_a_helper_whose_time_is_over_has_another_task_go_on(self, monkeypatch: pytest.MonkeyPatch) -> None:
        histories()
        row, _ = shared_run()
        called: list[tuple[Any, ...]] = []
        monkeypatch.setattr(helping, "async_task", lambda *args, **_: called.append(args))
        assert helping.help_until(row, until=0) == 1
        assert called == [(sharding.HELP, row.pk)]


class TestFailing:
    """Signals that cannot be done, and runs whose time is over."""

    pytestmark = pytest.mark.django_db

    @pytest.fixture
    def broken(self, monkeypatch: pytest.MonkeyPatch) -> set[str]:
        """Trade ids whose signals cannot be planned."""
        names: set[str] = set()
        original = run.plan

        def breaking(loaded: Any, *args: Any) -> Any:
            if loaded.stored.trade_id in names:
                raise ZeroDivisionError("of all things")
            return original(loaded, *args)

        monkeypatch.setattr(run, "plan", breaking)
        return names

    def test_a_bad_signal_is_set_aside_and_counted_once(self, broken: set[str]) -> None:
        there_are(2)
        histories()
        broken.add(trade(5))
        report = cycle(60)
        assert (report.errors, report.signals_examined) == (1, SIGNALS - 1)
        assert SetAside.objects.get().signal.trade_id == trade(5)
        assert set(Shard.objects.values_list("state", "done")) == {(State.DONE, 4)}

    def test_a_shard_of_bad_signals_does_not_stop_a_run_in_which_others_work(
        self, broken: set[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        there_are(2)
        histories()
        monkeypatch.setattr(run, "HOPELESS", 2)
        broken.update(map(trade, range(4, 8)))
        assert cycle(60).errors == 4

    def test_where_nothing_works_the_run_fails_and_its_shards_end(
        self, broken: set[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        there_are(2)
        histories()
        monkeypatch.setattr(run, "HOPELESS", 2)
        broken.update(map(trade, range(SIGNALS)))
        with pytest.raises(ZeroDivisionError):
            cycle(60)
        assert SyncRun.objects.get().state == "failed"
        assert set(Shard.objects.values_list("state", flat=True)) == {State.DROPPED}

    def test_a_helpers_failure_is_the_runs(self, broken: set[str], monkeypatch: pytest.MonkeyPatch) -> None:
        histories()
        row, held = shared_run()
        monkeypatch.setattr(run, "HOPELESS", 2)
        broken.update(map(trade, range(SIGNALS)))
        helping.help_with(row.pk)
        with pytest.raises(sharding.ShardFailedError, match="ZeroDivisionError: of all things"):
            run.Cycle.goes_on(helping.cycle_of(row), row, held)

    @pytest.mark.parametrize("workers", [1, 2])
    def test_a_run_whose_time_is_over_leaves_the_rest_to_the_next(self, workers: int) -> None:
        there_are(workers)
        histories()
        report = scheduled_within(0)
        assert (report.signals_examined, report.left) == (0, SIGNALS)
        assert SyncRun.objects.get().state == "finished"
        report = scheduled(60)
        assert (report.signals_examined, report.left) == (SIGNALS, 0)


def scheduled_within(seconds: float) -> Any:
    return cycle(60, trigger=SyncRun.Trigger.SCHEDULE, within=seconds)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("workers", [2, 4])
def test_real_workers_at_once_make_the_rows_that_one_makes(workers: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Threads with connections of their own: each helper goes on as soon as all are there."""
    histories()
    alone = of_one_worker()
    there_are(workers)
    gate, threads = threading.Barrier(workers), list[threading.Thread]()
    took = sharding.claim
    names = iter(range(workers))
    own = threading.local()

    def claim(row: SyncRun) -> Claim | None:
        found = took(row)
        if not hasattr(own, "name"):
            own.name = next(names)
            gate.wait()  # each has a shard
        return found

    def help_along(key: int) -> None:
        try:
            helping.help_with(key)
        finally:
            connections.close_all()

    def call(row: SyncRun, helpers: int) -> None:
        threads.extend(threading.Thread(target=help_along, args=(row.pk,)) for _ in range(helpers))
        for thread in threads:
            thread.start()

    monkeypatch.setattr(sharding, "claim", claim)
    monkeypatch.setattr(sharding, "call", call)
    report = cycle(60)
    for thread in threads:
        thread.join()
    assert len(threads) == workers - 1
    assert report.signals_examined == SIGNALS
    assert outcome() == alone

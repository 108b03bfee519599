"""Old runs that did nothing are forgotten with their snapshots; those that anything refers to are not."""

from datetime import timedelta
from typing import Any

import pytest
from django.core.checks import run_checks
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from reconciliation.cycle import retention
from reconciliation.cycle.retention import forget_runs
from reconciliation.decisions import of_run, undo
from reconciliation.models import GapRecord, Shard, SignalHealthMetric, SyncAuditLog, SyncRun
from signals.models import Fill
from signals.receiving.senders import default_source
from tests.builders import at, created, entry, send, update
from tests.reconciliation.cycles import cycle, scheduled

pytestmark = pytest.mark.django_db


def idle_runs(count: int, days: float = 100) -> list[int]:
    """Runs without effect that began so many days ago, with their snapshots."""
    began = timezone.now() - timedelta(days=days)
    runs = [
        SyncRun.objects.create(trigger="schedule", state="finished", as_of=began, started_at=began, finished_at=began)
        for _ in range(count)
    ]
    SignalHealthMetric.objects.bulk_create(SignalHealthMetric(run=run, at=began) for run in runs)
    return [run.pk for run in runs]


def age(days: float = 100) -> None:
    SyncRun.objects.update(started_at=timezone.now() - timedelta(days=days))


def test_a_cycle_forgets_old_idle_runs_with_their_snapshots_and_no_younger_ones() -> None:
    old, young = idle_runs(3), idle_runs(2, days=89)
    last = scheduled(0).run_id
    assert set(SyncRun.objects.values_list("pk", flat=True)) == {*young, last}
    assert set(SignalHealthMetric.objects.values_list("run", flat=True)) == {*young, last}
    assert not set(old) & set(SyncRun.objects.values_list("pk", flat=True))


def test_runs_that_did_something_stay_and_are_looked_at_once() -> None:
    send([(created(), at(1)), (entry(targets=None), at(5)), (update(0.4), at(6))])
    filled = cycle(6).run_id
    opened = scheduled(40).run_id
    assert Fill.objects.filter(run_id=filled).exists()
    assert GapRecord.objects.filter(run=opened).exists()
    Shard.objects.create(run_id=filled, source=default_source(), first=1, last=1, signals=1, state="done")
    age()
    assert forget_runs(timezone.now()) == 0
    assert not Shard.objects.exists(), "who did it is not told for ever"
    assert set(SyncRun.objects.filter(kept=True).values_list("pk", flat=True)) == {filled, opened}
    with CaptureQueriesContext(connection) as captured:
        assert forget_runs(timezone.now()) == 0
    assert len(captured) == 1
    assert filled
    assert undo(of_run(filled), actor="ann", reason="it can be undone still") > 0
    assert SyncAuditLog.objects.filter(run=filled).exists()


def test_a_run_that_is_under_way_is_never_forgotten() -> None:
    SyncRun.objects.create(trigger="schedule", as_of=at(0), started_at=at(0))
    assert forget_runs(timezone.now()) == 0
    assert SyncRun.objects.exists()


def test_a_cycle_forgets_a_bounded_number_the_oldest_first(monkeypatch: pytest.MonkeyPatch) -> None:
    newer, older = idle_runs(2, days=100), idle_runs(2, days=200)
    monkeypatch.setattr(retention, "AT_ONCE", 3)
    assert forget_runs(timezone.now()) == 3
    assert not set(older) & set(SyncRun.objects.values_list("pk", flat=True))
    assert len(set(newer) & set(SyncRun.objects.values_list("pk", flat=True))) == 1


def test_runs_are_kept_for_ever_where_the_setting_says_so(settings: Any) -> None:
    settings.RUN_RETENTION_DAYS = 0
    idle_runs(1, days=4000)
    assert forget_runs(timezone.now()) == 0
    assert SyncRun.objects.count() == 1


def test_a_negative_retention_is_refused(settings: Any) -> None:
    settings.RUN_RETENTION_DAYS = -1
    assert "RUN_RETENTION_DAYS is -1." in [error.msg for error in run_checks()]

"""Who judges and when: the worker after each cycle whatever came of it, the supervisor while the worker does none."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from django.utils.module_loading import import_string

from dashboard.models import Incident
from dashboard.notifying import step
from reconciliation.cycle import worker
from reconciliation.management.commands import serve
from reconciliation.models import SyncRun

from .cases import Listener, destination

pytestmark = pytest.mark.django_db


def cycle(ago: float) -> None:
    now = timezone.now()
    ended = now - timedelta(seconds=ago)
    SyncRun.objects.create(state="finished", trigger="schedule", as_of=ended, started_at=ended, finished_at=ended)


@pytest.fixture
def queued(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    names: list[str] = []
    monkeypatch.setattr(worker, "async_task", lambda name, **_: names.append(name))
    return names


def test_it_is_judged_after_each_cycle(queued: list[str]) -> None:
    worker.tick()
    assert queued == [worker.NOTIFYING]


def test_and_after_one_that_fails(queued: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "run_sync", raising)
    with pytest.raises(RuntimeError, match="broken"):
        worker.tick()
    assert queued == [worker.NOTIFYING]


def test_a_queue_that_fails_fails_no_cycle(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "async_task", raising)
    assert "examined" in worker.tick()


def raising(*_: Any, **__: Any) -> None:
    raise RuntimeError("broken")


@pytest.mark.parametrize("broken", ["ping", "watch", "deliver_due"])
def test_no_part_of_the_step_stops_the_others(broken: str, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    for name in ("ping", "watch", "deliver_due"):
        monkeypatch.setattr(step, name, lambda *_, name=name, **__: raising() if name == broken else done.append(name))
    step.task()
    assert done == [name for name in ("ping", "watch", "deliver_due") if name != broken]


def test_while_the_worker_does_nothing_the_supervisor_tells(listener: Listener) -> None:
    destination(url=listener.url())
    cycle(ago=1200)
    import_string(serve.STAND_IN)()
    assert Incident.objects.get(key="worker-stopped").state == "open"
    assert "The worker does no cycles" in listener.bodies[0]["title"]


def test_while_it_works_the_supervisor_tells_nothing() -> None:
    cycle(ago=60)
    import_string(serve.STAND_IN)()
    assert not Incident.objects.exists()


def test_what_others_call_by_name_is_there() -> None:
    assert import_string(worker.NOTIFYING) is step.task
    assert import_string(serve.STAND_IN) is step.stand_in

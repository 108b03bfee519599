"""The worker's turn, its schedule, the watchdog's question, and what a first start makes."""

from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import OutputWrapper
from django.utils import timezone
from django_q.models import OrmQ, Schedule

from reconciliation import bootstrap
from reconciliation.cycle import lease, schedule, worker
from reconciliation.models import SyncRun
from signals.intake import take_in
from signals.models import AutomatedSignal, Delivery, Fill, Source, SourceToken
from signals.receiving.spool import Spool
from signals.receiving.spooled import Spooled
from tests.builders import at, entry, send
from tests.posting import FIRED

pytestmark = pytest.mark.django_db


def test_a_turn_drains_the_spool_and_runs_a_cycle() -> None:
    send([(entry(), at(5))])
    assert worker.tick() == "0 drained, 1 signals examined, 3 fills, gaps 4 -> 3, 0 set aside"
    assert SyncRun.objects.get().trigger == "schedule"


def test_a_turn_that_finds_another_cycle_running_is_skipped() -> None:
    with lease.held():
        assert worker.tick().startswith("skipped: another sync is running")
    assert not SyncRun.objects.exists()


def finished(ago: float, trigger: str = "schedule", state: str = "finished") -> None:
    ended = timezone.now() - timedelta(seconds=ago)
    SyncRun.objects.create(trigger=trigger, state=state, as_of=ended, started_at=ended, finished_at=ended)


def test_a_worker_that_finishes_cycles_is_not_wedged() -> None:
    finished(200)
    assert worker.wedged(timezone.now()) is None


def test_a_worker_whose_cycles_fail_is_not_wedged() -> None:
    finished(200, state="failed")
    assert worker.wedged(timezone.now()) is None


def test_a_worker_is_wedged_when_no_scheduled_cycle_ended_for_two_and_a_half_intervals() -> None:
    assert worker.wedged(timezone.now()) == "no scheduled cycle has ever finished"
    finished(301)
    finished(5, trigger="command")
    assert "the last scheduled cycle finished at" in (worker.wedged(timezone.now()) or "")


def test_a_worker_with_a_cycle_under_way_is_not_wedged() -> None:
    finished(1000)
    with lease.held():
        assert worker.wedged(timezone.now()) is None
    assert worker.wedged(timezone.now()) is not None


def test_the_schedule_is_installed_once_and_keeps_its_next_turn() -> None:
    schedule.install()
    due = Schedule.objects.get().next_run
    schedule.install()
    made = Schedule.objects.get()
    assert (made.func, made.minutes, made.repeats, made.next_run) == ("reconciliation.cycle.worker.tick", 2, -1, due)


def test_a_doubled_schedule_is_mended(settings: Any) -> None:
    for _ in range(3):
        Schedule.objects.create(name=schedule.NAME, func="x")
    settings.SYNC_INTERVAL = 300
    schedule.install()
    assert Schedule.objects.get().minutes == 5


def test_an_interval_that_is_no_whole_minutes_is_refused(settings: Any) -> None:
    settings.SYNC_INTERVAL = 90
    with pytest.raises(ImproperlyConfigured, match="multiple of 60"):
        schedule.install()


def prepared() -> str:
    out = StringIO()
    bootstrap.prepare(OutputWrapper(out))
    return out.getvalue()


@pytest.fixture
def bare(settings: Any) -> Any:
    settings.DEMO, settings.OPERATOR_PASSWORD, settings.WEBHOOK_TOKEN = False, "", ""
    return settings


def test_a_first_start_makes_operator_source_and_schedule_once(bare: Any) -> None:
    said = prepared()
    operator = get_user_model().objects.get()
    password = said.split("password: ")[1].split()[0]
    assert operator.is_superuser
    assert operator.check_password(password)
    assert Source.objects.get().is_default
    assert Schedule.objects.count() == 1
    assert prepared() == ""
    assert not Delivery.objects.exists()


def test_a_chosen_password_is_not_shown(bare: Any) -> None:
    bare.OPERATOR_PASSWORD = "correct horse battery"
    assert prepared() == ""
    assert get_user_model().objects.get().check_password("correct horse battery")


def test_the_first_token_is_kept_only_as_its_hash(bare: Any) -> None:
    bare.WEBHOOK_TOKEN = "t" * 30
    prepared()
    prepared()
    assert SourceToken.objects.get().token_hash != "t" * 30


def test_the_demo_fills_an_empty_database_with_history_and_one_cycle(bare: Any) -> None:
    bare.DEMO = True
    prepared()
    assert AutomatedSignal.objects.count() > 50
    assert Fill.objects.exists()
    run = SyncRun.objects.get()
    assert (run.trigger, run.state, run.errors) == ("start", "finished", 0)
    deliveries = Delivery.objects.count()
    prepared()
    assert Delivery.objects.count() == deliveries


def test_a_history_that_is_interrupted_leaves_nothing_so_that_the_next_start_makes_it_whole(
    bare: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    bare.DEMO = True
    made = iter(range(2))

    def interrupted(*args: Any, **options: Any) -> Any:
        if next(made, None) is None:
            raise KeyboardInterrupt
        return take_in(*args, **options)

    with monkeypatch.context() as patched:
        patched.setattr(bootstrap, "take_in", interrupted)
        with pytest.raises(KeyboardInterrupt):
            prepared()
    assert not Delivery.objects.exists()
    assert "Making sample history" in prepared()


def test_a_start_with_a_filled_spool_has_it_drained_at_once(bare: Any, tmp_path: Path) -> None:
    bare.SPOOL_DIR = tmp_path
    prepared()
    assert not OrmQ.objects.exists()
    Spool(tmp_path).append(
        Spooled(received_at=FIRED, token_hash="", remote_addr="", body=b"{}", content_type="", loopback=True)
    )
    prepared()
    assert OrmQ.objects.get().func() == schedule.TASK

"""The worker's turn, its schedule, the watchdog's question, and what a first start makes."""

import stat
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import time_machine
from django.contrib.auth import get_user_model
from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import OutputWrapper
from django.test import Client
from django.utils import timezone
from django_q.models import OrmQ, Schedule

from reconciliation import bootstrap
from reconciliation.cycle import lease, schedule, worker
from reconciliation.models import SyncRun
from signals.intake import take_in
from signals.models import AutomatedSignal, Delivery, Fill, Source, SourceToken
from signals.receiving.senders import hash_token, source_of_token
from signals.receiving.spool import Spool
from signals.receiving.spooled import Spooled
from tests.builders import at, entry, send
from tests.posting import FIRED, at_once

pytestmark = pytest.mark.django_db


def test_a_turn_drains_the_spool_and_runs_a_cycle() -> None:
    send([(entry(), at(5))])
    assert worker.tick() == "0 drained, 1 signals examined, 3 fills, gaps 4 -> 3, 0 set aside, 0 left"
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


def cycles() -> Schedule:
    return Schedule.objects.get(name=schedule.NAME)


def test_the_schedule_is_installed_once_and_keeps_its_next_turn() -> None:
    schedule.install()
    due = cycles().next_run
    schedule.install()
    made = cycles()
    assert (made.func, made.minutes, made.repeats, made.next_run) == ("reconciliation.cycle.worker.tick", 2, -1, due)


def test_a_doubled_schedule_is_mended(settings: Any) -> None:
    for _ in range(3):
        Schedule.objects.create(name=schedule.NAME, func="x")
    settings.SYNC_INTERVAL = 300
    schedule.install()
    assert cycles().minutes == 5


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
    assert Schedule.objects.count() == 3  # cycles, what is to be sent, and events
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


def started(settings: Any) -> str:
    """The path of the address that a start of the demo makes."""
    bootstrap.give_demo_address("http://127.0.0.1:8000/", OutputWrapper(StringIO()))
    assert stat.S_IMODE(settings.WEBHOOK_ADDRESS.stat().st_mode) == 0o600
    return urlsplit(settings.WEBHOOK_ADDRESS.read_text()).path


@pytest.fixture
def demo(bare: Any, tmp_path: Path) -> Any:
    bare.DEMO, bare.VAR_DIR, bare.WEBHOOK_ADDRESS = True, tmp_path, tmp_path / "webhook_address"
    return bare


def test_each_start_of_the_demo_makes_a_webhook_address_and_ends_the_one_before(demo: Any) -> None:
    first, second = started(demo), started(demo)
    assert [Client().post(path, "{}", content_type="text/plain").status_code for path in (first, second)] == [401, 202]
    assert [each.name for each in demo.VAR_DIR.glob("webhook*")] == ["webhook_address"]


def test_the_demo_takes_nothing_without_the_address_of_this_start(demo: Any) -> None:
    path, _, _ = started(demo).rpartition("/")
    assert Client().post(path, "{}", content_type="text/plain").status_code == 401


def test_what_came_with_an_address_before_it_ended_is_still_taken(demo: Any) -> None:
    with time_machine.travel(datetime(2026, 1, 1, tzinfo=UTC), tick=False):
        token = started(demo).rpartition("/")[2]
    with time_machine.travel(datetime(2026, 1, 2, tzinfo=UTC), tick=False):
        started(demo)
    assert source_of_token(hash_token(token), datetime(2026, 1, 1, 12, tzinfo=UTC)) is not None
    assert source_of_token(hash_token(token), datetime(2026, 1, 2, 12, tzinfo=UTC)) is None


@pytest.mark.parametrize(("production", "demonstrating"), [(True, True), (False, False)])
def test_only_the_demo_makes_an_address(production: bool, demonstrating: bool, demo: Any) -> None:
    demo.PRODUCTION, demo.DEMO = production, demonstrating
    bootstrap.give_demo_address("http://127.0.0.1:8000/", OutputWrapper(StringIO()))
    assert not SourceToken.objects.exists()
    assert not demo.WEBHOOK_ADDRESS.exists()


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
        patched.setattr("reconciliation.demo.history.take_in", interrupted)
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


@pytest.mark.django_db(transaction=True)
def test_halves_that_start_together_make_everything_once(bare: Any) -> None:
    results = at_once([prepared] * 3)
    assert [result for result in results if isinstance(result, Exception)] == []
    assert get_user_model().objects.count() == Source.objects.count() == 1
    assert Schedule.objects.filter(name=schedule.NAME).count() == 1

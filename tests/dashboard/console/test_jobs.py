"""Long work in the background: done in slices, followed on its page, taken up again; undoing a tier."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from dashboard import jobs
from dashboard.console import cycles, selection
from dashboard.console.pages import filling
from dashboard.models import Job
from reconciliation.cycle.lease import held
from reconciliation.cycle.run import run_sync
from reconciliation.models import SyncAuditLog, SyncRun
from signals.clock import NEW_YORK, local
from signals.models import AutomatedSignal, Delivery, Fill
from tests.builders import at

from .conftest import As, person
from .test_gaps import GAP, confirmed, fillable, link, without_mfe
from .test_ledger import LOG, uploaded

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def tasks(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The keys of the jobs that were queued, in order."""
    queued: list[int] = []
    monkeypatch.setattr(jobs, "async_task", lambda _, key, **__: queued.append(key))
    return queued


def carried_out(tasks: list[int]) -> list[str]:
    """Do what is queued as the worker would, one after the other."""
    said = []
    while tasks:
        said.append(jobs.work(tasks.pop(0)))
    return said


@pytest.fixture
def long_log(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dashboard.console.pages.alertlog.ROWS_AT_ONCE", 4)


@pytest.mark.usefixtures("long_log")
def test_a_long_log_is_imported_in_slices_and_its_page_tells_how_far(
    signed_in: As, tasks: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("signals.receiving.alertlog.ROWS_AT_ONCE", 2)
    monkeypatch.setattr(jobs, "SLICE", -1.0)  # a slice is a chunk
    client = signed_in("Operator")
    ledger = uploaded(client, LOG)
    answer = confirmed(client, ledger, source="")
    job = Job.objects.get()
    assert answer["Location"] == link("job", job.pk)
    assert Delivery.objects.count() == 0
    assert jobs.work(tasks.pop(0)) == "goes on"
    shown = client.get(link("job", job.pk)).content.decode()
    assert "2 of 5 rows" in shown
    assert "The worker is down" in shown  # no cycle has ever ended here
    assert carried_out(tasks)[-1].startswith("5 rows: 4 stored, 0 were there, 1 to quarantine")
    job.refresh_from_db()
    assert (job.state, job.done, job.result["rows"], job.result["accepted"]) == ("finished", 5, 5, 4)
    assert AutomatedSignal.objects.get().entry_price == 25740
    assert "5 of 5 rows" in client.get(link("job", job.pk)).content.decode()
    assert "Imported 5 rows" in LogEntry.objects.get(user=person("Operator")).change_message


@pytest.mark.usefixtures("long_log")
def test_while_the_worker_is_down_an_import_says_that_it_waits(signed_in: As) -> None:
    shown = signed_in("Operator").get(uploaded(signed_in("Operator"), LOG)).content.decode()
    assert "The worker is down" in shown
    assert "manage.py import_alerts" in shown


def a_job(kind: str = jobs.UNDO, **options: Any) -> Job:
    now = timezone.now()
    given = {"arguments": {"run": 1, "reason": "wrong"}, "total": 9, "created_at": now, "updated_at": now, **options}
    return Job.objects.create(kind=kind, title="Undoing run 1", started_by="mia", **given)


def test_work_that_failed_says_why_and_is_taken_up_again(signed_in: As, tasks: list[int]) -> None:
    job = a_job(jobs.IMPORT, arguments={"upload": "0" * 32, "source": ""})
    assert "This upload is gone" in jobs.work(job.pk)
    client, address = signed_in("Operator"), link("job", job.pk)
    assert "It failed: This upload is gone" in client.get(address).content.decode()
    assert client.post(link("resume-job", job.pk), {"confirm": "yes"})["Location"] == address
    assert tasks == [job.pk]
    assert Job.objects.get().state == "waiting"


def test_work_that_was_cut_off_is_told_and_no_task_does_it_twice(signed_in: As, tasks: list[int]) -> None:
    job = a_job(state="running", updated_at=timezone.now() - jobs.STUCK - timedelta(seconds=1))
    client = signed_in("Operator")
    assert "It has not got on for" in client.get(link("job", job.pk)).content.decode()
    assert jobs.work(job.pk) == "not waiting"
    assert jobs.resume(job, timezone.now())
    assert not jobs.resume(job, timezone.now())
    assert carried_out(tasks) == ["0 values undone."]
    assert "nothing to take up again" in client.get(link("resume-job", job.pk)).content.decode()


def new_york(moment: datetime) -> str:
    return local(moment, NEW_YORK).strftime("%Y-%m-%dT%H:%M")


def test_undoing_a_tier_takes_out_what_it_filled_since_then(signed_in: As) -> None:
    fillable()
    run_sync(now=at(90), trigger="schedule")
    filled = Fill.objects.filter(tier="2", state="active").count()
    others = Fill.objects.filter(state="active").exclude(tier="2").count()
    client, address = signed_in("Operator"), link("undo-tier")
    assert filled
    assert 'name="confirm"' not in client.get(address).content.decode()
    later = new_york(timezone.now() + timedelta(hours=1))
    assert "nothing to undo" in client.post(address, {"tier": "2", "since": later, "reason": "x"}).content.decode()
    given = {"tier": "2", "since": new_york(timezone.now() - timedelta(hours=1))}
    shown = client.post(address, given).content.decode()
    assert f"{filled} values would be taken out again: {filled} by tier 2" in shown
    digest = shown.split('name="previewed" value="')[1].split('"')[0]
    client.post(address, {**given, "reason": "closes only", "previewed": digest, "confirm": "yes"})
    assert not Fill.objects.filter(tier="2", state="active").exists()
    assert Fill.objects.filter(state="active").count() == others
    audited = SyncAuditLog.objects.filter(action="undone")
    assert {(entry.actor, entry.note) for entry in audited} == {(person("Operator").username, "closes only")}


def test_undoing_very_many_goes_on_where_it_was(
    signed_in: As, tasks: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dashboard.jobs.FILLS_AT_ONCE", 0)
    monkeypatch.setattr(jobs, "SLICE", -1.0)
    fillable()
    run = run_sync(now=at(90), trigger="schedule").run_id
    standing = jobs.fills_of({"run": run}).count()
    confirmed(signed_in("Operator"), link("undo-run", run), reason="wrong")
    job = Job.objects.get()
    assert (job.total, job.title) == (standing, f"Undoing run {run}")
    assert carried_out(tasks) == ["goes on", f"{standing} values undone."]
    assert not jobs.fills_of({"run": run}).exists()
    assert f"{standing} of {standing} values" in signed_in("Viewer").get(link("job", job.pk)).content.decode()


@pytest.fixture
def by_threes(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run looks at three signals, and a slice is a run."""
    monkeypatch.setattr(jobs, "SLICE", -1.0)
    for module in (jobs, filling, selection):
        monkeypatch.setattr(module, "AT_ONCE", 3)


ALL_OF_IT = {"gap": GAP, "all": "1"}


def started(client: Client) -> Job:
    """The job of fixing all gaps of the type, as previewed and confirmed."""
    job = Job.objects.get(pk=confirmed(client, f"{link('fix-gaps')}?gap={GAP}&all=1")["Location"].split("/")[-2])
    assert job.kind == jobs.FIX
    return job


@pytest.mark.usefixtures("by_threes")
def test_all_of_a_type_goes_in_chunks_and_ends(signed_in: As, tasks: list[int]) -> None:
    for minute in range(7):
        without_mfe(minute)
    client = signed_in("Operator")
    shown = client.get(link("fix-gaps"), ALL_OF_IT).content.decode()
    assert "3 runs of 3 signals each" in shown
    assert "But the worker is down" in shown
    page = link("job", started(client).pk)
    seen, said = [], []
    while tasks:
        said.append(jobs.work(tasks.pop(0)))
        seen.append(Job.objects.get().done)
        assert f"{seen[-1]} of 7 signals looked at" in client.get(page).content.decode()
    assert seen == [3, 6, 7, 7]
    assert said == [*["goes on"] * 3, "7 signals looked at, 7 values filled, gaps 14 → 14."]
    assert (Job.objects.get().percent, Job.objects.get().state) == (100, "finished")
    assert link("gap", GAP) in client.get(page).content.decode()
    runs = SyncRun.objects.filter(started_by=person("Operator").username, trigger=SyncRun.Trigger.CONSOLE)
    assert runs.count() == 3
    assert Job.objects.get().result["runs"] == sorted(runs.values_list("pk", flat=True))


@pytest.mark.usefixtures("by_threes")
def test_a_chunk_that_must_wait_for_another_cycle_is_done_later(
    signed_in: As, tasks: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cycles, "WAITED_FOR", 0)
    for minute in range(4):
        without_mfe(minute)
    started(signed_in("Operator"))
    with held():
        assert jobs.work(tasks.pop(0)) == "goes on"
    assert not SyncRun.objects.exists()
    assert carried_out(tasks)[-1].startswith("4 signals looked at")
    assert SyncRun.objects.count() == 2


@pytest.mark.usefixtures("by_threes")
def test_fixing_asks_only_the_tiers_that_were_ticked(signed_in: As, tasks: list[int]) -> None:
    for minute in range(4):
        without_mfe(minute)
    confirmed(signed_in("Operator"), f"{link('fix-gaps')}?gap={GAP}&all=1", tiers=["3"])
    carried_out(tasks)
    assert {tuple(run.options["tiers"]) for run in SyncRun.objects.all()} == {("3",)}


@pytest.mark.usefixtures("by_threes")
@pytest.mark.parametrize("role", ["nobody", "Viewer"])
def test_all_of_a_type_is_started_by_operators_only(role: str, signed_in: As, tasks: list[int]) -> None:
    for minute in range(4):
        without_mfe(minute)
    asked = f"{link('fix-gaps')}?gap={GAP}&all=1"
    assert signed_in(role).post(asked, {"confirm": "yes"}).status_code == 403
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(person("Operator"))
    assert strict.post(asked, {"confirm": "yes"}).status_code == 403
    assert not Job.objects.exists()
    assert not tasks


def test_the_navigation_counts_what_is_in_quarantine(signed_in: As) -> None:
    from .conftest import quarantined

    page = reverse("console:activation")
    assert "bg-orange-100" not in signed_in("Viewer").get(page).content.decode()
    quarantined()
    assert "bg-orange-100" in signed_in("Viewer").get(page).content.decode()

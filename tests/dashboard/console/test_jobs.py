"""Long work in the background: done in slices, followed on its page, taken up again; undoing a tier."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.urls import reverse
from django.utils import timezone

from dashboard import jobs
from dashboard.models import Job
from reconciliation.cycle.run import run_sync
from reconciliation.models import SyncAuditLog
from signals.clock import NEW_YORK, local
from signals.models import AutomatedSignal, Delivery, Fill
from tests.builders import at

from .conftest import As, person
from .test_gaps import confirmed, fillable, link
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
    monkeypatch.setattr("signals.receiving.alertlog.CHUNK", 2)
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
    monkeypatch.setattr("dashboard.console.pages.undoing.FILLS_AT_ONCE", 0)
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


def test_the_navigation_counts_what_is_in_quarantine(signed_in: As) -> None:
    from .conftest import quarantined

    page = reverse("console:activation")
    assert "bg-orange-100" not in signed_in("Viewer").get(page).content.decode()
    quarantined()
    assert "bg-orange-100" in signed_in("Viewer").get(page).content.decode()

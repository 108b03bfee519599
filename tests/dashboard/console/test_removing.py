"""Simulated data: a banner says so on every page, and an administrator removes all of it."""

from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.urls import reverse

from dashboard import jobs
from dashboard.models import AnalysisCount, Job
from reconciliation.cycle.lease import held
from reconciliation.models import SyncAuditLog
from signals.models import AutomatedSignal, Delivery, Source
from signals.receiving.senders import new_token
from tests.builders import at, created, send
from tests.posting import post

from .conftest import As
from .test_jobs import carried_out, tasks

__all__ = ["tasks"]

pytestmark = pytest.mark.django_db
REMOVE = reverse("console:remove-simulated")
BANNER = "is an invented market"


@pytest.fixture
def demo() -> Source:
    source = Source.objects.create(name="demo-future", simulated=True, symbol="DEMO1!")
    send([(created(), at(1))], source)
    return source


def closed_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "CLOSED_WITHIN", timedelta())


def test_the_banner_stands_on_every_page_while_something_is_simulated(signed_in: As, demo: Source) -> None:
    client = signed_in("Viewer")
    for page in ("overview", "signals", "deliveries", "sources"):
        assert BANNER in client.get(reverse(f"console:{page}")).content.decode()
    assert REMOVE not in client.get("/").content.decode()
    assert REMOVE in signed_in("Administrator").get("/").content.decode()
    Source.objects.update(simulated=False)
    assert BANNER not in client.get("/").content.decode()


def test_who_may_not_change_sources_may_not_remove_any(signed_in: As, demo: Source) -> None:
    assert signed_in("Operator").get(REMOVE).status_code == 403
    assert signed_in("Operator").post(REMOVE, {"confirm": "yes"}).status_code == 403


def test_looking_says_what_will_go_and_removes_nothing(signed_in: As, demo: Source) -> None:
    told = signed_in("Administrator").get(REMOVE).content.decode()
    assert "demo-future" in told
    assert "<td>Signals</td><td>1</td>" in told
    assert Delivery.objects.exists()


def test_one_confirmation_removes_all_of_it_and_leads_to_the_guided_start(
    signed_in: As, demo: Source, tasks: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    closed_at_once(monkeypatch)
    client = signed_in("Administrator")
    AnalysisCount.objects.create(key="counted", query="target=3", asked_at=at(9))
    answer = client.post(REMOVE, {"confirm": "yes"})
    assert answer["Location"] == reverse("console:start")
    assert "Being removed" in client.get("/").content.decode()
    assert carried_out(tasks)[-1].startswith("Removed what was simulated")
    assert not Source.objects.filter(simulated=True).exists()
    assert not AutomatedSignal.hidden_too.exists()
    assert not AnalysisCount.objects.exists()  # it counted what is gone
    assert BANNER not in client.get("/").content.decode()
    done = SyncAuditLog.objects.filter(action="administered").values_list("actor", "note")
    assert {actor for actor, _ in done} == {"administrator-person"}
    assert any("Removed what was simulated" in note for _, note in done)
    assert LogEntry.objects.count() == 2
    assert client.get(reverse("console:job", args=[Job.objects.get().pk])).status_code == 200


def test_it_waits_until_no_process_takes_alerts_for_it_any_more(signed_in: As, demo: Source, tasks: list[int]) -> None:
    token = new_token(demo)
    signed_in("Administrator").post(REMOVE, {"confirm": "yes"})
    assert post(token=token, REMOTE_ADDR="192.0.2.1").status_code == 401
    assert jobs.work(tasks.pop(0)) == "goes on"
    assert Source.objects.filter(pk=demo.pk).exists()
    assert not Delivery.objects.exists()


def test_it_waits_while_a_cycle_runs(signed_in: As, demo: Source, tasks: list[int]) -> None:
    signed_in("Administrator").post(REMOVE, {"confirm": "yes"})
    with held():
        assert jobs.work(tasks.pop(0)) == "goes on"
    assert Delivery.objects.exists()


def test_it_is_not_started_twice(signed_in: As, demo: Source, tasks: list[int]) -> None:
    client = signed_in("Administrator")
    client.post(REMOVE, {"confirm": "yes"})
    assert "It is being removed already" in client.get(REMOVE).content.decode()
    client.post(REMOVE, {"confirm": "yes"})
    assert len(tasks) == 1


def test_where_nothing_is_simulated_there_is_nothing_to_remove(signed_in: As) -> None:
    assert "Nothing here is simulated" in signed_in("Administrator").get(REMOVE).content.decode()

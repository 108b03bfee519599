"""Runs: figures and phases; starting, comparing and undoing them."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from django_q.models import OrmQ

from dashboard import jobs
from dashboard.console.cycles import run_when_free
from dashboard.console.pages import runs
from dashboard.console.pages.runs import Shown, compared
from dashboard.models import Job
from reconciliation.cycle.lease import held
from reconciliation.cycle.report import Report
from reconciliation.cycle.run import run_sync
from reconciliation.models import Shard, SyncAuditLog, SyncRun
from signals.models import Fill, Source
from signals.receiving.senders import default_source
from tests.builders import TRADE_ID, at, created, entry, send, the_signal

from .conftest import As, person
from .test_gaps import confirmed, fillable, link, without_mfe

pytestmark = pytest.mark.django_db


def a_run(**options: Any) -> SyncRun:
    given = {"trigger": "schedule", "state": "finished", "as_of": at(9), "started_at": at(9), "finished_at": at(10)}
    return SyncRun.objects.create(**{**given, **options})


def the_run(report: Report) -> SyncRun:
    assert report.run_id is not None
    return SyncRun.objects.get(pk=report.run_id)


def test_every_run_is_listed_latest_first_and_narrowed(signed_in: As) -> None:
    first, second = a_run(fills=3), a_run(trigger="command", state="failed", error="no")
    client = signed_in("Viewer")

    def listed(**query: str) -> list[SyncRun]:
        return list(client.get(link("runs"), query).context["rows"])

    assert listed() == [second, first]
    assert listed(trigger="command") == [second]
    assert listed(state="finished") == [first]
    assert listed(filled="on") == [first]
    assert listed(trigger="nonsense") == [second, first]
    assert "A filter was not understood" in client.get(link("runs"), {"state": "zz"}).content.decode()
    assert "No run matches." in client.get(link("runs"), {"state": "abandoned"}).content.decode()


def test_a_shared_run_says_who_did_it(signed_in: As) -> None:
    run, client = a_run(), signed_in("Viewer")
    assert "Who did it" not in client.get(link("run", run.pk)).content.decode()
    some = {"run": run, "source": default_source(), "first": 1, "last": 9, "signals": 9}
    Shard.objects.create(**some, state="done", worker="one:17", done=9)
    Shard.objects.create(**some, state="done", worker="two:4", done=9)
    Shard.objects.create(**some, state="failed", worker="one:17", done=5, error="ZeroDivisionError: no")
    answer = client.get(link("run", run.pk))
    assert list(answer.context["workers"]) == [
        {"worker": "one:17", "shards": 2, "signals": 14},
        {"worker": "two:4", "shards": 1, "signals": 9},
    ]
    assert "Failed: ZeroDivisionError: no" in answer.content.decode()


def test_with_no_runs_the_page_says_how_to_get_some(signed_in: As) -> None:
    assert "No cycle ever ran." in signed_in("Viewer").get(link("runs")).content.decode()


def test_a_run_tells_its_figures_its_phases_and_what_it_did(signed_in: As) -> None:
    fillable()
    run = the_run(run_sync(now=at(50), trigger="schedule"))
    answer = signed_in("Viewer").get(link("run", run.pk))
    shown, told = answer.context["shown"], answer.content.decode()
    assert {name for name, _, _ in shown.phases} >= {"find", "load", "plan", "apply"}
    assert sum(share for _, _, share in shown.phases) == pytest.approx(100, abs=1)
    assert dict(shown.figures)["Values filled"] == run.fills > 0
    assert ("no_mae", "No MAE", 1, 0) in shown.gaps
    assert answer.context["standing"] == Fill.objects.count()
    assert TRADE_ID in told
    assert link("undo-run", run.pk) not in told
    assert link("undo-run", run.pk) in signed_in("Operator").get(link("run", run.pk)).content.decode()


def test_phases_add_up_to_the_total(signed_in: As) -> None:
    run = a_run(seconds={"find": 0.002, "health": 0.015, "total": 0.522})
    assert [name for name, _, _ in Shown(run).phases] == ["find", "health", "rest"]
    assert sum(seconds for _, seconds, _ in Shown(run).phases) == pytest.approx(0.522)
    titles = [title for title, *_ in compared(Shown(run), Shown(a_run(seconds={"load": 1.0, "total": 1.0})))]
    assert titles[-5:] == [
        "Seconds: find", "Seconds: health", "Seconds: load", "Seconds: rest", "Seconds: total",
    ]  # fmt: skip


def test_a_run_that_failed_says_why_and_one_under_way_what_is_not_known_yet(signed_in: As) -> None:
    client = signed_in("Viewer")
    assert (
        "ValueError: no" in client.get(link("run", a_run(state="failed", error="ValueError: no").pk)).content.decode()
    )
    assert (
        "Known when it has finished."
        in client.get(link("run", a_run(state="running", finished_at=None).pk)).content.decode()
    )
    assert client.get(link("run", 999)).status_code == 404


def test_a_run_for_everything_looks_at_what_its_preview_counted(signed_in: As) -> None:
    fillable()
    without_mfe()
    client = signed_in("Operator")
    shown = client.get(link("start-run"))
    assert "It would look at 2 signals." in shown.content.decode()
    assert not SyncRun.objects.exists()
    done = confirmed(client, link("start-run"))
    run = SyncRun.objects.get()
    assert done["Location"] == link("run", run.pk)
    assert (run.signals_examined, run.started_by) == (2, person("Operator").username)
    assert run.fills > 0


def test_what_was_tried_on_the_first_signals_only_says_so_in_the_same_sentence(
    signed_in: As, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "SAMPLED", 1)
    fillable()
    without_mfe()
    shown = signed_in("Operator").get(link("start-run")).content.decode()
    assert "It would look at 2 signals. Tried on the first 1 of them only, it would fill" in shown


def test_a_run_can_be_for_some_signals_some_tiers_and_one_source(signed_in: As) -> None:
    fillable()
    without_mfe()
    default_source()
    client = signed_in("Operator")
    given = {"trade_ids": f"{TRADE_ID},\n{TRADE_ID}", "tiers": ["3"], "source": default_source().name}
    assert "It would look at 1 signal." in client.post(link("start-run"), given).content.decode()
    confirmed(client, link("start-run"), **given)
    run = SyncRun.objects.get()
    assert (run.signals_examined, run.options["trade_ids"], run.options["tiers"]) == (1, [TRADE_ID], ["3"])


def test_trade_ids_that_are_not_stored_are_named(signed_in: As) -> None:
    fillable()
    other = Source.objects.create(name="other")
    client = signed_in("Operator")
    shown = client.post(link("start-run"), {"trade_ids": f"{TRADE_ID} NOT_THERE"}).content.decode()
    assert "There is no signal NOT_THERE. Check the spelling." in shown
    nothing = client.post(link("start-run"), {"trade_ids": TRADE_ID, "source": other.name}).content.decode()
    assert f"There is no signal {TRADE_ID}. Check the spelling and the source." in nothing
    assert "There is nothing to look at" in client.post(link("start-run"), {"source": other.name}).content.decode()


def test_a_long_run_is_the_workers_and_waits_for_its_turn(signed_in: As, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "SIGNALS_AT_ONCE", 1)
    fillable()
    without_mfe()
    client = signed_in("Operator")
    shown = client.get(link("start-run")).content.decode()
    assert "the worker does it" in shown
    assert "But the worker is down" in shown
    assert confirmed(client, link("start-run"))["Location"] == link("runs")
    task = OrmQ.objects.get().task
    assert task["func"] == "dashboard.console.cycles.run_when_free"
    assert not SyncRun.objects.exists()
    report = run_when_free(**task["kwargs"])
    assert the_run(report).started_by == person("Operator").username


def test_a_run_started_while_another_runs_is_not_done(signed_in: As) -> None:
    fillable()
    client = signed_in("Operator")
    with held():
        assert b"A cycle is running already" in confirmed(client, link("start-run")).content
    assert not SyncRun.objects.exists()


def test_two_runs_are_compared_the_earlier_one_first(signed_in: As) -> None:
    one = a_run(fills=3, health_after=80.0, gaps_after={"no_mae": 4}, seconds={"load": 0.5, "total": 1.0})
    two = a_run(fills=5, health_after=75.5, gaps_after={"no_mae": 1}, fills_by_tier={"2": 5}, seconds={"total": 1.0})
    rows = {title: rest for title, *rest in compared(Shown(one), Shown(two))}
    assert rows["Values filled"] == ["3", "5", "+2"]
    assert rows["Health after, %"] == ["80.00", "75.50", "-4.50"]
    assert rows["No MAE, after"] == ["4", "1", "-3"]
    assert rows["Filled by tier 2"] == ["0", "5", "+5"]
    assert rows["Seconds: load"] == ["0.50", "–", None]  # noqa: RUF001
    assert rows["Seconds: total"][2] == "="
    told = signed_in("Viewer").get(link("compare-runs"), {"pick": [two.pk, one.pk]}).content.decode()
    assert told.index(f"Run {one.pk}") < told.index(f"Run {two.pk}")


@pytest.mark.parametrize("picked", [[], ["1"], ["1", "2", "3"], ["x", "999"]])
def test_comparing_takes_two(picked: list[str], signed_in: As) -> None:
    for _ in range(3):
        a_run()
    assert (
        "Tick two runs in the list" in signed_in("Viewer").get(link("compare-runs"), {"pick": picked}).content.decode()
    )


def test_undoing_a_run_takes_out_what_its_preview_listed(signed_in: As) -> None:
    fillable()
    report = run_sync(now=at(50), trigger="schedule")
    client = signed_in("Operator")
    address = link("undo-run", report.run_id)
    preview = client.get(address).context["preview"]
    listed = {fill.field for fill in preview.more["fills"]}
    assert listed == set(Fill.objects.values_list("field", flat=True)) >= {"be_mfe", "mae"}
    assert the_signal().mae is not None
    assert b"This field is required" in client.post(address, {"confirm": "yes"}).content
    assert confirmed(client, address, reason="wrong prices")["Location"] == link("run", report.run_id)
    assert the_signal().mae is None
    assert not Fill.objects.filter(state=Fill.State.ACTIVE).exists()
    undone = SyncAuditLog.objects.filter(action="undone")
    assert {(entry.actor, entry.note) for entry in undone} == {(person("Operator").username, "wrong prices")}
    assert "there is nothing to undo" in client.get(address).content.decode()


def test_undoing_much_is_the_workers(signed_in: As, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "FILLS_AT_ONCE", 1)
    fillable()
    report = run_sync(now=at(50), trigger="schedule")
    confirmed(signed_in("Operator"), link("undo-run", report.run_id), reason="wrong")
    task = OrmQ.objects.get().task
    job = Job.objects.get()
    assert (task["func"], task["args"]) == ("dashboard.jobs.work", (job.pk,))
    assert job.arguments == {"run": report.run_id, "reason": "wrong"}
    assert Fill.objects.filter(state=Fill.State.ACTIVE).exists()


@pytest.mark.parametrize("name", ["runs", "run"])
def test_lists_cost_the_same_queries_however_many_rows(name: str, signed_in: As) -> None:
    client = signed_in("Operator")

    def queries(address: str) -> int:
        client.get(address)
        with CaptureQueriesContext(connection) as captured:
            client.get(address)
        return len(captured)

    def grown(minutes: range) -> str:
        for minute in minutes:
            trade_id = f"20251211_10{minute:02}00000_BULLISH"
            send([(created(trade_id), at(minute + 21)), (entry(trade_id), at(minute + 23))])
        run = run_sync(now=timezone.now(), trigger="schedule").run_id
        return link(name, *([run] if name == "run" else []))

    few = queries(grown(range(1)))
    assert queries(grown(range(1, 12))) == few <= 15


def test_addresses_are_as_documented() -> None:
    assert reverse("console:runs") == "/console/runs/"

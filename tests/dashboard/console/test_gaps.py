"""Gaps: type, signals, what tiers would do; fixing, dismissing, approving, each previewed and then done."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from dashboard.console.gap_lists import ACTIONABLE, DISMISSED, WAITING, with_gap
from reconciliation.cycle.lease import held
from reconciliation.cycle.run import run_sync
from reconciliation.gaps import CATALOGUE, GapView
from reconciliation.models import GapRecord, SetAside, SyncAuditLog, SyncRun
from signals.models import AutomatedSignal, Fill, Source
from signals.receiving.senders import default_source
from tests.builders import TRADE_ID, at, created, entry, send, the_signal, update
from tests.reconciliation.cycles import bars

from .conftest import As, person
from .test_overview import propose

pytestmark = pytest.mark.django_db
GAP = "no_mfe_update"


def link(name: str, *args: Any) -> str:
    return reverse(f"console:{name}", args=args)


def without_mfe(minute: int = 0) -> AutomatedSignal:
    """A confirmed signal that was never updated."""
    trade_id = f"20251211_{10 + minute // 60:02}{minute % 60:02}00000_BULLISH"
    send([(created(trade_id), at(minute + 21)), (entry(trade_id), at(minute + 23))])
    return the_signal(trade_id)


def fillable() -> AutomatedSignal:
    """A confirmed signal whose MFE and MAE prices tell."""
    send([(created(), at(1)), (entry(), at(3))])
    bars({float(minute): 25740.0 + minute for minute in range(2, 60)})
    return the_signal()


def confirmed(client: Client, address: str, **given: Any) -> Any:
    """Do what the address previews, as the person who read the preview does."""
    shown = client.post(address, given) if given else client.get(address)
    digest = shown.content.decode().split('name="previewed" value="')[1].split('"')[0]
    return client.post(address, {**given, "confirm": "yes", "previewed": digest})


def now_open(gap: str = GAP, state: str = ACTIONABLE) -> set[str]:
    found = with_gap(gap, state, GapView.at(timezone.now()))
    assert found.count() == len(found[:100])
    return {signal.trade_id for signal in found[:100]}


def test_each_type_leads_to_its_signals(signed_in: As) -> None:
    signal = without_mfe()
    run_sync(now=at(90), trigger="schedule")
    told = signed_in("Viewer").get(link("gaps")).content.decode()
    assert all(gap.title in told for gap in CATALOGUE.values())
    assert link("gap", GAP) in told
    listed = signed_in("Viewer").get(link("gap", GAP)).content.decode()
    assert signal.trade_id in listed
    assert link("signal", signal.pk) in listed


def test_the_lists_of_a_gap_hold_what_its_condition_says() -> None:
    now = timezone.now()
    default_source()
    Source.objects.update(calendar="24/7")
    old, young = without_mfe(), "20251211_093000000_BULLISH"
    send([(created(young), now - timedelta(minutes=9)), (entry(young), now - timedelta(minutes=8))])
    view = GapView.at(now)
    for cycles in range(2):  # a gap is listed before any cycle has put it on record, and after
        assert now_open() == {old.trade_id}, cycles
        assert now_open(state=WAITING) == {young}
        for name in CATALOGUE:
            condition = AutomatedSignal.objects.filter(view.q_actionable(name))
            assert with_gap(name, ACTIONABLE, view).oldest(100) == list(condition.order_by("pk")), name
        run_sync(now=now, trigger="schedule")


def test_a_gap_that_there_is_not_is_not_found(signed_in: As) -> None:
    assert signed_in("Viewer").get(link("gap", "no_sense")).status_code == 404
    assert signed_in("Operator").get(link("fix-gaps"), {"gap": "no_sense", "all": "1"}).status_code == 404


def test_an_empty_list_says_what_that_means(signed_in: As) -> None:
    client = signed_in("Viewer")
    assert "No signal has this gap." in client.get(link("gap", GAP)).content.decode()
    assert "Nobody has dismissed" in client.get(link("gap", GAP), {"state": "dismissed"}).content.decode()
    assert "No gaps." in client.get(link("gaps")).content.decode()


def test_a_viewer_sees_gaps_and_is_offered_nothing_to_do(signed_in: As) -> None:
    without_mfe()
    told = signed_in("Viewer").get(link("gap", GAP)).content.decode()
    assert link("fix-gaps") not in told
    assert 'type="checkbox"' not in told
    assert link("fix-gaps") in signed_in("Operator").get(link("gap", GAP)).content.decode()


def test_the_preview_says_what_each_tier_would_do_and_does_nothing(signed_in: As) -> None:
    signal = fillable()
    shown = signed_in("Operator").get(link("fix-gaps"), {"gap": GAP, "pick": str(signal.pk)})
    offers = {offer.proposal["field"]: offer.proposal["tier"] for offer in shown.context["preview"].more["offers"]}
    assert offers["be_mfe"] == offers["mae"] == "2"
    alone = {
        title[0]: [offer.proposal["field"] for offer in offers]
        for title, offers in shown.context["preview"].more["tiers"]
    }
    assert "be_mfe" in alone["2"]
    assert alone["0"] == []
    assert not Fill.objects.exists()
    assert not SyncRun.objects.exists()


def test_everybody_may_see_what_each_tier_would_do(signed_in: As) -> None:
    signal = fillable()
    viewer = signed_in("Viewer")
    assert link("each-tier", signal.pk) in viewer.get(link("gap", GAP)).content.decode()
    shown = viewer.get(link("each-tier", signal.pk))
    assert "be_mfe" in {offer.proposal["field"] for offer in shown.context["offers"]}
    assert [title[0] for title, _ in shown.context["tiers"]][:3] == ["0", "3", "2"]
    assert link("fix-gaps") not in shown.content.decode()
    assert link("fix-gaps") in signed_in("Operator").get(link("each-tier", signal.pk)).content.decode()
    assert not Fill.objects.exists()
    assert not SyncRun.objects.exists()


def test_fixing_is_a_run_in_the_persons_name_and_its_page_is_the_result(signed_in: As) -> None:
    signal = fillable()
    done = confirmed(signed_in("Operator"), f"{link('fix-gaps')}?gap={GAP}&pick={signal.pk}")
    run = SyncRun.objects.get()
    assert done["Location"] == link("run", run.pk)
    assert (run.started_by, run.options["trade_ids"], run.trigger) == (
        person("Operator").username, [TRADE_ID], SyncRun.Trigger.CONSOLE,
    )  # fmt: skip
    assert Fill.objects.filter(signal=signal, field="be_mfe", run_id=run.pk).exists()


def test_only_the_ticked_tiers_are_asked_and_only_as_previewed(signed_in: As) -> None:
    signal, client = fillable(), signed_in("Operator")
    address = f"{link('fix-gaps')}?gap={GAP}&pick={signal.pk}"
    shown = client.get(address).content.decode()
    digest = shown.split('name="previewed" value="')[1].split('"')[0]
    changed = client.post(address, {"tiers": ["3"], "confirm": "yes", "previewed": digest})
    assert b"changed since it was previewed" in changed.content
    assert not SyncRun.objects.exists()
    confirmed(client, address, tiers=["3"])
    assert not Fill.objects.filter(tier="2").exists()
    assert SyncRun.objects.get().options["tiers"] == ["3"]


def test_where_no_tier_can_do_anything_the_preview_says_what_a_person_can(signed_in: As) -> None:
    shown = signed_in("Operator").get(link("fix-gaps"), {"gap": GAP, "pick": str(without_mfe().pk)}).content.decode()
    assert "No tier can close this gap here." in shown
    assert CATALOGUE[GAP].remedy in shown


def test_while_another_cycle_runs_nothing_is_done_and_the_person_is_told(signed_in: As) -> None:
    signal, client = fillable(), signed_in("Operator")
    with held():
        answer = confirmed(client, f"{link('fix-gaps')}?gap={GAP}&pick={signal.pk}")
    assert answer.status_code == 200
    assert b"A cycle is running already" in answer.content
    assert not Fill.objects.exists()


def test_nothing_ticked_is_told_and_nothing_can_be_confirmed(signed_in: As) -> None:
    client = signed_in("Operator")
    for name in ("fix-gaps", "dismiss-gaps", "reopen-gaps", "approve-fills", "refuse-fills"):
        shown = client.get(link(name), {"pick": "999"}).content.decode()
        assert "Nothing was ticked" in shown, name
        assert 'name="confirm"' not in shown


def test_a_dismissed_gap_counts_no_longer_until_it_is_taken_back(signed_in: As) -> None:
    signal, client = without_mfe(), signed_in("Operator")
    chosen = f"?gap={GAP}&pick={signal.pk}"
    assert b"This field is required" in client.post(link("dismiss-gaps") + chosen, {"confirm": "yes"}).content
    confirmed(client, link("dismiss-gaps") + chosen, reason="A test trade")
    assert now_open() == set()
    assert now_open(state=DISMISSED) == {signal.trade_id}
    shown = client.get(link("gap", GAP), {"state": "dismissed"}).content.decode()
    assert "A test trade" in shown
    assert person("Operator").username in shown
    confirmed(client, link("reopen-gaps") + chosen)
    assert now_open() == {signal.trade_id}
    actions = SyncAuditLog.objects.order_by("pk").values_list("action", "actor", "note")
    assert list(actions) == [
        ("gap_dismissed", person("Operator").username, "A test trade"),
        ("gap_reopened", person("Operator").username, ""),
    ]


def test_a_proposed_fill_stands_once_it_is_approved(signed_in: As) -> None:
    fill, client = propose(fillable()), signed_in("Operator")
    assert "-0.35" in client.get(link("approvals")).content.decode()
    confirmed(client, f"{link('approve-fills')}?pick={fill.pk}")
    fill.refresh_from_db()
    assert fill.state == Fill.State.ACTIVE
    assert the_signal().mae == Decimal("-0.3512")
    assert SyncAuditLog.objects.filter(action="approved", actor=person("Operator").username).count() == 1
    assert "Nothing waits for approval." in client.get(link("approvals")).content.decode()


def test_a_refused_fill_never_stands_and_needs_a_reason(signed_in: As) -> None:
    fill, client = propose(fillable()), signed_in("Operator")
    chosen = f"{link('refuse-fills')}?pick={fill.pk}"
    assert b"This field is required" in client.post(chosen, {"confirm": "yes"}).content
    confirmed(client, chosen, reason="closes only")
    fill.refresh_from_db()
    assert fill.state == Fill.State.UNDONE
    assert the_signal().mae is None


def test_who_decides_second_undoes_nothing(signed_in: As) -> None:
    fill, client = propose(fillable()), signed_in("Operator")
    confirmed(client, f"{link('approve-fills')}?pick={fill.pk}")
    late = client.post(f"{link('refuse-fills')}?pick={fill.pk}", {"reason": "late", "confirm": "yes"})
    assert b"somebody has decided already" in late.content
    fill.refresh_from_db()
    assert fill.state == Fill.State.ACTIVE


def test_signals_set_aside_are_listed_with_their_error_and_tried_again(signed_in: As) -> None:
    signal, client, now = without_mfe(), signed_in("Operator"), timezone.now()
    SetAside.objects.create(signal=signal, error="ZeroDivisionError: x", first_at=now, retry_at=now)
    assert "ZeroDivisionError: x" in client.get(link("set-aside")).content.decode()
    confirmed(client, f"{link('fix-gaps')}?pick={signal.pk}")
    assert not SetAside.objects.exists()


def test_signals_of_two_sources_with_one_trade_id_are_told_apart(signed_in: As) -> None:
    other = Source.objects.create(name="other")
    send([(created(), at(1)), (entry(), at(3))])
    send([(created(), at(1)), (entry(), at(3)), (update(0.5), at(4))], source=other)
    mine = AutomatedSignal.objects.get(source=default_source())
    confirmed(signed_in("Operator"), f"{link('fix-gaps')}?gap={GAP}&pick={mine.pk}")
    assert SyncRun.objects.get().signals_examined == 1
    assert GapRecord.objects.filter(signal=mine).exists()
    assert not GapRecord.objects.exclude(signal=mine).exists()


@pytest.mark.parametrize("name", ["gaps", "gap", "approvals", "set-aside"])
def test_lists_cost_the_same_queries_however_many_signals(name: str, signed_in: As) -> None:
    client, address = signed_in("Operator"), link(name, *([GAP] if name == "gap" else []))

    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            client.get(address)
        return len(captured)

    def grow(minutes: range) -> None:
        for minute in minutes:
            signal, now = without_mfe(minute), timezone.now()
            propose(signal)
            SetAside.objects.create(signal=signal, error="x", first_at=now, retry_at=now)

    grow(range(2))
    queries()
    few = queries()
    grow(range(2, 15))
    assert queries() == few
    assert few <= 21


def test_a_preview_of_many_costs_no_more_than_of_a_few(signed_in: As) -> None:
    client = signed_in("Operator")

    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            client.get(link("fix-gaps"), {"gap": GAP, "all": "1"})
        return len(captured)

    for minute in range(3):
        without_mfe(minute)
    queries()
    few = queries()
    for minute in range(3, 30):
        without_mfe(minute)
    assert queries() <= few + 2

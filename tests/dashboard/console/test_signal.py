"""The page of one signal, and what people do from it."""

from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from reconciliation.cycle.lease import held
from reconciliation.cycle.run import run_sync
from reconciliation.models import GapRecord, SetAside, SyncAuditLog, SyncRequest, SyncRun
from signals.models import AutomatedSignal, Fill, Source
from tests.builders import (
    TRADE_ID,
    at,
    break_even,
    created,
    entry,
    exit_break_even,
    exit_stop,
    payload,
    send,
    the_signal,
    update,
)
from tests.reconciliation.cycles import bars

from .conftest import NOBODY, As

pytestmark = pytest.mark.django_db
REASON = {"confirm": "yes", "reason": "seen on the chart"}


@pytest.fixture
def lived(db: None) -> AutomatedSignal:
    """A signal that was protected, lost its first leg, then its second; with one cycle after it."""
    send(
        [
            (created(), at(1)),
            (entry(), at(3)),
            *((update(n / 10), at(3 + n)) for n in range(1, 9)),
            (break_even(), at(12)),
            (exit_break_even(), at(15)),
            (exit_stop(), at(20)),
        ]
    )
    run_sync(now=at(25), trigger="command")
    return the_signal()


@pytest.fixture
def stranger(db: None) -> AutomatedSignal:
    """A signal of which only one old update arrived, and that a cycle has looked at."""
    send([(payload("MFE_UPDATE", be_mfe=0.4, no_be_mfe=0.4), at(5))])
    run_sync(now=at(60), trigger="command")
    return the_signal()


def page(signal: AutomatedSignal, name: str = "signal", **more: Any) -> str:
    return reverse(f"console:{name}", kwargs={"pk": signal.pk, **more})


def shown(client: Client, signal: AutomatedSignal, query: str = "") -> str:
    answer = client.get(page(signal) + query)
    assert answer.status_code == 200
    return answer.content.decode()


def acting(signal: AutomatedSignal, signed_in: As, name: str, **more: Any) -> tuple[Client, str]:
    return signed_in("Operator"), page(signal, name, **more)


def test_its_life_its_levels_and_its_values_are_told(lived: AutomatedSignal, signed_in: As) -> None:
    told = shown(signed_in("Viewer"), lived)
    for text in ("Signal created", "8 MFE updates", "Break-even triggered", "Exit at break-even", "Exit at stop loss"):
        assert text in told
    for text in ("25,740.00", "25,730.00", "1.40 <small>R</small>", "2.50 <small>R</small>", "MFE, BE leg 1.40 R"):
        assert text in told


def test_a_synthetic_value_says_who_gave_it_and_how_sure_that_is(lived: AutomatedSignal, signed_in: As) -> None:
    told = shown(signed_in("Viewer"), lived)
    assert "Targets 1R to 20R filled" in told
    assert "calculated 0.80" in told
    assert "<dt>By</dt><dd>two known prices of its ladder</dd>" in told
    assert "<dt>Rungs</dt><dd>-1 25730; 0 25740" in told
    assert "1R 25,750.00 to 20R 25,940.00" in told


def test_bodies_are_shown_as_received_and_escaped(signed_in: As) -> None:
    send([(created(note="</textarea><script>alert(1)</script>"), at(1))])
    told = shown(signed_in("Viewer"), the_signal())
    assert "&lt;/textarea&gt;&lt;script&gt;alert(1)" in told
    assert "<script>alert" not in told
    assert "data-copy=" in told


def test_bodies_are_paged(lived: AutomatedSignal, signed_in: As) -> None:
    client = signed_in("Viewer")
    first = client.get(page(lived)).context
    second = client.get(page(lived) + f"?bodies={first['older']}").context
    assert (len(first["bodies"]), len(second["bodies"]), second["older"]) == (10, 3, 0)
    assert not {body.pk for body in first["bodies"]} & {body.pk for body in second["bodies"]}
    assert client.get(page(lived) + "?bodies=junk").context["bodies"] == first["bodies"]


def test_findings_and_errors_stand_above(lived: AutomatedSignal, signed_in: As) -> None:
    AutomatedSignal.objects.update(mae="0.4", rebuild_error="ValueError: odd")
    SetAside.objects.create(signal=lived, error="KeyError: x", first_at=at(26), retry_at=at(27))
    told = shown(signed_in("Viewer"), lived)
    assert "Finding: MAE above 0." in told
    assert "ValueError: odd" in told
    assert "KeyError: x" in told


def test_signals_of_two_sources_that_share_a_trade_id_have_a_page_each(lived: AutomatedSignal, signed_in: As) -> None:
    other = Source.objects.create(name="other")
    send([(created(direction="Bearish"), at(1))], other)
    client = signed_in("Viewer")
    theirs = AutomatedSignal.objects.get(source=other)
    assert "↓ Bearish" in shown(client, theirs)
    assert "↑ Bullish" in shown(client, lived)


def test_a_signal_that_is_not_there_is_not_found(signed_in: As) -> None:
    assert signed_in("Viewer").get("/console/signals/999999/").status_code == 404


@pytest.mark.parametrize(("role", "may"), [("Viewer", False), ("Operator", True), ("Administrator", True)])
def test_only_who_may_act_is_offered_actions(role: str, may: bool, lived: AutomatedSignal, signed_in: As) -> None:
    told = shown(signed_in(role), lived)
    assert ("Reconcile now…" in told) is may
    assert ("Undo…" in told) is may


def test_queries_do_not_grow_with_the_events(signed_in: As, django_assert_max_num_queries: Any) -> None:
    client = signed_in("Operator")
    send([(created(), at(1)), (entry(), at(3))])
    for start in (4, 34):
        send([(update(n / 100), at(n)) for n in range(start, start + 30)])
        run_sync(now=at(start + 30), trigger="command")
        with django_assert_max_num_queries(28):
            client.get(page(the_signal()))


def test_reconciling_shows_the_dry_runs_rows_and_then_runs_in_the_persons_name(signed_in: As) -> None:
    send([(created(), at(1)), (entry(), at(3)), (update(0.5), at(4)), (exit_stop(), at(9))])
    client, link = acting(the_signal(), signed_in, "reconcile-signal")
    preview = client.get(link)
    assert list(preview.context["preview"].rows[0][:2]) == ["Targets 1R to 20R", "–"]  # noqa: RUF001
    assert not SyncRun.objects.exists()
    assert client.post(link, {"confirm": "yes"})["Location"] == page(the_signal())
    run = SyncRun.objects.get()
    assert (run.started_by, run.options["trade_ids"]) == ("operator-person", [TRADE_ID])
    assert the_signal().targets_extended is not None


def test_reconciling_while_a_cycle_runs_says_to_try_again(lived: AutomatedSignal, signed_in: As) -> None:
    client, link = acting(lived, signed_in, "reconcile-signal")
    with held():
        assert "Try again in a moment." in client.post(link, {"confirm": "yes"}).content.decode()


def test_undoing_a_fill_shows_what_will_be_and_keeps_name_and_reason(lived: AutomatedSignal, signed_in: As) -> None:
    fill = lived.fills.get(field="targets_extended")
    client, link = acting(lived, signed_in, "undo-fill", fill=fill.pk)
    rows = client.get(link).context["preview"].rows
    assert [(row[0], row[2]) for row in rows if row[0] == "Targets 1R to 20R"] == [("Targets 1R to 20R", "–")]  # noqa: RUF001
    assert client.post(link, {"confirm": "yes"}).status_code == 200, "without a reason nothing is undone"
    assert the_signal().targets_extended is not None
    client.post(link, REASON)
    assert the_signal().targets_extended is None
    undone = SyncAuditLog.objects.get(action="undone")
    assert (undone.actor, undone.note) == ("operator-person", "seen on the chart")
    assert "It no longer stands: undone by an operator." in client.get(link).content.decode()
    assert "by operator-person" in shown(client, lived)


def test_an_undo_is_taken_back_from_the_signals_page(lived: AutomatedSignal, signed_in: As) -> None:
    fill = lived.fills.get(field="targets_extended")
    client, link = acting(lived, signed_in, "allow-fill", fill=fill.pk)
    assert "Its undo does not stand: active." in client.get(link).content.decode()
    client.post(page(lived, "undo-fill", fill=fill.pk), REASON)
    assert link in shown(client, lived)
    assert "Was undone: Targets 1R to 20R" in client.get(link).content.decode()
    client.post(link, REASON)
    assert SyncAuditLog.objects.get(action="taken_back").actor == "operator-person"
    run_sync(now=at(25), trigger="command")
    assert the_signal().targets_extended is not None


def test_undoing_a_fill_whose_value_an_alert_tells_too_says_that_the_value_stays(signed_in: As) -> None:
    send([(created(), at(1)), (entry(), at(3)), (update(0.4), at(8))])
    bars(dict.fromkeys(range(5, 30), 25741))
    run_sync(now=at(30), trigger="command")
    fill = the_signal().fills.get(field="be_mfe", state="active")
    client, link = acting(the_signal(), signed_in, "undo-fill", fill=fill.pk)
    preview = client.get(link).context["preview"]
    assert "The value itself stays" in preview.says[-1]
    assert not {"MFE, break-even leg", "Reconciliation reason"} & {row[0] for row in preview.rows}


def test_a_fill_of_another_signal_is_not_undone_here(lived: AutomatedSignal, signed_in: As) -> None:
    send([(created("20251211_100000000_BULLISH"), at(21))])
    other = the_signal("20251211_100000000_BULLISH")
    client, link = acting(other, signed_in, "undo-fill", fill=lived.fills.earliest("pk").pk)
    assert client.post(link, REASON).status_code == 404


def test_a_proposed_fill_is_approved_or_refused(lived: AutomatedSignal, signed_in: As) -> None:
    fill = lived.fills.get(field="targets_extended")
    Fill.objects.filter(pk=fill.pk).update(state=Fill.State.PROPOSED)
    client, link = acting(lived, signed_in, "approve-fill", fill=fill.pk)
    assert "Proposed, waiting for approval: Targets 1R to 20R" in shown(client, lived)
    assert client.get(link).context["preview"].rows
    client.post(link, REASON)
    assert Fill.objects.get(pk=fill.pk).state == Fill.State.ACTIVE
    assert "It no longer stands" not in client.get(page(lived, "undo-fill", fill=fill.pk)).content.decode()


def test_a_gap_is_dismissed_with_a_reason_and_taken_back(stranger: AutomatedSignal, signed_in: As) -> None:
    client, link = acting(stranger, signed_in, "dismiss-gap", gap="no_entry_price")
    before = the_signal().health_score
    assert f"{before} → {before + 15}" in client.get(link).content.decode()
    client.post(link, REASON)
    record = GapRecord.objects.get(gap="no_entry_price", state="dismissed")
    assert (record.actor, record.reason) == ("operator-person", "seen on the chart")
    told = shown(client, stranger)
    assert "Dismissed: No entry price, by operator-person" in told
    assert "This gap is not open (any more)." in client.get(link).content.decode()
    client.post(page(stranger, "reopen-gap", gap="no_entry_price"), REASON)
    assert not GapRecord.objects.filter(state="dismissed").exists()


def test_a_gap_that_there_is_not_is_not_found(stranger: AutomatedSignal, signed_in: As) -> None:
    client, link = acting(stranger, signed_in, "dismiss-gap", gap="no_luck")
    assert client.get(link).status_code == 404


def test_the_indicator_is_asked_for_what_no_tier_could_tell(stranger: AutomatedSignal, signed_in: As) -> None:
    client, link = acting(stranger, signed_in, "ask-indicator")
    SyncRequest.objects.all().delete()  # the cycle itself has asked
    AutomatedSignal.objects.update(first_event_at=timezone.now())  # not older than the indicator remembers
    rows = client.get(link).context["preview"].rows
    assert ("No entry price", "never") in rows
    client.post(link, {"confirm": "yes"})
    request = SyncRequest.objects.get()
    assert "no_entry_price" in request.reason
    assert "Asked the indicator about" in LogEntry.objects.get().change_message
    assert "It is being asked already" in client.get(link).content.decode()
    assert "The indicator was asked" in shown(client, stranger)


def test_what_cannot_be_asked_says_why(stranger: AutomatedSignal, lived: AutomatedSignal, signed_in: As) -> None:
    client, link = acting(stranger, signed_in, "ask-indicator")
    AutomatedSignal.objects.update(first_event_at=at(-60 * 24 * 400))
    assert "It is older than 14 days" in client.get(link).content.decode()
    Source.objects.update(tiers_off=["1"])
    assert "Tier 1 is switched off" in client.get(link).content.decode()


def test_a_row_that_its_events_do_not_add_up_to_is_rebuilt(lived: AutomatedSignal, signed_in: As) -> None:
    client, link = acting(lived, signed_in, "rebuild-signal")
    assert "Nothing to do" in client.get(link).content.decode()
    AutomatedSignal.objects.update(entry_price="25000")
    assert ("Entry", "25,000.00", "25,740.00") in client.get(link).context["preview"].rows
    client.post(link, {"confirm": "yes"})
    assert the_signal().entry_price == 25740


def test_who_has_no_role_sees_no_signal(lived: AutomatedSignal, signed_in: As) -> None:
    assert signed_in(NOBODY).get(page(lived)).status_code == 403

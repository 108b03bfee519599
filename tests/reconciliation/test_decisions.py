"""What people do: undo, approve, dismiss; each audited, each lasting."""

import json
from decimal import Decimal
from io import StringIO
from typing import Any

import pytest
import time_machine
from django.core.management import call_command
from django.core.management.base import CommandError

from reconciliation.decisions import approve, dismiss_gap, of_run, of_tier, reopen_gap, take_back, undo, undo_fill
from reconciliation.gaps import GapView
from reconciliation.health import count_gaps, health
from reconciliation.models import GapRecord, GapTotal, MeasuredConfidence, SyncAuditLog
from reconciliation.tiers import trust
from signals.models import Fill
from tests.builders import at, created, entry, send, the_signal, update

from .cycles import bars, cycle, fill_of, scheduled, states

pytestmark = pytest.mark.django_db


def without_creation() -> None:
    send([(entry(targets=None), at(5)), (update(0.4), at(6))])


def test_an_undone_fill_is_gone_at_once_and_does_not_come_back() -> None:
    without_creation()
    cycle(6)
    assert undo_fill(fill_of("confirmation_time"), actor="ann", reason="looks wrong") == 1
    assert the_signal().confirmation_time is None
    assert the_signal().needs_sync
    cycle(6)
    assert the_signal().confirmation_time is None
    assert states("confirmation_time") == ["undone"]
    assert GapRecord.objects.filter(gap="no_confirmation_time", state="open").exists()


def test_an_undo_is_audited_with_who_and_why() -> None:
    without_creation()
    cycle(6)
    undo_fill(fill_of("targets"), actor="ann", reason="looks wrong")
    undone = SyncAuditLog.objects.get(action="undone")
    assert (undone.actor, undone.note, undone.field, undone.new) == ("ann", "looks wrong", "targets", None)
    assert undone.old == {"tp1": "25750", "tp2": "25760", "tp3": "25770"}
    assert undone.operation is not None


def test_an_undos_audit_tells_what_the_row_has_then() -> None:
    send([(created(), at(1)), (entry(), at(5)), (update(0.4), at(8))])
    bars(dict.fromkeys(range(5, 30), 25741))
    cycle(30)
    undo(of_tier("2", at(-(10**7))), actor="ann", reason="try without")
    undone = SyncAuditLog.objects.get(action="undone", field="be_mfe")
    assert (undone.old, undone.new, the_signal().be_mfe) == ("0.4", "0.4", Decimal("0.4"))


def test_an_undo_that_is_taken_back_lets_the_next_cycle_fill_again() -> None:
    without_creation()
    cycle(6)
    fill = fill_of("confirmation_time")
    undo_fill(fill, actor="ann", reason="looks wrong")
    cycle(6)
    barred = Fill.objects.filter(pk=fill.pk)
    assert take_back(barred, actor="bob", reason="it was right") == 1
    assert the_signal().needs_sync
    assert take_back(barred, actor="bob", reason="again") == 0
    scheduled(6)
    assert the_signal().confirmation_time is not None
    assert states("confirmation_time") == ["withdrawn", "active"]


def test_taking_back_is_audited_with_who_and_why() -> None:
    without_creation()
    cycle(6)
    fill = fill_of("confirmation_time")
    undo_fill(fill, actor="ann", reason="looks wrong")
    take_back(Fill.objects.filter(pk=fill.pk), actor="bob", reason="it was right")
    told = SyncAuditLog.objects.get(action="taken_back")
    assert (told.actor, told.note, told.field, told.new) == ("bob", "it was right", "confirmation_time", None)
    assert told.operation is not None


def test_a_trade_whose_exit_was_undone_is_measured_on() -> None:
    send([(created(), at(1)), (entry(), at(5)), (update(0.4), at(8))])
    bars({**dict.fromkeys(range(5, 20), 25741), **dict.fromkeys(range(20, 30), 25729)})
    cycle(30)
    undo_fill(fill_of("stop_exit_at"), actor="ann", reason="the broker says no")
    cycle(30)
    assert (the_signal().status, the_signal().mfe_as_of, the_signal().mae) == ("CONFIRMED", at(29), Decimal("-1.1"))


def test_new_evidence_may_fill_again_what_was_undone() -> None:
    send([(created(), at(1)), (entry(), at(5)), (update(0.4), at(8))])
    bars(dict.fromkeys(range(5, 30), 25741))
    cycle(30)
    undo(of_tier("2", at(-(10**7))), actor="ann", reason="try without")
    cycle(30)
    assert the_signal().mfe_as_of == at(7)
    bars(dict.fromkeys(range(30, 32), 25741))
    cycle(32)
    assert the_signal().mfe_as_of == at(31)


def test_a_run_is_undone_as_a_whole_under_one_operation() -> None:
    without_creation()
    run = cycle(6).run_id
    assert run
    assert undo(of_run(run), actor="ann", reason="all of it") == Fill.objects.count()
    signal = the_signal()
    assert (signal.confirmation_time, signal.targets, signal.targets_extended) == (None, None, None)
    assert (signal.data_source, signal.confidence_score) == ("indicator_realtime", 1)
    assert signal.reconciliation_timestamp is None
    assert SyncAuditLog.objects.filter(action="undone").values("operation").distinct().count() == 1
    assert cycle(6).fills == 0


def test_what_a_tier_did_since_a_time_is_undone_and_the_rest_stays() -> None:
    without_creation()
    cycle(6)
    assert undo(of_tier("3", at(-(10**7))), actor="ann", reason="clock is off") == 2
    assert set(Fill.objects.filter(state="active").values_list("tier", flat=True)) == {"2"}
    assert undo(of_tier("2", at(10**7)), actor="ann", reason="later") == 0


def undosync(*options: str) -> dict[str, Any]:
    out = StringIO()
    call_command("undosync", *options, "--json", stdout=out)
    found: dict[str, Any] = json.loads(out.getvalue())
    return found


def test_the_command_undoes_what_a_tier_filled_and_says_who_and_why() -> None:
    without_creation()
    cycle(6)
    since = ("--tier", "3", "--since", "2020-01-01T00:00:00Z")
    assert undosync(*since, "--dry-run") == {"undone": 2, "signals": 1, "dry_run": True}
    assert the_signal().confirmation_time is not None
    assert undosync(*since, "--reason", "clock is off", "--by", "ann")["undone"] == 2
    assert the_signal().confirmation_time is None
    audited = SyncAuditLog.objects.filter(action="undone")
    assert set(audited.values_list("actor", "note")) == {("ann", "clock is off")}
    assert undosync(*since, "--reason", "again")["undone"] == 0
    assert cycle(6).fills == 0


def test_the_command_undoes_a_run() -> None:
    without_creation()
    run = str(cycle(6).run_id)
    count = Fill.objects.count()
    assert undosync("--run", run, "--reason", "all of it") == {"undone": count, "signals": 1, "dry_run": False}
    assert not Fill.objects.filter(state="active").exists()


def test_the_command_takes_the_undo_of_a_run_back() -> None:
    without_creation()
    run = str(cycle(6).run_id)
    count = Fill.objects.count()
    undosync("--run", run, "--reason", "all of it")
    back = ("--run", run, "--take-back")
    assert undosync(*back, "--dry-run") == {"taken_back": count, "signals": 1, "dry_run": True}
    assert undosync(*back, "--reason", "wrong run")["taken_back"] == count
    assert cycle(6).fills == count


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ((), "one of the arguments --run --tier is required"),
        (("--tier", "3"), "Say since when with --since"),
        (("--tier", "9", "--since", "2020-01-01T00:00:00Z"), "invalid choice: '9'"),
        (("--tier", "3", "--since", "2020-01-01T00:00:00Z"), "Say why with --reason"),
        (("--run", "1", "--tier", "3"), "not allowed with argument"),
        (("--run", "999", "--dry-run"), "There is no run 999"),
        (("--run", "1", "--since", "2020-01-01T00:00:00Z"), "--since goes with --tier"),
    ],
)
def test_the_command_says_what_is_missing(options: tuple[str, ...], told: str) -> None:
    with pytest.raises(CommandError, match=told):
        call_command("undosync", *options)


def test_a_dismissed_gap_no_longer_counts_until_it_is_reopened() -> None:
    send([(entry(), at(5)), (update(0.4), at(6))])
    cycle(6)
    dismiss_gap(the_signal(), "no_htf_alignment", actor="ann", reason="the chart had none")
    assert count_gaps(GapView.at(at(6))).total == 0
    assert GapTotal.objects.get(gap="no_htf_alignment").open == 0
    scheduled(6)
    assert the_signal().health_score == 100
    assert health(GapView.at(at(6))).score == 100
    reopen_gap(the_signal(), "no_htf_alignment", actor="bob")
    assert scheduled(6).gaps_after == 1
    assert the_signal().health_score == 95
    told = SyncAuditLog.objects.filter(action__startswith="gap_").order_by("pk").values_list("action", "actor", "note")
    assert list(told) == [
        ("gap_opened", "", ""),
        ("gap_dismissed", "ann", "the chart had none"),
        ("gap_reopened", "bob", ""),
        ("gap_opened", "", ""),
    ]


def test_a_dismissal_tells_in_the_signals_health_at_once() -> None:
    send([(entry(), at(5)), (update(0.4), at(6))])
    cycle(6)
    with time_machine.travel(at(6), tick=False):
        dismiss_gap(the_signal(), "no_htf_alignment", actor="ann", reason="the chart had none")
        assert the_signal().health_score == 100
        reopen_gap(the_signal(), "no_htf_alignment", actor="bob")
        assert the_signal().health_score == 95


def test_a_dismissal_needs_a_gap_that_there_is_and_a_reason() -> None:
    send([(entry(), at(5))])
    with pytest.raises(ValueError, match="no gap 'no_luck'"):
        dismiss_gap(the_signal(), "no_luck", actor="ann", reason="x")
    with pytest.raises(ValueError, match="Say why"):
        dismiss_gap(the_signal(), "no_mae", actor="ann", reason=" ")


@pytest.fixture
def cautious(settings: Any) -> None:
    settings.APPROVAL_BELOW = "2=0.85"


@pytest.mark.usefixtures("cautious")
def test_a_fill_of_low_confidence_waits_for_approval() -> None:
    without_creation()
    assert cycle(6).proposed == 2
    assert the_signal().targets is None
    assert fill_of("targets", "proposed").confidence == Decimal("0.8")
    before = SyncAuditLog.objects.count()
    assert cycle(6).proposed == 0, "it waits once, however often the tier proposes it"
    assert SyncAuditLog.objects.count() == before


@pytest.mark.usefixtures("cautious")
def test_an_approved_measurement_stands_while_the_next_one_waits() -> None:
    send([(created(), at(1)), (entry(), at(5)), (update(0.4), at(8))])
    bars(dict.fromkeys(range(5, 30), 25741))
    cycle(30)
    approve(fill_of("be_mfe", "proposed"), actor="ann")
    bars(dict.fromkeys(range(30, 40), 25741))
    assert cycle(40).withdrawn == 0
    assert states("be_mfe") == ["active", "proposed"]
    assert the_signal().be_mfe == Decimal("0.4")


@pytest.mark.usefixtures("cautious")
def test_an_approved_fill_stands_and_an_undone_proposal_stays_away() -> None:
    without_creation()
    cycle(6)
    approve(fill_of("targets", "proposed"), actor="ann")
    assert the_signal().targets == {"tp1": "25750", "tp2": "25760", "tp3": "25770"}
    undo_fill(fill_of("targets_extended", "proposed"), actor="ann", reason="no need")
    cycle(6)
    assert states("targets") == ["active"]
    assert states("targets_extended") == ["undone"]
    assert SyncAuditLog.objects.get(action="approved").actor == "ann"


def test_a_fill_that_an_approved_one_replaces_is_audited() -> None:
    without_creation()
    cycle(6)
    fill = fill_of("targets")
    fill.pk, fill.state, fill.value = None, Fill.State.PROPOSED, {"tp1": "25751"}
    fill.save()
    approve(fill, actor="ann", reason="by the chart")
    assert states("targets") == ["superseded", "active"]
    ended, stands = SyncAuditLog.objects.filter(actor="ann").order_by("pk")
    assert (ended.action, ended.old["tp1"], ended.new) == ("superseded", "25750", {"tp1": "25751"})
    assert (stands.action, stands.old, stands.new) == ("approved", ended.old, ended.new)


@pytest.mark.usefixtures("cautious")
def test_what_no_longer_waits_cannot_be_approved() -> None:
    without_creation()
    cycle(6)
    fill = fill_of("targets", "proposed")
    send([(entry(), at(5))])
    cycle(6)
    with pytest.raises(ValueError, match="no longer waits"):
        approve(fill, actor="ann")


def test_new_fills_take_the_measured_confidence_of_their_source() -> None:
    without_creation()
    MeasuredConfidence.objects.create(
        source=the_signal().source, tier="3", field="confirmation_time", confidence="0.97", sample=90, measured_at=at(0)
    )
    cycle(6)
    assert fill_of("confirmation_time").confidence == Decimal("0.97")
    assert the_signal().provenance["confirmation_time"]["confidence"] == 0.97


# Declared confidence


def test_confidence_is_declared_by_field_then_group_then_tier(settings: Any) -> None:
    assert trust.declared("2", "targets") == Decimal("0.8")
    assert trust.declared("2", "stop_exit_at") == Decimal("0.7")
    settings.TIER_CONFIDENCE = "2.exit=0.65, 2.mae=0.5,3=0.85"
    assert trust.declared("2", "be_exit_at") == Decimal("0.65")
    assert trust.declared("2", "mae") == Decimal("0.5")
    assert trust.declared("3", "session") == Decimal("0.85")


@pytest.mark.parametrize("text", ["2=1.5", "9=0.5", "2", "2=high"])
def test_a_setting_that_cannot_be_read_names_the_part(settings: Any, text: str) -> None:
    from django.core.exceptions import ImproperlyConfigured

    settings.TIER_CONFIDENCE = f"3=0.9,{text}"
    with pytest.raises(ImproperlyConfigured, match=text):
        trust.declared("2", "mae")

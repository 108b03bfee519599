"""Alignments in the cycle: what signals around tell of one that lost its own."""

from decimal import Decimal
from importlib import import_module
from typing import Any

import pytest
from django.apps import apps

from reconciliation.models import MeasuredConfidence
from signals.models import AutomatedSignal
from tests.builders import HTF, TRADE_ID, at, created, entry, send, the_signal
from tests.reconciliation.cycles import OPPOSITE_ID, cycle, fill_of, rebuilt_differently, scheduled, snapshot, states

pytestmark = pytest.mark.django_db


def tells(minute: int, **frames: str) -> None:
    """A short that was created in time so many minutes after the signal's bar, and told its alignment."""
    clock = f"{at(minute - 300):%H:%M}"  # New York's
    told = {"direction": "Bearish", "signal_time": f"{clock}:00", "htf_alignment": {**HTF, "m1": "Bearish", **frames}}
    send([(created(f"20251211_{clock.replace(':', '')}00000_BEARISH", **told), at(minute + 1))])


@pytest.fixture
def _alignment_lost() -> None:
    """A long whose ENTRY tells no alignment, among shorts of every fourth minute that do."""
    for minute in range(-41, 19, 4):
        tells(minute)
    send([(entry(htf_alignment=None), at(5))])


@pytest.mark.usefixtures("_alignment_lost")
def test_signals_around_tell_the_higher_timeframes_of_one_that_lost_them() -> None:
    cycle(40)
    assert the_signal().htf_alignment == HTF
    fill = fill_of("htf_alignment")
    assert (fill.method, fill.confidence, fill.gap) == ("neighbours_agree", Decimal("0.9"), "no_htf_alignment")
    assert fill.evidence["m5"] == ["20251211_093900000_BEARISH", "20251211_094300000_BEARISH"]
    assert the_signal().htf_as_of is None  # and so it tells others nothing
    before = snapshot()
    assert cycle(40).fills == 0
    assert snapshot() == before
    assert rebuilt_differently() == []


@pytest.mark.usefixtures("_alignment_lost")
def test_stored_alignments_are_dated_by_the_migration_as_by_the_projection() -> None:
    told = {"trade_id": OPPOSITE_ID, "status": "PENDING", "htf_1h": "BULL"}
    send([({"event_type": "ALL_SIGNALS_EXPORT", "batch_number": 1, "total_signals": 1, "signals": [told]}, at(30))])
    cycle(40)
    dated = dict(AutomatedSignal.objects.values_list("trade_id", "htf_as_of"))
    assert (dated[TRADE_ID], dated[OPPOSITE_ID]) == (None, at(10))
    AutomatedSignal.objects.update(htf_as_of=None)
    import_module("signals.migrations.0015_alignments_are_dated").date(apps, None)
    assert dict(AutomatedSignal.objects.values_list("trade_id", "htf_as_of")) == dated


@pytest.mark.usefixtures("_alignment_lost")
def test_a_nearer_signal_that_comes_late_is_asked_by_the_next_scheduled_cycle() -> None:
    scheduled(40)
    tells(1, m5="Bearish")
    scheduled(41)
    assert the_signal().htf_alignment == {frame: trend for frame, trend in HTF.items() if frame != "m5"}
    assert states("htf_alignment") == ["withdrawn", "active"]


@pytest.mark.usefixtures("_alignment_lost")
def test_what_is_set_or_measured_to_be_right_less_often_is_off(settings: Any) -> None:
    def left_open() -> int:
        return cycle(40).gaps_after_by_type["no_htf_alignment"]

    settings.TIER_CONFIDENCE = "2.htf_alignment=0.85"
    assert left_open() == 1
    settings.TIER_CONFIDENCE = ""
    measured = {"tier": "2", "field": "htf_alignment", "sample": 50, "measured_at": at(40)}
    MeasuredConfidence.objects.create(source=the_signal().source, confidence=Decimal("0.89"), **measured)
    assert left_open() == 1
    MeasuredConfidence.objects.update(confidence=Decimal("0.95"))
    assert left_open() == 0
    assert fill_of("htf_alignment").confidence == Decimal("0.95")

"""What the schedule looks at: nothing that is owed is lost to runs by hand, to switches, or to moments far off."""

from datetime import timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.utils import timezone

from reconciliation.gaps import GapView
from reconciliation.health import count_gaps
from reconciliation.models import GapTotal, SyncRun
from signals.models import AutomatedSignal, Source
from signals.receiving.senders import default_source
from tests.builders import at, entry, send, the_signal, update
from tests.reconciliation.cycles import cycle, scheduled

pytestmark = pytest.mark.django_db


def without_creation() -> None:
    send([(entry(targets=None), at(5)), (update(0.4), at(6))])


@pytest.mark.parametrize("tiers", [["3"], ["1"], ["0", "inference"]])
def test_a_run_of_some_tiers_leaves_the_others_to_the_schedule(tiers: list[str]) -> None:
    without_creation()
    cycle(6, tiers=tiers)
    assert scheduled(6).signals_examined == 1
    assert the_signal().targets is not None
    assert the_signal().confirmation_time is not None
    assert scheduled(6).signals_examined == 0


def test_a_run_of_some_tiers_does_not_put_off_what_falls_due() -> None:
    without_creation()
    scheduled(6)
    due = the_signal().check_at
    cycle(6, tiers=["3"])
    assert the_signal().check_at == due


def test_a_run_of_every_tier_but_the_indicator_leaves_nothing() -> None:
    without_creation()
    cycle(6, tiers=["0", "2", "3", "inference"])
    assert scheduled(6).signals_examined == 0


def test_a_run_as_of_the_future_does_not_silence_the_schedule() -> None:
    ahead = timezone.now() + timedelta(days=3000)
    without_creation()
    cycle(6, now=ahead)
    checked = the_signal().check_at
    assert checked is not None
    assert checked <= timezone.now()


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"])
@pytest.mark.parametrize("command", ["runsync", "syncstatus"])
def test_a_moment_of_no_market_is_refused(command: str, text: str) -> None:
    with pytest.raises(CommandError, match="give a year from 2000 to 2099"):
        call_command(command, "--as-of", text)


def switch(**switches: Any) -> None:
    source = default_source()
    for name, value in switches.items():
        setattr(source, name, value)
    source.save()


def test_a_tier_that_is_switched_on_again_fills_what_it_was_not_asked_for() -> None:
    without_creation()
    switch(tiers_off=["2", "3"])
    scheduled(6)
    switch(tiers_off=[])
    assert scheduled(6).fills == 4
    assert scheduled(6).signals_examined == 0


def test_totals_follow_a_gap_that_is_switched_off_and_on() -> None:
    without_creation()
    scheduled(6)
    for off, number in ((["no_htf_alignment"], 0), ([], 1)):
        switch(gaps_off=off)
        report = scheduled(6)
        assert GapTotal.objects.get(gap="no_htf_alignment").open == number
        assert report.gaps_after_by_type == count_gaps(GapView.at(at(6))).by_type
    assert the_signal().health_score == 95


def test_what_is_no_switch_puts_nothing_into_the_queue() -> None:
    without_creation()
    scheduled(6)
    switch(name="renamed", signal_count=3)
    default_source().save(update_fields=["gaps_off"])
    assert scheduled(6).signals_examined == 0


def test_a_source_that_is_switched_touches_no_other_sources_signals() -> None:
    other = Source.objects.create(name="other")
    send([(entry(), at(5))], other)
    without_creation()
    scheduled(6)
    switch(tiers_off=["2"])
    assert scheduled(6).signals_examined == 1


def test_a_dry_run_looks_at_a_switched_source_and_leaves_it_to_the_cycle() -> None:
    without_creation()
    switch(tiers_off=["2", "3"])
    scheduled(6)
    switch(tiers_off=[])
    assert cycle(6, dry_run=True).fills == 4
    assert not AutomatedSignal.objects.filter(needs_sync=True).exists()
    assert scheduled(6).fills == 4


def test_a_trade_id_that_there_is_not_leaves_no_failed_run() -> None:
    with pytest.raises(ValueError, match="there is no signal nobody"):
        cycle(6, trade_ids=["nobody"])
    assert not SyncRun.objects.exists()

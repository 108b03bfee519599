"""Updates of trades that ended long ago are let go, and nothing that is told of the trades changes."""

import json
from collections.abc import Iterable
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase as HypothesisCase

from reconciliation.cycle import thinning
from reconciliation.cycle.thinning import candidates, share, thin, thin_share
from reconciliation.models import SyncAuditLog
from reconciliation.verifying import verify as verify_audit
from signals.models import AutomatedSignal, SignalEvent, Source, Thinned
from signals.signal.registers import PEAKS
from signals.signal.thinning import FEW, STEP, superfluous
from signals.verifying import verify as verify_deliveries
from tests.builders import (
    TRADE_ID,
    Alert,
    at,
    break_even,
    created,
    entry,
    everything,
    exit_break_even,
    exit_stop,
    send,
    the_signal,
    update,
)  # fmt: skip
from tests.reconciliation.cycles import cycle, rebuilt_differently

pytestmark = pytest.mark.django_db
LATER = at(0) + timedelta(days=100)


def a_trade(updates: int = 60) -> list[Alert]:
    """One told every minute, whose excursion rises and falls, and which a stop ends."""
    told = [(update(round(0.1 + (7 * n) % 12 / 20, 2), mae=round(-0.01 * n, 2)), at(4 + n)) for n in range(updates)]
    return [(created(), at(1)), (entry(), at(3)), *told, (exit_stop(no_be_mfe=0.7, be_mfe=0.7), at(5 + updates))]


def stored() -> list[SignalEvent]:
    return list(SignalEvent.objects.filter(type="MFE_UPDATE").order_by("fire_minute"))


def thinned(**options: Any) -> thinning.Let:
    return thin([the_signal().pk], now=LATER, actor="operator", **options)


class TestWhatStays:
    def test_one_in_a_quarter_of_an_hour_the_ends_and_the_peaks(self) -> None:
        send(a_trade())
        before = stored()
        let = thinned()
        left = stored()
        assert let.updates == len(before) - len(left) > 45
        assert (left[0].pk, left[-1].pk) == (before[0].pk, before[-1].pk)
        for field in PEAKS:
            assert max(each.facts[field] for each in left) == max(each.facts[field] for each in before)
        quarters = {int(each.fire_minute.timestamp() // STEP.total_seconds()) for each in before}
        assert {int(each.fire_minute.timestamp() // STEP.total_seconds()) for each in left} == quarters

    def test_what_is_no_update_stays(self) -> None:
        send([*a_trade(), (break_even(), at(40)), (exit_break_even(), at(50))])
        others = set(SignalEvent.objects.exclude(type="MFE_UPDATE").values_list("pk", flat=True))
        assert thinned().updates
        assert set(SignalEvent.objects.exclude(type="MFE_UPDATE").values_list("pk", flat=True)) == others

    def test_an_update_that_a_value_or_a_fill_names_stays(self) -> None:
        send(a_trade())
        events = stored()
        name = f"{events[7].payload_checksum}:{events[7].position}"
        assert events[7] in superfluous(events, set())
        assert events[7] not in superfluous(events, {name})
        signal = the_signal()
        signal.provenance["mae"] = {**signal.provenance["mae"], "evidence": {"events": [name]}}
        assert name in thinning.references([signal])[signal.pk]

    def test_of_a_trade_with_few_updates_none_goes(self) -> None:
        send(a_trade(FEW))
        assert (thinned().updates, len(stored())) == (0, FEW)
        assert not Thinned.objects.exists()


class TestNothingElseChanges:
    def test_the_signal_is_the_same_and_follows_from_what_is_left(self) -> None:
        send(a_trade())
        cycle(200)
        before = everything()
        assert thinned().updates
        assert rebuilt_differently() == []
        assert everything() == before

    def test_a_cycle_after_it_fills_nothing_and_takes_nothing_back(self) -> None:
        send([alert for alert in a_trade() if alert[0]["event_type"] != "ENTRY"])
        cycle(200)
        assert thinned().updates
        AutomatedSignal.objects.update(needs_sync=True)
        before = everything()
        report = cycle(200)
        assert (report.fills, report.withdrawn) == (0, 0)
        assert everything() == before

    def test_deliveries_still_hold_but_not_where_somebody_else_deleted(self, unguarded: None) -> None:
        send(a_trade())
        assert thinned().updates
        assert [fault for looked in verify_deliveries() for fault in looked.faults] == []
        SignalEvent.objects.filter(type="ENTRY").delete()
        assert len([fault for looked in verify_deliveries() for fault in looked.faults]) == 1

    def test_the_same_alerts_again_bring_nothing_back(self) -> None:
        send(a_trade())
        thinned()
        left = len(stored())
        send(a_trade())
        assert len(stored()) == left

    def test_a_late_alert_joins_as_ever_and_counts_after_those_that_were_let_go(self) -> None:
        send(a_trade())
        thinned()
        count = the_signal().event_count
        send([(update(0.9), at(30))])
        signal = the_signal()
        assert signal.event_count == count + 1
        assert signal.be_mfe_peak > 0.89
        assert rebuilt_differently() == []

    def test_an_id_that_is_grouped_anew_counts_what_was_let_go(self) -> None:
        source = Source.objects.create(name="strategy", symbol="MNQ1!")
        trade = [({**body, "trade_id": "Long"}, fired) for body, fired in a_trade()]
        send(trade, source=source)
        let = thin([the_signal("Long").pk], now=LATER, actor="")
        count = the_signal("Long").event_count
        send([(entry("Long", entry_price=25800, signal_time="16:20:00"), at(400))], source=source)
        send([(update(0.3, trade_id="Long"), at(20))], source=source)
        first = AutomatedSignal.objects.get(trade_id="Long", life=1)
        assert let.updates
        assert first.event_count == count + 1
        assert rebuilt_differently() == []


class TestWhichAreThinned:
    def test_cycles_thin_nothing_unless_they_are_told_to(self, settings: Any) -> None:
        send(a_trade())
        count = len(stored())
        assert thin_share(LATER).signals == 0
        settings.UPDATE_THINNING_DAYS = 30
        assert [thin_share(at(0) + timedelta(days=n)).signals for n in (10, 29)] == [0, 0]
        assert len(stored()) == count

    def test_in_a_day_all_signals_have_their_turn(self, settings: Any) -> None:
        settings.UPDATE_THINNING_DAYS = 30
        send(a_trade())
        cycle(200)
        midnight = LATER.replace(hour=0, minute=0)
        let = sum(thin_share(midnight + n * timedelta(minutes=2)).signals for n in range(720))
        assert let == 1
        assert SyncAuditLog.objects.filter(action="removed").count() == 1, "and nothing is told of what was not done"

    @given(st.integers(1, 5_000_000), st.sampled_from([60, 120, 600]))
    def test_the_shares_of_a_day_leave_no_key_out(self, last: int, interval: int) -> None:
        midnight = LATER.replace(hour=0, minute=0)
        upto = 0
        for n in range(86_400 // interval):
            first, end = share(midnight + timedelta(seconds=(n + 0.7) * interval), interval, last)
            assert first <= max(upto, 1)
            upto = max(upto, end)
        assert upto > last

    def test_only_those_that_ended_and_are_settled(self) -> None:
        send(a_trade())
        old = candidates(LATER)
        assert list(old.values_list("trade_id", flat=True)) == []  # it waits for a cycle
        cycle(200)
        assert list(candidates(LATER).values_list("trade_id", flat=True)) == [TRADE_ID]
        assert not candidates(at(10)).exists()
        thinned()
        assert not candidates(LATER).exists()

    def test_a_signal_that_would_not_be_the_same_is_left_as_it_is(self, monkeypatch: pytest.MonkeyPatch) -> None:
        send(a_trade())
        monkeypatch.setattr(thinning, "superfluous", lambda events, named: events[1:2])  # the ENTRY
        count = SignalEvent.objects.count()
        let = thinned()
        assert (let.signals, let.updates, let.unlike) == (0, 0, 1)
        assert SignalEvent.objects.count() == count
        assert not Thinned.objects.exists()


class TestByHand:
    def run(self, *options: str) -> dict[str, Any]:
        out = StringIO()
        call_command("thin_updates", "--json", *options, stdout=out)
        return dict(json.loads(out.getvalue()))

    def test_a_dry_run_says_what_would_go(self) -> None:
        send(a_trade())
        cycle(200)
        count = len(stored())
        would = self.run("--days", "1", "--dry-run")
        assert (len(stored()), would["signals"]) == (count, 1)
        done = self.run("--days", "1")
        assert done == {**would, "dry_run": False}
        assert len(stored()) == count - done["updates"]
        assert self.run("--days", "1")["updates"] == 0

    def test_it_is_told_in_the_audit_log(self) -> None:
        send(a_trade())
        cycle(200)
        done = self.run("--days", "1", "--by", "anna")
        entry = SyncAuditLog.objects.get(action="removed")
        assert (entry.actor, entry.evidence) == ("anna", {"table": "signal_events", "rows": done["updates"]})
        assert not [fault for _, _, found in verify_audit() for fault in found]

    @pytest.mark.parametrize("days", ["0", "-1", "many"])
    def test_days_that_are_none_are_refused(self, days: str) -> None:
        with pytest.raises(CommandError, match="whole number"):
            self.run(f"--days={days}")


class TestAnyTrade(HypothesisCase):
    @given(
        st.lists(st.tuples(st.integers(-300, 300), st.integers(-100, 0)), min_size=FEW + 1, max_size=60), st.booleans()
    )
    def test_the_row_follows_from_what_is_left(self, told: list[tuple[int, int]], protected: bool) -> None:
        updates = [(update(be / 100, mae=mae / 100), at(4 + n)) for n, (be, mae) in enumerate(told)]
        ends: Iterable[Alert] = [(break_even(), at(20)), (exit_break_even(), at(40))] if protected else []
        send([(entry(), at(3)), *updates, *ends, (exit_stop(), at(100))])
        before = everything()
        let = thinned()
        assert let.unlike == 0
        assert rebuilt_differently() == []
        assert everything() == before

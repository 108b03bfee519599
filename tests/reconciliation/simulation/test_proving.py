"""The truth test tells right from wrong, and finds nothing wrong where nothing is lost."""

import json
from datetime import timedelta
from decimal import Decimal
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from reconciliation.management.commands import truthtest
from reconciliation.simulation.figures import PARTS, drawing, summed
from reconciliation.simulation.importing import import_simulated
from reconciliation.simulation.judging import Outcome, judge
from reconciliation.simulation.planning import Simulated
from reconciliation.simulation.proving import MEANS, START, planned, prove
from signals.clock import MINUTE
from signals.models import AutomatedSignal, Source
from signals.simulator.faults import Faults
from signals.vocabulary import Status

HOURS = 0.25  # days


def one(**more: Any) -> Simulated:
    [found] = planned(start=START, days=HOURS, sources=1, dialect="mixed", seed=3, faults=Faults(), **more)
    return found


@pytest.mark.django_db
class TestProving:
    def test_with_bars_and_nothing_lost_every_value_is_right(self) -> None:
        [proof] = prove([0.0], [3], [means for means in MEANS if means.bars], days=HOURS, dialect="mixed")
        assert proof.tally.outcomes() == {Outcome.RIGHT: sum(proof.tally.values.values())}
        assert proof.tally.heard == proof.tally.signals > 20

    def test_with_losses_bars_find_signals_and_nothing_that_is_certain_is_wrong(self) -> None:
        [alone, _, bars] = prove([0.5], [3], days=HOURS, dialect="mixed")
        assert alone.tally.lost > bars.tally.lost
        assert bars.tally.found > 0
        assert alone.tally.certain_and_wrong == bars.tally.certain_and_wrong == []
        assert alone.tally.outcomes()[Outcome.OPEN] > bars.tally.outcomes()[Outcome.OPEN]

    def test_nothing_of_it_stays(self) -> None:
        list(prove([0.0], [3], MEANS[:1], days=0.05, dialect="plain"))
        assert not Source.objects.exists()


@pytest.mark.django_db
class TestJudging:
    @pytest.fixture
    def signal(self) -> AutomatedSignal:
        source, _ = import_simulated(one(), bars=False, now=START + timedelta(hours=6))
        completed = AutomatedSignal.objects.filter(source=source, status=Status.COMPLETED)
        return completed.exclude(provenance=[]).order_by("pk")[0]

    def judged(self, signal: AutomatedSignal) -> Any:
        return judge({signal.trade_id: one().simulation.truth[signal.trade_id]}, [signal], START + timedelta(hours=6))

    def test_a_value_that_differs_is_wrong_and_certain_where_no_event_stated_it(self, signal: AutomatedSignal) -> None:
        assert self.judged(signal).wrong == []
        signal.entry_price += 1
        [told] = self.judged(signal).wrong
        assert told.startswith(f"{signal.trade_id}: entry_price = {signal.entry_price}, not ")
        assert self.judged(signal).certain_and_wrong == []
        own = signal.provenance["entry_price"]
        for made, sure in (
            ({**own, "tier": 0, "evidence": {"fill": "ladder"}}, 1),
            ({**own, "tier": 0}, 1),  # carried by another event than its own
            ({**own, "evidence": {**own["evidence"], "rule": "by the projection"}}, 1),
            ({**own, "tier": 2, "confidence": 0.8, "evidence": {"fill": "ladder"}}, 0),
        ):
            signal.provenance = {**signal.provenance, "entry_price": made}
            assert len(self.judged(signal).certain_and_wrong) == sure

    def test_a_status_that_is_behind_claims_no_end(self, signal: AutomatedSignal) -> None:
        signal.status, by_update = Status.CONFIRMED, {**signal.provenance["status"], "tier": 0}
        signal.provenance = {**signal.provenance, "status": by_update}
        assert (len(self.judged(signal).wrong), self.judged(signal).certain_and_wrong) == (1, [])
        signal.status = Status.CANCELLED
        assert len(self.judged(signal).certain_and_wrong) == 1

    def test_a_bound_is_held_to_what_it_says(self, signal: AutomatedSignal) -> None:
        told = signal.provenance["no_be_mfe"]
        bound = {**told, "tier": 2, "confidence": 0.8, "evidence": {"fill": "closes", "bound": "at least"}}
        signal.provenance = {**signal.provenance, "no_be_mfe": bound}
        signal.no_be_mfe -= Decimal("0.01")
        assert self.judged(signal).values["2", "no_be_mfe", Outcome.BOUND] == 1
        signal.no_be_mfe += 1
        assert self.judged(signal).values["2", "no_be_mfe", Outcome.WRONG] == 1

    def test_a_signal_that_never_was_is_invented(self, signal: AutomatedSignal) -> None:
        signal.trade_id = "20260105_000000000_BULLISH"
        tally = judge(one().simulation.truth, [signal], START + MINUTE)
        assert (tally.invented, tally.lost) == (1, tally.signals)


DAY = {
    "means": "alerts alone", "level": 0.3, "seed": 1, "signals": 10, "heard": 8, "found": 1, "lost": 1, "invented": 0,
    "values": [["events", "entry_price", "right", 80], ["2", "mae", "wrong", 5], ["", "mae", "open", 15]],
    "wrong": [], "certain_and_wrong": [],
}  # fmt: skip


class TestCommand:
    def run(self, monkeypatch: pytest.MonkeyPatch, *days: dict[str, Any], **options: Any) -> str:
        monkeypatch.setattr(truthtest.Command, "days", lambda *_: iter(days))
        out = StringIO()
        call_command("truthtest", stdout=out, **options)
        return out.getvalue()

    def test_it_tells_the_shares_and_each_tier(self, monkeypatch: pytest.MonkeyPatch) -> None:
        said = self.run(monkeypatch, DAY, {**DAY, "seed": 2})
        assert "alerts alone, 30% lost: 16 of 20 signals heard" in said
        assert "told by alerts 80.0%" in said
        assert "tier 2     0 right, 0 bound, 10 wrong" in said

    def test_for_machines_it_tells_each_day_by_tier_and_field(self, monkeypatch: pytest.MonkeyPatch) -> None:
        told = json.loads(self.run(monkeypatch, DAY, json=True))
        assert told["days"] == [DAY]
        assert told["figures"][0]["by"]["2"] == {"wrong": 5}

    def test_it_fails_when_a_certain_value_is_wrong(self, monkeypatch: pytest.MonkeyPatch) -> None:
        with pytest.raises(CommandError, match=r"1 values at confidence 1\.0 that no event stated are wrong"):
            self.run(monkeypatch, {**DAY, "certain_and_wrong": ["20260105_000000000_BULLISH: mae = 1, not 2"]})

    def test_recorded_figures_are_drawn_as_they_were_when_they_were_measured(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        figures, first, again = (tmp_path / name for name in ("figures.json", "first.svg", "again.svg"))
        self.run(monkeypatch, DAY, save=figures, draw=first)
        call_command("truthtest", figures=figures, draw=again, stdout=StringIO())
        assert first.read_text() == again.read_text()
        assert all(title in first.read_text() for title, _ in PARTS.values())

    def test_what_cannot_be_is_refused_in_words(self) -> None:
        with pytest.raises(CommandError, match="from 0 to less than 1"):
            call_command("truthtest", levels=[1.5])
        with pytest.raises(CommandError, match="holds no figures"):
            call_command("truthtest", figures=Path(__file__))


def test_the_committed_drawing_is_that_of_the_committed_figures() -> None:
    folder = Path(__file__).resolve().parents[3] / "docs" / "figures"
    recorded = truthtest.recorded(folder / "recovery.json")
    assert (folder / "recovery.svg").read_text() == drawing(recorded)
    assert sum(row.certain_and_wrong for row in recorded) == 0


def test_shares_add_up() -> None:
    [row] = summed([json.loads(json.dumps(DAY))])
    assert sum(row.shares().values()) == pytest.approx(1)

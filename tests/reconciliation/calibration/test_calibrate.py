"""`calibrate`: measure, report, and with `--apply` let new fills use what was measured."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from reconciliation.calibration.accuracy import Judgement, Tally
from reconciliation.calibration.measuring import Kind
from reconciliation.calibration.storing import calibrate, store
from reconciliation.cycle.run import run_sync
from reconciliation.models import MeasuredConfidence, SyncAuditLog
from reconciliation.tiers import trust
from reconciliation.tiers.proposals import Proposal
from signals.models import AutomatedSignal, Fill
from signals.receiving.senders import default_source
from signals.vocabulary import DataSource
from tests.builders import Alert, created, entry, exit_stop, send, update

pytestmark = pytest.mark.django_db
KEYS = {"source", "tier", "field", "method", "n", "signals", "exact", "within_tolerance", "mean_error", "measured"}
NOW = datetime(2025, 12, 12, tzinfo=UTC)
# 09:00 in New York; a trade every half hour.
START = datetime(2025, 12, 11, 14, 0, tzinfo=UTC)


def trades(count: int) -> Iterator[Alert]:
    """Longs that were created, entered after two bars, measured twice and stopped."""
    for number in range(count):
        bar = START + timedelta(minutes=30 * number)
        local = bar - timedelta(hours=5)
        trade_id = f"{local:%Y%m%d_%H%M}00000_BULLISH"
        stated = {"signal_date": f"{local:%Y-%m-%d}", "signal_time": f"{local:%H:%M}:00"}
        yield created(trade_id, **stated), bar + timedelta(minutes=1)
        yield entry(trade_id, **stated), bar + timedelta(minutes=3)
        yield update(0.4, trade_id=trade_id), bar + timedelta(minutes=5)
        yield update(0.8, trade_id=trade_id), bar + timedelta(minutes=7)
        yield exit_stop(trade_id, be_mfe=0.8, no_be_mfe=0.8), bar + timedelta(minutes=9)


def stored() -> dict[str, list[Any]]:
    tables = (AutomatedSignal, Fill, MeasuredConfidence, SyncAuditLog)
    return {table.__name__: list(table.objects.order_by("pk").values()) for table in tables}


def measured(*options: str) -> list[dict[str, Any]]:
    out = StringIO()
    call_command("calibrate", "--json", "--seeds", "1", *options, stdout=out)
    rows: list[dict[str, Any]] = json.loads(out.getvalue())
    return rows


def row(rows: list[dict[str, Any]], tier: int, field: str) -> dict[str, Any]:
    (found,) = (each for each in rows if (each["tier"], each["field"]) == (tier, field))
    return found


def test_it_reports_each_tier_and_field_and_writes_nothing() -> None:
    send(trades(12))
    before = stored()
    rows = measured()
    assert stored() == before
    assert all(KEYS | {"interval", "declared", "verdict"} == each.keys() for each in rows)
    direction = row(rows, 3, "direction")
    assert (direction["signals"], direction["within_tolerance"]) == (12, direction["n"])
    assert (direction["declared"], direction["measured"], direction["verdict"]) == (0.9, 1.0, "calibrated")
    assert row(rows, 2, "targets")["mean_error"] == 0
    assert row(rows, 3, "confirmation_time")["exact"] > 0


def test_few_signals_say_nothing_and_change_nothing() -> None:
    send(trades(4))
    rows = measured("--apply")
    assert {each["verdict"] for each in rows} == {"too few"}
    assert (MeasuredConfidence.objects.count(), SyncAuditLog.objects.count()) == (0, 0)


def test_the_text_names_every_row() -> None:
    send(trades(2))
    out = StringIO()
    call_command("calibrate", "--seeds", "1", stdout=out)
    assert "Source default" in out.getvalue()
    assert "id_direction" in out.getvalue()


def test_without_signals_it_says_what_to_do() -> None:
    out = StringIO()
    call_command("calibrate", stdout=out)
    assert "import_alerts" in out.getvalue()


def test_no_seeds_measure_nothing() -> None:
    with pytest.raises(CommandError, match="1 or more"):
        call_command("calibrate", "--seeds", "0")


class TestApplying:
    def test_it_is_audited_and_new_fills_use_it(self) -> None:
        send(trades(12))
        calibrate(seeds=1, apply=True, actor="ann")
        held = MeasuredConfidence.objects.get(tier="2", field="targets")
        assert (held.confidence, held.source) == (Decimal("0.999"), default_source())
        audited = SyncAuditLog.objects.get(tier="2", field="targets")
        assert (audited.action, audited.actor, audited.old, audited.new) == ("calibrated", "ann", None, "0.999")
        assert audited.evidence["source"] == "default"
        late = "20251211_190000000_BULLISH"
        send([(entry(late, targets={}), datetime(2025, 12, 12, 0, 2, tzinfo=UTC))])
        run_sync(now=NOW + timedelta(hours=1), trigger="command")
        assert Fill.objects.get(signal__trade_id=late, field="targets").confidence == Decimal("0.999")

    def test_measuring_the_same_again_changes_nothing(self) -> None:
        send(trades(12))
        calibrate(seeds=1, apply=True)
        before = stored()
        calibrate(seeds=1, apply=True)
        assert stored() == before

    def test_what_a_tier_doubts_has_no_part_in_the_measured_confidence(self) -> None:
        def tally(right: bool) -> Tally:
            made = Tally()
            for number in range(20):
                made.add(str(number), Judgement(right, right))
            return made

        sure = Kind("2", "stop_exit_at", "price_touch", Decimal("0.7"))
        doubted = Kind("2", "stop_exit_at", "price_touch", Decimal("0.4"))
        (held,) = store(default_source(), {sure: tally(True), doubted: tally(False)}, now=NOW)
        assert (held.confidence, held.sample) == (Decimal("0.999"), 20)


class TestTrusting:
    def proposed(self, claimed: str) -> Proposal:
        at = "2025-12-11T15:00:00Z"
        return Proposal("stop_exit_at", at, "2", "price_touch", DataSource.CALCULATED, Decimal(claimed))

    @pytest.mark.parametrize(
        ("claimed", "measured", "trusted"),
        [("0.7", "0.9", "0.9"), ("0.7", "0.6", "0.6"), ("0.4", "0.9", "0.4"), ("0.4", "0.3", "0.3")],
    )
    def test_a_doubted_proposal_gains_nothing(self, claimed: str, measured: str, trusted: str) -> None:
        known = {(1, "2", "stop_exit_at"): Decimal(measured)}
        assert trust.trusted(self.proposed(claimed), 1, known) == Decimal(trusted)

    def test_another_source_is_no_measure(self) -> None:
        known = {(2, "2", "stop_exit_at"): Decimal("0.1")}
        assert trust.trusted(self.proposed("0.7"), 1, known) == Decimal("0.7")

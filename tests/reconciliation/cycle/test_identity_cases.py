"""Cases of other people's sources: one id for several signals, and prices of another symbol."""

from decimal import Decimal
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.core.management import call_command

from reconciliation.cycle.run import run_sync
from reconciliation.findings import FINDINGS
from reconciliation.models import SyncAuditLog, SyncRun
from signals.intake import take_in
from signals.models import AutomatedSignal, Fill, Source
from signals.receiving.alertlog import import_log
from tests.builders import at, cancelled, created, entry, exit_stop, incoming, send, update
from tests.cases import case
from tests.reconciliation.cycles import rebuilt_differently

pytestmark = pytest.mark.django_db
NOW = at(60 * 24 * 400)


def source_of(symbol: str, name: str = "chart") -> Source:
    source: Source = Source.objects.create(name=name, symbol=symbol)
    return source


def imported(path: Path, source: Source) -> None:
    with path.open(newline="") as lines:
        import_log(lines, now=NOW, source=source)


def cycle() -> None:
    run_sync(now=NOW, trigger=SyncRun.Trigger.COMMAND)


def told(*fields: str) -> list[tuple[Any, ...]]:
    return list(AutomatedSignal.objects.order_by("source__name", "trade_id", "symbol", "life").values_list(*fields))


def found(signal: AutomatedSignal) -> set[str]:
    return {finding.name for finding in FINDINGS if finding.holds(signal)}


# -- one id, two symbols


@pytest.mark.parametrize(("home", "pending"), [("MNQ1!", "MNQ1!"), ("CME:MES1!", "MES1!")])
def test_one_id_of_two_symbols_is_two_signals(home: str, pending: str) -> None:
    imported(case("05-same-id-two-symbols", "input.csv"), source_of(home))
    cycle()
    assert told("symbol", "entry_price", "stop_loss", "be_mfe", "current_price") == [
        ("MES1!", 6900, 6895, 2, 6910),
        ("MNQ1!", 25000, 24990, None, None),
    ]
    created = AutomatedSignal.objects.get(created_fired_at__isnull=False)
    assert created.symbol == pending
    assert rebuilt_differently() == []


def test_what_names_no_symbol_is_told_where_the_source_has_none_of_the_ids() -> None:
    source = source_of("ES1!")
    imported(case("05-same-id-two-symbols", "input.csv"), source)
    assert told("symbol", "status") == [("", "PENDING"), ("MES1!", "CONFIRMED"), ("MNQ1!", "CONFIRMED")]


def test_a_person_who_names_the_sources_symbol_joins_what_named_none() -> None:
    source = source_of("ES1!")
    imported(case("05-same-id-two-symbols", "input.csv"), source)
    cycle()
    source.symbol = "MNQ1!"
    source.save()
    cycle()
    assert told("symbol", "status") == [("MES1!", "CONFIRMED"), ("MNQ1!", "CONFIRMED")]
    assert AutomatedSignal.objects.get(symbol="MNQ1!").created_fired_at is not None
    ended = SyncAuditLog.objects.filter(action="withdrawn", note="its signal's events are another's")
    assert ("session", "NY AM", None) in ended.values_list("field", "old", "new")
    assert rebuilt_differently() == []
    call_command("verify_audit")


def test_the_same_bytes_of_two_charts_are_two_alerts_where_the_logs_tickers_say_so() -> None:
    source = source_of("MNQ1!")
    send([(created(), at(1))], source)  # by webhook, from one of them
    rows = [incoming(created(), at(1), symbol=symbol) for symbol in ("MES1!", "MNQ1!", "MES1!")]
    for row in rows:
        take_in(source, [row], now=NOW)
    assert told("symbol", "event_count") == [("MES1!", 1), ("MNQ1!", 1)]
    assert rebuilt_differently() == []


def test_an_opposite_signal_of_another_symbol_cancels_nothing() -> None:
    source = source_of("MNQ1!")
    send([(created(symbol="MNQ1!"), at(1))], source)
    send([(created("20251211_094500000_BEARISH", direction="Bearish", symbol="MES1!"), at(6))], source)
    cycle()
    assert set(told("status")) == {("PENDING",)}


# -- an id used again


def test_an_id_used_again_is_another_signal_each_time() -> None:
    imported(case("09-order-id-reused", "input.csv"), source_of("MNQ1!"))
    cycle()
    assert told("trade_id", "life", "status", "entry_price", "stop_loss", "stop_exit_price") == [
        ("Long", 1, "COMPLETED", 25000, 24990, 24990),
        ("Long", 2, "COMPLETED", 25200, 25190, 25190),
        ("Long", 3, "COMPLETED", 25400, 25390, 25390),
    ]
    assert rebuilt_differently() == []
    cycle()
    assert AutomatedSignal.objects.filter(needs_sync=True).count() == 0


def test_an_exit_that_comes_late_parts_two_trades_and_their_fills() -> None:
    source = source_of("MNQ1!")
    first = [(entry("Long"), at(4)), (update(0.5, trade_id="Long"), at(5))]
    second = [(entry("Long", entry_price=25800, stop_loss=25790), at(64)), (update(0.1, trade_id="Long"), at(65))]
    send([*first, *second], source)
    assert found(AutomatedSignal.objects.get()) >= {"entries_differ"}
    cycle()
    send([(exit_stop("Long"), at(30))], source)
    assert told("life", "status", "entry_price", "be_mfe") == [
        (1, "COMPLETED", 25740, AutomatedSignal.objects.get(life=1).be_mfe),
        (2, "CONFIRMED", 25800, AutomatedSignal.objects.get(life=2).be_mfe),
    ]
    assert not any("entries_differ" in found(signal) for signal in AutomatedSignal.objects.all())
    cycle()
    assert rebuilt_differently() == []
    call_command("verify_audit")


def test_a_bars_id_has_one_life_and_two_entries_of_it_contradict_each_other() -> None:
    send([(entry(), at(4)), (exit_stop(), at(9)), (entry(entry_price=25800), at(20))], source_of("MNQ1!"))
    assert "entries_differ" in found(AutomatedSignal.objects.get())


# -- prices of another symbol


@pytest.mark.parametrize("direction", ["Bullish", "Bearish"])
def test_another_symbols_prices_end_and_measure_nothing(direction: str, tmp_path: Path) -> None:
    for name in ("mnq", "mes"):
        text = case("06-two-symbols-share-default-symbol", f"{name}.csv").read_text()
        if direction == "Bearish":
            text = text.replace("Bullish", "Bearish").replace("BULLISH", "BEARISH").replace("24990", "25010")
            text = text.replace("6895", "6905")
        (tmp_path / f"{name}.csv").write_text(text)
        imported(tmp_path / f"{name}.csv", source_of("MNQ1!", name))
    cycle()
    wrong = AutomatedSignal.objects.get(source__name="mnq")
    assert (wrong.status, wrong.stop_exit_at, wrong.no_be_mfe) == ("CONFIRMED", None, Decimal("0.5"))
    assert found(wrong) == {"bars_far"}
    assert not Fill.objects.filter(signal=wrong, method__in=("price_touch", "price_bars")).exists()
    cycle()
    assert found(AutomatedSignal.objects.get(source__name="mnq")) == {"bars_far"}
    assert found(AutomatedSignal.objects.get(source__name="mes")) == set()


@pytest.mark.parametrize(
    "alert",
    [
        update(0.5, current_price=6910),
        {**exit_stop(), "exit_price": 6890},
        {"event_type": "BE_TRIGGERED", "trade_id": entry()["trade_id"], "be_price": 6900},
    ],
)
def test_a_price_far_from_the_entry_is_told_and_nothing_is_calculated(alert: dict[str, Any]) -> None:
    source = source_of("MNQ1!")
    send([(entry(targets={}), at(4)), (alert, at(9))], source)
    cycle()
    signal = AutomatedSignal.objects.get()
    assert "price_far" in found(signal)
    assert not Fill.objects.filter(signal=signal, tier="2").exists()
    assert rebuilt_differently() == []


def test_a_stop_of_another_symbol_is_told() -> None:
    send([(entry(stop_loss=6895), at(4)), (cancelled("other"), at(5))], source_of("MNQ1!"))
    assert "price_far" in found(AutomatedSignal.objects.get(entry_price__isnull=False))


# -- what is stored from before


def test_stored_signals_learn_their_symbols_and_mixed_ones_are_parted_by_the_next_cycle() -> None:
    source = source_of("MNQ1!")
    take_in(source, [incoming(created(), at(1), symbol="MES1!")], now=NOW)
    take_in(source, [incoming(entry("Long", symbol=name), at(4)) for name in ("MES1!", "MNQ1!")], now=NOW)
    expected = told("trade_id", "symbol", "event_count", "status")
    one, other = AutomatedSignal.objects.filter(trade_id="Long")
    other.events.update(signal=one)  # as they were before
    other.delete()
    AutomatedSignal.objects.update(symbol="", standing=0)
    import_module("signals.migrations.0019_symbols_of_stored_signals").tell(apps, None)
    cycle()
    assert told("trade_id", "symbol", "event_count", "status") == expected
    assert rebuilt_differently() == []

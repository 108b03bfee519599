"""Price bars that come late reach fills that stand and gaps that are open, by schedule, without any event."""

from decimal import Decimal
from typing import Any

import pytest

from reconciliation.cycle import late_bars
from signals.bars.storing import Bar, store_bars
from signals.models import PriceBar
from tests.builders import at, break_even, created, entry, everything, exit_stop, send, the_signal, update
from tests.reconciliation.cycles import bars, cycle, scheduled, states

pytestmark = pytest.mark.django_db


def a_trade(*more: Any) -> None:
    send([(created(), at(1)), (entry(), at(5)), (update(0.4), at(8)), *more])


def come(closes: dict[int, float], evidence: str = "z:0") -> None:
    """Closes as intake stores them."""
    price = {minute: Decimal(str(close)) for minute, close in closes.items()}
    store_bars(Bar("MNQ1!", at(minute), 1, None, None, None, close, evidence) for minute, close in price.items())


def test_a_late_bar_recomputes_a_fill_that_stands() -> None:
    a_trade()
    come({minute: 25741 for minute in range(5, 60) if minute != 20})
    scheduled(60)
    assert the_signal().be_mfe == Decimal("0.4")
    come({20: 25748})
    report = scheduled(61)
    assert (report.signals_examined, the_signal().be_mfe) == (1, Decimal("0.8"))
    assert states("be_mfe") == ["withdrawn", "active"]
    assert scheduled(61).signals_examined == 0


def test_a_bar_that_gets_better_reaches_the_fill_too() -> None:
    a_trade()
    come(dict.fromkeys(range(5, 60), 25741))
    scheduled(60)
    whole = Decimal(25741), Decimal(25749), Decimal(25740), Decimal(25741)
    store_bars([Bar("MNQ1!", at(58), 2, *whole, "a:0")])
    assert scheduled(61).signals_examined == 1
    assert the_signal().be_mfe == Decimal("0.9")


def test_late_bars_reach_an_open_gap_before_its_back_off_ends() -> None:
    a_trade()
    scheduled(60)
    assert scheduled(62).signals_examined == 0
    come(dict.fromkeys(range(5, 46), 25748))
    assert scheduled(63).signals_examined == 1
    assert the_signal().be_mfe == Decimal("0.8")


def test_late_bars_tell_of_a_first_leg_whose_exit_was_lost() -> None:
    a_trade((update(1.5), at(20)), (exit_stop(be_mfe=1.5, no_be_mfe=1.5), at(40)))
    scheduled(45)
    assert the_signal().be_exit_at is None
    come(dict.fromkeys(range(5, 39), 25745) | {19: 25755, 25: 25739})
    scheduled(80)
    assert the_signal().be_exit_at == at(26)


def test_bars_that_come_soon_after_the_end_tell_of_it_too() -> None:
    """A trade that is over is not looked at again by itself: no alert of it comes any more."""
    a_trade((break_even(), at(20)), (update(1.5), at(20)), (exit_stop(be_mfe=1.5, no_be_mfe=1.5), at(40)))
    come(dict.fromkeys(range(5, 35), 25745) | {19: 25755})
    scheduled(42)
    assert the_signal().be_exit_at is None
    come(dict.fromkeys(range(35, 39), 25745) | {35: 25739})
    scheduled(44)
    assert the_signal().be_exit_at == at(36)
    assert scheduled(45).signals_examined == 0


def test_bars_in_time_wake_nothing_before_it_is_due() -> None:
    a_trade()
    come(dict.fromkeys(range(5, 30), 25741))
    scheduled(30)
    come({30: 25742})
    assert scheduled(31).signals_examined == 0
    assert not PriceBar.objects.filter(fresh=True).exists()


def test_only_trades_that_ran_then_are_looked_at() -> None:
    a_trade((exit_stop(), at(20)))
    scheduled(60)
    come({30: 25742, 31: 25742})
    bars({10: 25742}, symbol="ES1!")
    assert scheduled(61).signals_examined == 0


def test_the_same_bar_again_is_no_news() -> None:
    a_trade()
    come(dict.fromkeys(range(5, 60), 25741))
    scheduled(60)
    come(dict.fromkeys(range(5, 60), 25741))
    assert scheduled(60).signals_examined == 0


def test_a_dry_run_and_a_run_for_one_signal_leave_fresh_bars_to_the_next_cycle() -> None:
    a_trade()
    scheduled(60)
    come(dict.fromkeys(range(5, 46), 25748))
    assert cycle(61, dry_run=True, trigger="schedule").fills > 0
    cycle(61, trade_ids=["20251211_094000000_BULLISH"], tiers=["3"])
    assert PriceBar.objects.filter(fresh=True).count() == 41
    assert scheduled(61).fills > 0


def test_more_bars_than_a_cycle_takes_wait_for_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(late_bars, "AT_ONCE", 10)
    a_trade()
    scheduled(60)
    come(dict.fromkeys(range(5, 30), 25741))
    come({29: 25748}, "zz:0")
    for _ in range(3):
        scheduled(61)
    assert not PriceBar.objects.filter(fresh=True).exists()
    one_by_one = everything()
    cycle(61)
    assert everything() == one_by_one


def test_a_run_for_one_source_reads_late_bars_and_leaves_them_to_the_others() -> None:
    """Of a trade that lacks no value that is a gap."""
    a_trade((break_even(), at(14)), (exit_stop(), at(40)))
    cycle(60)
    come({30: 25738})
    assert cycle(61, source=the_signal().source).signals_examined == 1
    assert the_signal().be_exit_at == at(31)
    assert PriceBar.objects.filter(fresh=True).exists()
    cycle(62)
    assert states("be_exit_at") == ["active"]
    assert not PriceBar.objects.filter(fresh=True).exists()


def test_a_bar_that_has_not_closed_brings_a_trade_that_is_over_back_when_it_has() -> None:
    a_trade((break_even(), at(14)), (exit_stop(), at(40)))
    come({30: 25738})
    scheduled(30)
    assert the_signal().be_exit_at is None
    scheduled(34)
    assert the_signal().be_exit_at == at(31)
    assert scheduled(35).signals_examined == 0

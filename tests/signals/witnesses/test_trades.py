"""The Strategy Tester's list of trades: read, and compared with what was heard."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signals.vocabulary import Direction
from signals.witnesses.comparing import Heard, Verdict, compare
from signals.witnesses.trades import NotTradesError, Trade, read_trades
from signals.witnesses.wording import sentences

OLD = """Trade #,Type,Signal,Date/Time,Price USD,Contracts,Profit USD
2,Exit Short,Open,2025-12-02 10:30,25011.5,1,4
2,Entry Short,Bearish,2025-12-02 10:20,25020,1,4
1,Exit Long,Stop,2025-12-02 10:10,"24,990",1,-10
1,Entry Long,Bullish,2025-12-02 09:31,"25,000.25",1,-10
"""
NEW = """\ufeffTrade number;Type;Date and time;Signal;Price USD;Size (qty);Net P&L USD
1;Exit long;2025-12-02 10:10;Stop;24990;1;-10
1;Entry long;2025-12-02 09:31;Bullish;25000.25;1;-10
"""
NEW_YORK = "America/New_York"


def at(minute: int) -> datetime:
    return datetime(2025, 12, 2, 14, tzinfo=UTC) + timedelta(minutes=minute)


def trade(minute: int, price: int = 25000, direction: Direction = Direction.BULLISH, **more: object) -> Trade:
    return replace(Trade(str(minute), direction, at(minute), Decimal(price)), **more)


def heard(minute: int, price: int = 25000, direction: str = "Bullish", **more: object) -> Heard:
    return replace(Heard(minute, f"id {minute}", direction, at(minute), Decimal(price)), **more)


class TestReading:
    def test_the_older_export_newest_first_with_commas_between_thousands(self) -> None:
        first, second = read_trades(OLD.splitlines(True), NEW_YORK).trades
        assert (first.direction, first.entered_at, first.entry_price) == ("Bullish", at(31), Decimal("25000.25"))
        assert (first.exited_at, first.exit_price) == (at(70), Decimal(24990))
        assert second.direction == "Bearish"

    def test_the_exit_of_a_trade_that_still_runs_is_none(self) -> None:
        assert read_trades(OLD.splitlines(True), NEW_YORK).trades[1].exited_at is None

    def test_the_newer_export_with_semicolons(self) -> None:
        found = read_trades(NEW.splitlines(True), NEW_YORK)
        assert [one.entry_price for one in found.trades] == [Decimal("25000.25")]
        assert found.faults == ()

    @pytest.mark.parametrize(
        ("cell", "bad", "why"),
        [
            ("2025-12-02 09:31", "2025-12-02", "a date without a clock"),
            ("2025-12-02 09:31", "02/12/2025 09:31", "not like 2025-12-11"),
            ("25000.25", "n/a", "not a number"),
            ("Entry long", "Sell", "neither Entry nor Exit"),
        ],
    )
    def test_a_row_that_cannot_be_read_costs_its_trade_alone_and_is_told(self, cell: str, bad: str, why: str) -> None:
        text = NEW.replace(cell, bad) + "2;Entry long;2025-12-02 11:00;x;1;1;0\n"
        found = read_trades(text.splitlines(True), NEW_YORK)
        assert [one.number for one in found.trades] == ["2"]
        assert any(why in fault for fault in found.faults)

    @pytest.mark.parametrize("text", ["", "time,open,high,low,close\n", "<html>", "Alert ID,Ticker,Name\n"])
    def test_another_file_is_refused_with_what_to_do(self, text: str) -> None:
        with pytest.raises(NotTradesError, match="List of trades"):
            read_trades(text.splitlines(True), NEW_YORK)


class TestComparing:
    def test_a_trade_is_the_signal_of_its_direction_whose_entry_is_nearest(self) -> None:
        found = compare([trade(31)], [heard(28), heard(30), heard(31, direction="Bearish")])
        line = next(line for line in found.lines if line.verdict == Verdict.MATCHED)
        assert line.heard == heard(30)
        assert line.entry_minutes == 1

    def test_what_only_one_side_knows_is_missing_or_extra(self) -> None:
        found = compare([trade(0), trade(60)], [heard(0), heard(30), heard(60, direction="Bearish")])
        assert found.counts == {Verdict.MATCHED: 1, Verdict.MISSING: 1, Verdict.EXTRA: 2}

    def test_signals_of_other_times_than_the_list_tells_of_are_not_extra(self) -> None:
        assert compare([trade(60)], [heard(0), heard(60), heard(120)]).counts[Verdict.EXTRA] == 0

    def test_the_exit_is_compared_with_the_leg_that_ended_nearest(self) -> None:
        legs = ((at(40), Decimal(25000)), (at(70), Decimal(24990)))
        (line,) = compare([trade(0, exited_at=at(71), exit_price=Decimal(24989))], [heard(0, exits=legs)]).lines
        assert (line.exit_minutes, line.exit_points) == (1, Decimal(-1))

    @given(st.integers(0, 999))
    def test_every_trade_and_every_signal_stands_in_one_line_at_most(self, seed: int) -> None:
        random = Random(seed)
        trades = sorted((trade(random.randrange(60)) for _ in range(12)), key=lambda one: one.entered_at)
        signals = [heard(random.randrange(60), key=number) for number in range(12)]
        found = compare(trades, signals)
        assert sum(line.trade is not None for line in found.lines) == len(trades)
        keys = [line.heard.key for line in found.lines if line.heard]
        assert len(keys) == len(set(keys))

    def test_a_list_read_in_a_wrong_zone_is_told_by_how_much(self) -> None:
        signals = [heard(minute, 25000 + minute) for minute in range(0, 300, 30)]
        moved = [trade(minute + 60, 25000 + minute) for minute in range(0, 300, 30)]
        assert compare(moved, signals).hours == -1
        assert "Moved by -1 h" in " ".join(sentences(compare(moved, signals)))

    def test_a_list_that_matches_is_not_moved(self) -> None:
        signals = [heard(minute, 25000 + minute) for minute in range(0, 300, 30)]
        same = [trade(minute, 25000 + minute) for minute in range(0, 300, 30)]
        assert compare(same, signals).hours == 0

    def test_a_list_without_trades_says_so(self) -> None:
        assert list(sentences(compare([], [heard(0)]))) == ["The list holds no trade."]

"""The Strategy Tester's trades beside the signals that were heard: matched, missing, extra, and how far apart. Pure."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from statistics import median
from typing import Any

from django.db.models import TextChoices

from signals.clock import MINUTE
from signals.formats import canonical, iso
from signals.vocabulary import Direction

from .trades import Trade

BARS_APART = 5  # a trade and its signal, at most: an order is filled a bar after its alert, and charts are re-drawn
WITHIN = BARS_APART * MINUTE
ALIKE = Decimal("0.0005")  # of the price: so near are two prices of one trade, and hardly ever those of two
HOURS = range(-14, 15)  # by how much a list may be off that was read in a wrong zone
ENOUGH = 3  # trades; less than that says nothing about a zone


class Verdict(TextChoices):
    MATCHED = "matched", "Matched"
    MISSING = "missing", "Never heard of"
    EXTRA = "extra", "Not in the list"


@dataclass(frozen=True, slots=True)
class Heard:
    """A confirmed signal, as far as the comparison asks. Times are opens of bars in UTC."""

    key: int
    trade_id: str
    direction: str | None
    entered_at: datetime
    entry_price: Decimal | None
    exits: tuple[tuple[datetime, Decimal | None], ...] = ()


@dataclass(frozen=True, slots=True)
class Line:
    """A trade, the signal that it is, or one of the two. Drifts are the list's value minus ours."""

    trade: Trade | None
    heard: Heard | None

    @property
    def verdict(self) -> Verdict:
        if self.trade is None:
            return Verdict.EXTRA
        return Verdict.MATCHED if self.heard else Verdict.MISSING

    @property
    def at(self) -> datetime:
        found = self.trade or self.heard
        assert found is not None
        return found.entered_at

    @property
    def direction(self) -> Direction | str | None:
        found = self.trade or self.heard
        return found.direction if found else None

    @property
    def entry_minutes(self) -> int | None:
        return minutes(self.trade.entered_at, self.heard.entered_at) if self.trade and self.heard else None

    @property
    def entry_points(self) -> Decimal | None:
        if self.trade is None or self.heard is None or self.heard.entry_price is None:
            return None
        return points(self.trade.entry_price, self.heard.entry_price)

    @property
    def exit(self) -> tuple[datetime, Decimal | None] | None:
        """Of the exits that we hold, the one nearest to the list's: a trade is followed on two legs."""
        if self.trade is None or self.heard is None or self.trade.exited_at is None:
            return None
        asked = self.trade.exited_at
        return min(self.heard.exits, key=lambda one: (abs(one[0] - asked), one[0]), default=None)

    @property
    def exit_minutes(self) -> int | None:
        if self.exit is None or self.trade is None or self.trade.exited_at is None:
            return None
        return minutes(self.trade.exited_at, self.exit[0])

    @property
    def exit_points(self) -> Decimal | None:
        if self.exit is None or self.trade is None or self.trade.exit_price is None or self.exit[1] is None:
            return None
        return points(self.trade.exit_price, self.exit[1])

    def as_json(self) -> dict[str, Any]:
        trade, heard = self.trade, self.heard
        return {
            "verdict": self.verdict.value,
            "at": iso(self.at),
            "direction": self.direction,
            "trade": trade.number if trade else None,
            "trade_id": heard.trade_id if heard else None,
            "entry_minutes": self.entry_minutes,
            "entry_points": plain(self.entry_points),
            "exit_minutes": self.exit_minutes,
            "exit_points": plain(self.exit_points),
        }


@dataclass(frozen=True, slots=True)
class Comparison:
    """All lines in order of time. `hours` is by how much another zone would match far more, 0 when none would."""

    lines: tuple[Line, ...]
    hours: int = 0

    @property
    def counts(self) -> Mapping[Verdict, int]:
        return {verdict: sum(line.verdict == verdict for line in self.lines) for verdict in Verdict}

    @property
    def drifts(self) -> Mapping[str, tuple[Any, Any]]:
        """The median and the greatest drift of matched trades, by what drifts; without what nothing is known of."""
        found = {}
        for name in ("entry_minutes", "entry_points", "exit_minutes", "exit_points"):
            values = [value for line in self.lines if (value := getattr(line, name)) is not None]
            if values:
                found[name] = (median(values), max(values, key=abs))
        return found

    def as_json(self) -> dict[str, Any]:
        drifts = {
            name: {"median": plain(middle), "greatest": plain(most)} for name, (middle, most) in self.drifts.items()
        }
        return {
            **{verdict.value: number for verdict, number in self.counts.items()},
            "drifts": drifts,
            "hours_off": self.hours,
            "lines": [line.as_json() for line in self.lines],
        }


def plain(value: Any) -> Any:
    return str(value) if isinstance(value, Decimal) else value


def points(one: Decimal, other: Decimal) -> Decimal:
    """The difference, without the zeros that columns put behind a price."""
    return Decimal(canonical(one - other))


def minutes(one: datetime, other: datetime) -> int:
    return round((one - other) / MINUTE)


def compare(trades: Sequence[Trade], heard: Iterable[Heard], within: timedelta = WITHIN) -> Comparison:
    """Each trade beside the signal of its direction whose ENTRY is nearest, one to one, at most `within` apart.

    Signals are extra only between the list's first and last entry: the list says nothing about other times.
    """
    signals = sorted(heard, key=lambda one: (one.entered_at, one.trade_id, one.key))
    if not trades:
        return Comparison(())
    pairs = matched(trades, signals, within)
    first, last = trades[0].entered_at - within, trades[-1].entered_at + within
    taken = set(pairs.values())
    lines = [Line(trade, signals[pairs[index]] if index in pairs else None) for index, trade in enumerate(trades)]
    lines += [
        Line(None, one)
        for index, one in enumerate(signals)
        if index not in taken and first <= one.entered_at <= last
    ]  # fmt: skip
    return Comparison(tuple(sorted(lines, key=lambda line: line.at)), hours_off(trades, signals, within))


def matched(trades: Sequence[Trade], signals: Sequence[Heard], within: timedelta) -> dict[int, int]:
    """Which signal each trade is, by their places: the nearest pairs first."""
    moments = [one.entered_at for one in signals]
    near = []
    for number, trade in enumerate(trades):
        first, behind = trade.entered_at - within, trade.entered_at + within
        for place in range(bisect_left(moments, first), bisect_right(moments, behind)):
            one = signals[place]
            if one.direction in (None, trade.direction):
                apart = abs(trade.entry_price - one.entry_price) if one.entry_price is not None else Decimal(0)
                near.append((abs(one.entered_at - trade.entered_at), apart, number, place))
    pairs: dict[int, int] = {}
    taken: set[int] = set()
    for _, _, number, place in sorted(near):
        if number not in pairs and place not in taken:
            pairs[number] = place
            taken.add(place)
    return pairs


def hours_off(trades: Sequence[Trade], signals: Sequence[Heard], within: timedelta) -> int:
    """By how many hours the list must be moved to match twice as many signals, prices too; 0 when by none."""
    found = {}
    for hours in HOURS:
        moved = [replace(trade, entered_at=trade.entered_at + timedelta(hours=hours)) for trade in trades]
        pairs = matched(moved, signals, within)
        found[hours] = sum(alike(trades[number], signals[place]) for number, place in pairs.items())
    best = max(found, key=lambda hours: (found[hours], -abs(hours)))
    return best if found[best] >= max(ENOUGH, 2 * found[0], len(trades) // 2) else 0


def alike(trade: Trade, one: Heard) -> bool:
    return one.entry_price is not None and abs(trade.entry_price - one.entry_price) <= ALIKE * abs(trade.entry_price)

"""Statistics of calibration: how often fills were right, and whether that is as often as they claimed. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from reconciliation.intervals import wilson

FEWEST = 10  # signals; fewer say nothing either way


class Rating(StrEnum):
    """What the interval says about the declared confidence."""

    CALIBRATED = "calibrated"
    OVERCONFIDENT = "overconfident"
    TIMID = "timid"
    TOO_FEW = "too few"


@dataclass(frozen=True, slots=True)
class Judgement:
    """One fill against the truth. `error` is absolute: points, R or minutes; None where values have no distance."""

    exact: bool
    within: bool
    error: Decimal | None = None


@dataclass(slots=True)
class Tally:
    """Judgements of fills that claim the same, pooled over all trials."""

    n: int = 0
    exact: int = 0
    within: int = 0
    errors: list[Decimal] = field(default_factory=list)
    signals: set[str] = field(default_factory=set)

    def add(self, trade_id: str, judgement: Judgement) -> None:
        self.n += 1
        self.exact += judgement.exact
        self.within += judgement.within
        self.signals.add(trade_id)
        if judgement.error is not None:
            self.errors.append(judgement.error)

    @property
    def share(self) -> float:
        """How many of the fills were right, 0 to 1."""
        return self.within / self.n

    @property
    def mean_error(self) -> Decimal | None:
        return sum(self.errors, Decimal(0)) / len(self.errors) if self.errors else None

    def interval(self) -> tuple[float, float]:
        """95 % interval of the share. A signal is one witness, however many trials hid its value."""
        return wilson(self.share, len(self.signals))


def pooled(tallies: Iterable[Tally]) -> Tally:
    total = Tally()
    for each in tallies:
        total.n, total.exact, total.within = total.n + each.n, total.exact + each.exact, total.within + each.within
        total.errors += each.errors
        total.signals |= each.signals
    return total


def rating(tally: Tally, declared: float) -> Rating:
    """Whether fills that claim to be right with probability `declared` are."""
    if len(tally.signals) < FEWEST:
        return Rating.TOO_FEW
    low, high = tally.interval()
    if high < declared:
        return Rating.OVERCONFIDENT
    return Rating.TIMID if low > declared else Rating.CALIBRATED

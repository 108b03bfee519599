"""Figures with how far to trust them: value, 95 % interval, how many signals, how much of it filled. Pure.

Shares have Wilson's interval; means Student's; quantiles that of their order statistics. Each takes the signals as
independent of each other, which trades that overlap in time are not quite: the truth is somewhat wider.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil, floor, sqrt
from typing import Any

import numpy as np

from reconciliation.intervals import Z, wilson

from .outcomes import Flags, Floats

# Of fewer signals nothing is concluded. Of results in R there must be some on either side: of 100 trades of which 2
# won, the next two decide what the mean is.
FEWEST = 20
FEWEST_EACH_SIDE = 5


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure. `filled` is the share (0 to 1) of the `n` signals that rest on a filled value; `heard` the figure of
    the `heard_n` others alone. `few` says why nothing can be concluded from it, and is empty otherwise."""

    n: int
    value: float | None
    low: float | None
    high: float | None
    filled: float | None
    heard_n: int
    heard: float | None
    few: str = ""

    @property
    def record(self) -> dict[str, Any]:
        return {name: plain(getattr(self, name)) for name in self.__slots__}


def plain(value: Any) -> Any:
    """For JSON: six places, and no NaN."""
    if isinstance(value, float | np.floating):
        return None if np.isnan(value) else round(float(value), 6)
    return value


def t_quantile(freedom: int) -> float:
    """The 97.5 % point of Student's t, by its expansion (Abramowitz and Stegun 26.7.5): to 4 places from 10 on."""
    z, v = Z, freedom
    return (
        z
        + (z**3 + z) / (4 * v)
        + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * v**2)
        + (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * v**3)
        + (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / (92160 * v**4)
    )


def mean_interval(values: Floats) -> tuple[float, float]:
    half = t_quantile(len(values) - 1) * float(np.std(values, ddof=1)) / sqrt(len(values))
    middle = float(np.mean(values))
    return middle - half, middle + half


def too_few(n: int) -> str:
    return f"fewer than {FEWEST} signals" if n < FEWEST else ""


def one_sided(values: Floats) -> str:
    """Why a mean of results says little though there are enough of them."""
    won = int(np.count_nonzero(values > 0))
    if won < FEWEST_EACH_SIDE:
        return f"fewer than {FEWEST_EACH_SIDE} of them won"
    return f"fewer than {FEWEST_EACH_SIDE} of them did not win" if len(values) - won < FEWEST_EACH_SIDE else ""


def filled_share(filled: Flags) -> float | None:
    return float(np.mean(filled)) if len(filled) else None


def mean(values: Floats, filled: Flags, *, results: bool = True) -> Figure:
    """The mean of known values; `results` are gains and losses in R, of which both must have been seen."""
    few = too_few(len(values)) or (one_sided(values) if results else "")
    low, high = (None, None) if few else mean_interval(values)
    heard = values[~filled]
    return Figure(
        len(values), average(values), low, high, filled_share(filled), len(heard), average(heard), few
    )  # fmt: skip


def average(values: Floats) -> float | None:
    return float(np.mean(values)) if len(values) else None


def share(hits: Flags, filled: Flags) -> Figure:
    """The share of signals of which something is true, 0 to 1."""
    n = len(hits)
    low, high = wilson(np.count_nonzero(hits) / n, n) if n else (None, None)
    heard = hits[~filled]
    return Figure(
        n, filled_share(hits), low, high, filled_share(filled), len(heard), filled_share(heard), too_few(n)
    )  # fmt: skip


def quantile(values: Floats, filled: Flags, part: float) -> Figure:
    """The value that this part (0 to 1) of the signals lies below."""
    few = too_few(len(values))
    low, high = (None, None) if few else quantile_interval(np.sort(values), part)
    heard = values[~filled]
    return Figure(
        len(values), at_quantile(values, part), low, high, filled_share(filled), len(heard), at_quantile(heard, part),
        few,
    )  # fmt: skip


def at_quantile(values: Floats, part: float) -> float | None:
    return float(np.quantile(values, part)) if len(values) else None


def quantile_interval(ordered: Floats, part: float) -> tuple[float, float]:
    """Between the order statistics that lie about two standard errors of their rank away."""
    n = len(ordered)
    half = Z * sqrt(n * part * (1 - part))
    first, last = floor(n * part - half), ceil(n * part + half)
    return float(ordered[max(0, first - 1)]), float(ordered[min(n - 1, last)])


def total(values: Floats, filled: Flags) -> Figure:
    """The sum of results, with the interval of their mean times their number."""
    one = mean(values, filled)
    heard = values[~filled]
    times = {name: None if (each := getattr(one, name)) is None else each * one.n for name in ("value", "low", "high")}
    added = float(np.sum(heard)) if len(heard) else None
    return Figure(one.n, times["value"], times["low"], times["high"], one.filled, one.heard_n, added, one.few)


def records(figures: Mapping[str, Figure]) -> dict[str, dict[str, Any]]:
    return {name: figure.record for name, figure in figures.items()}

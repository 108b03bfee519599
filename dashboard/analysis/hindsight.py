"""Stops and targets that would have been best: with what they were chosen by, and what they did where they were not.

Where a tighter stop and a target were both touched, nobody stored which came first: the MAE of a signal is that of its
whole life. Such a trade counts by the worse of both, and the better is told beside it.
"""

from typing import Any

import numpy as np

from .choices import TARGETS, Choice
from .figures import DONE, Result, Row, Table, counts, result, row, table
from .outcomes import Flags, Floats, Leg
from .reading import Signals
from .statistics import average, mean, one_sided, plain, too_few

STOPS = (0.25, 0.5, 0.75, 1.0)  # parts of the original stop's distance
NOTHING = "There is nothing to choose by yet."


def bounds(leg: Leg, mae: Floats, stop: float, target: float) -> tuple[Floats, Floats]:
    """What a tighter stop makes of the leg, in R of the original one, at worst and at best; NaN where not known."""
    worth = leg.worth(target)
    if stop == 1:
        return worth, worth
    touched, reached = mae <= -stop, worth >= target
    # Whoever ended below the tighter stop passed it, in the ending bar at the latest, which the MAE leaves out.
    best = np.where(~reached & (touched | (worth <= -stop)), -stop, worth)
    worst = np.where(reached & touched, -stop, best)
    unknown = np.isnan(worth) | np.isnan(mae)
    return np.where(unknown, np.nan, worst), np.where(unknown, np.nan, best)


def grid(signals: Signals, choice: Choice) -> Table:
    """Expectancy of the leg with the original stop at each stop and target, at worst; `best` is told beside it."""
    columns = [[f"{stop:g}", f"Stop at {stop:g} R", "r"] for stop in STOPS]
    rows = [grid_row(signals, choice, target) for target in TARGETS]
    tried = [(each["figures"][key], each["key"], key) for each in rows for key, *_ in columns]
    enough = [(figure["value"], target, stop) for figure, target, stop in tried if figure["n"] and not figure["few"]]
    found = table("stops", "Stops and targets, in hindsight", "Target", columns, rows)
    return found | {"says": told_best(max(enough), len(tried)) if enough else NOTHING}


def told_best(best: tuple[float, str, str], tried: int) -> str:
    value, target, stop = best
    return (
        f"At worst, a target of {target} R with a stop at {stop} R would have been best: {value:+.2f} R a trade."
        f" {tried} combinations were tried on the same trades, and the best of so many looks better than it is."
    )


def grid_row(signals: Signals, choice: Choice, target: float) -> Row:
    figures, best = {}, {}
    for stop in STOPS:
        worse, better = bounds(signals.stop, signals.mae, stop, target)
        known, filled = trusted(signals, choice, stop, worse)
        figures[f"{stop:g}"] = mean(worse[known], filled[known])
        best[f"{stop:g}"] = plain(average(better[known]))
    return row(f"{target:g}", f"{target:g} R", figures, DONE) | {"best": best}


def trusted(signals: Signals, choice: Choice, stop: float, worth: Floats) -> tuple[Flags, Flags]:
    """Which results may be counted, and which rest on a fill: of the leg, and with a tighter stop of the MAE too."""
    known = ~np.isnan(worth) & counts(signals.stop.filled, choice)
    filled = ~np.isnan(signals.stop.filled)
    if stop == 1:
        return known, filled
    return known & counts(signals.mae_filled, choice), filled | ~np.isnan(signals.mae_filled)


def halves(signals: Signals, choice: Choice) -> Table:
    """The best target of the first half of the trades, and what it did in the second: the test of every hindsight."""
    rows = []
    for leg, name, title in ((signals.be, "be", "Break-even leg"), (signals.stop, "stop", "Original stop")):
        results = {target: result(leg, target, choice) for target in TARGETS}
        first, second = split(signals, results[TARGETS[0]].known)
        best = best_of(results, first)
        label = title if best is None else f"{title}: {best:g} R"
        each = results[best if best is not None else TARGETS[0]]
        figures = {
            "first": mean(each.worth[first & each.known], each.filled[first & each.known]),
            "second": mean(each.worth[second & each.known], each.filled[second & each.known]),
        }
        rows.append(row(name, label, figures if best is not None else {}, DONE))
    columns = [["first", "First half, which chose it", "r"], ["second", "Second half, which did not", "r"]]
    return table("halves", "The best target, tried out", "Leg and target", columns, rows)


def split(signals: Signals, known: Flags) -> tuple[Flags, Flags]:
    """The known signals that ended first, and those that ended last."""
    ended = np.where(known, signals.ended, np.nan)
    middle = np.nanmedian(ended) if np.any(~np.isnan(ended)) else np.nan
    return ended <= middle, ended > middle


def best_of(results: dict[float, Result], among: Flags) -> float | None:
    """The target of the greatest mean; None where of none there are enough."""
    means: dict[float, Any] = {}
    for target, each in results.items():
        values = each.worth[among & each.known]
        if not too_few(len(values)) and not one_sided(values):
            means[target] = average(values)
    return max(means, key=lambda target: means[target], default=None)

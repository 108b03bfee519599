"""Results added up in the order of the trades' ends: the line, its deepest fall, the longest row of losses. Pure."""

from typing import Any

import numpy as np

from .figures import Chosen, Result
from .outcomes import Flags, Floats
from .statistics import filled_share, plain

POINTS = 240  # of a line


def equity(chosen: Chosen) -> dict[str, Any]:
    """By leg. What is said of the line is of this one order; `heard` says it of the trades without a filled value."""
    return {name: line_of(each, chosen.signals.ended) for name, each in chosen.legs.items()}


def line_of(result: Result, ended: Floats) -> dict[str, Any]:
    known = result.known & ~np.isnan(ended)
    order = np.argsort(ended[known], kind="stable")
    times, worth, filled = ended[known][order], result.worth[known][order], result.filled[known][order]
    curve = np.cumsum(worth)
    kept = np.unique(np.linspace(0, max(0, len(curve) - 1), min(POINTS, len(curve))).astype(int))
    points = [{"x": int(times[i] * 1000), "y": plain(curve[i])} for i in kept]
    return {**shape(worth), "filled": plain(filled_share(filled)), "heard": shape(worth[~filled]), "points": points}


def shape(worth: Floats) -> dict[str, Any]:
    """Of results in R, one after the other: how far their sum fell at most, and how many were losses in a row."""
    curve = np.cumsum(worth)
    highest = np.maximum.accumulate(np.maximum(curve, 0.0))
    fall = plain(np.max(highest - curve)) if len(curve) else None
    return {"n": len(curve), "deepest_fall": fall, "longest_losing_streak": streak(worth < 0)}


def streak(lost: Flags) -> int:
    longest = now = 0
    for each in lost.tolist():
        now = now + 1 if each else 0
        longest = max(longest, now)
    return longest

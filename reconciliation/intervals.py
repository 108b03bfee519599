"""Intervals of measured shares. Pure."""

from math import sqrt

Z = 1.959963984540054  # two-sided 95 % of the normal distribution


def wilson(share: float, n: float) -> tuple[float, float]:
    """Wilson's score interval of a proportion seen in `n` independent trials (E. B. Wilson, 1927).

    Raises ValueError without trials.
    """
    if n <= 0:
        raise ValueError("no trials: an interval needs at least one")
    square = Z * Z / n
    centre = (share + square / 2) / (1 + square)
    half = Z * sqrt(share * (1 - share) / n + square / (4 * n)) / (1 + square)
    return max(0.0, centre - half) if share else 0.0, min(1.0, centre + half) if share < 1 else 1.0


def shrunk(right: int, n: int) -> float:
    """The share as Wilson's interval centres it: near the half as long as little was seen, and never quite 1.

    Without trials it is a half.
    """
    square = Z * Z
    return (right + square / 2) / (n + square)

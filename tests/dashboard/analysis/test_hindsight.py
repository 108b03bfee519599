"""Choosing by one half of the trades and trying on the other."""

import numpy as np
import pytest

from dashboard.analysis.choices import Choice
from dashboard.analysis.hindsight import halves
from dashboard.analysis.outcomes import Leg
from dashboard.analysis.reading import Signals


def trades(mfe: list[float]) -> Signals:
    """So many trades one after the other, all stopped out in the end, which came so far before."""
    n = len(mfe)
    unknown = np.full(n, np.nan)
    leg = Leg(np.full(n, "stopped"), unknown, np.array(mfe), unknown)
    ended = np.arange(n, dtype=np.float64)
    return Signals(np.full(n, "COMPLETED"), unknown, leg, leg, np.full(n, -0.9), unknown, ended, {})


def test_what_chose_the_target_looks_better_than_what_did_not() -> None:
    # First half: 10 of 20 came to 3 R, which makes (10 * 3 - 10) / 20 = 1. Second half: 5 of 20, (15 - 15) / 20 = 0.
    first, second = [3.0] * 10 + [0.1] * 10, [3.0] * 5 + [0.1] * 15
    [row, _] = halves(trades(first + second), Choice())["rows"]
    assert row["label"] == "Break-even leg: 3 R"
    assert row["figures"]["first"]["value"] == pytest.approx(1.0)
    assert row["figures"]["second"]["value"] == pytest.approx(0.0)

"""A handful of trades whose figures can be worked out on paper. Entry 25740, stop 25730: 1 R is 10 points.

                        break-even leg      original stop
    LOST     MFE 0.5    stopped    -1 R     stopped, MFE 0.5
    SAVED    MFE 1.2    scratched   0 R     stopped, MFE 1.2
    MISSED   MFE 1.4    scratched   0 R     stopped, MFE 2.5
    WON      MFE 3.0    scratched   0 R     stopped, MFE 3.0 (its EXIT_BREAK_EVEN was lost)

besides one pending, one cancelled, and one still open whose MFE is 5 R.
"""

from collections.abc import Iterable

from dashboard.analysis.reading import Signals, read
from reconciliation.gaps import GapView
from signals.models import AutomatedSignal
from tests.builders import (
    Alert,
    at,
    break_even,
    cancelled,
    created,
    entry,
    exit_break_even,
    exit_stop,
    send,
    the_signal,
    update,
)

LOST, SAVED, MISSED, WON, PENDING, CANCELLED, OPEN = (f"20251211_09{40 + n}00000_BULLISH" for n in range(7))
ENDED = (LOST, SAVED, MISSED, WON)


def small_set() -> None:
    send(
        [
            *of(0, LOST, (exit_break_even(LOST, 0.5), 20), (exit_stop(LOST, 0.5, 0.5), 20)),
            *of(1, SAVED, (break_even(SAVED), 15), (exit_break_even(SAVED, 1.2), 20), (exit_stop(SAVED, 1.2, 1.2), 30)),
            *of(2, MISSED, (break_even(MISSED), 15), (exit_break_even(MISSED), 20), (exit_stop(MISSED), 40)),
            *of(3, WON, (break_even(WON), 15), (exit_stop(WON, 3.0, 3.0), 50)),
            (created(PENDING), at(5)),
            (created(CANCELLED), at(6)),
            (cancelled(CANCELLED), at(8)),
            *of(6, OPEN, (update(5.0, trade_id=OPEN), 20)),
        ]
    )


def of(minute: int, trade_id: str, *later: tuple[dict[str, object], float]) -> Iterable[Alert]:
    yield created(trade_id), at(minute + 1)
    yield entry(trade_id), at(minute + 3)
    yield from ((body, at(minutes)) for body, minutes in later)


def columns() -> Signals:
    return read(AutomatedSignal.objects.all(), GapView.at(at(60)))


def mark_filled(trade_id: str, field: str, confidence: float) -> None:
    """As a cycle leaves a value that a tier put in."""
    signal = the_signal(trade_id)
    signal.provenance[field] = signal.provenance[field] | {"confidence": confidence, "evidence": {"fill": 1}}
    signal.reconciliation_reason = f"tier 2: {field}"
    signal.save()

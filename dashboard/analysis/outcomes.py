"""What a completed signal is worth on each of its legs, in R: the one definition; docs/analysis.md tells it in prose.

How a leg ended is a condition of columns, so that lists are narrowed by the very thing that figures are made of; what
an end is worth is arithmetic. Without a target a leg is worth its end; with one, the target where its MFE reached that
before the end. The indicator leaves the bar that ends a leg out of its excursions, so a target that was touched in
that very bar only is not counted.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from django.db.models import (
    BooleanField,
    Case,
    CharField,
    Exists,
    ExpressionWrapper,
    F,
    FloatField,
    OuterRef,
    Q,
    QuerySet,
    TextChoices,
    Value,
    When,
)
from django.db.models.functions import Cast, Coalesce
from numpy.typing import NDArray

from reconciliation.gaps import GapView
from signals.models import AutomatedSignal, SignalEvent
from signals.signal.deriving import protected
from signals.vocabulary import EventType, Status

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


class End(TextChoices):
    """How a leg of a completed signal ended. Of any other signal it is empty: still open, or never entered."""

    STOPPED = "stopped", "At its original stop"
    BREAK_EVEN = "break_even", "At break-even"
    ORDER = "order", "By an order, at its price"
    UNKNOWN = "unknown", "Not known how"


COMPLETED = Q(status=Status.COMPLETED)
# As signals/signal/deriving.protected judges a loaded signal.
PROTECTED = Q(be_triggered_at__isnull=False) | Q(seen_protected_at__isnull=False) | Q(be_mfe_peak__gte=1)
# An MFE that a fill extended over 1 R, and no break-even trigger: they contradict each other.
CONTRADICTED = ~PROTECTED & Q(be_mfe__gte=1)
BE_EXIT, STOP_EXIT = Q(be_exit_at__isnull=False), Q(stop_exit_at__isnull=False)
PRICED = Q(entry_price__isnull=False, stop_loss__isnull=False) & ~Q(entry_price=F("stop_loss"))
# The leg with the original stop is ended by a stop loss or by an order: the column holds either. An order mostly has a
# price or a reason, each in a column of its own; where nothing was said of the end, its events are asked.
SAID_NOTHING = Q(stop_exit_price__isnull=True, stop_exit_reason__isnull=True)
EXIT_EVENT = Exists(SignalEvent.objects.filter(signal=OuterRef("pk"), type=EventType.EXIT))
ORDERED = STOP_EXIT & (Q(exit_price__isnull=False) | Q(exit_reason__isnull=False) | (SAID_NOTHING & Q(EXIT_EVENT)))


# How the leg with the stop at break-even ended, and the one with the original stop. The prices that the indicator
# states for its exits decide nothing: those of EXIT_BREAK_EVEN are now the entry, now the stop, whichever was hit.
# Whether the leg was protected does.
NOT_TOLD = (When(~COMPLETED, then=Value("")), When(CONTRADICTED, then=Value(End.UNKNOWN)))
BY_ORDER = (
    When(ORDERED & PRICED & Q(exit_price__isnull=False), then=Value(End.ORDER)),
    When(ORDERED, then=Value(End.UNKNOWN)),
)
ENDS: Mapping[str, Case] = {
    "be_end": Case(
        *NOT_TOLD,
        When(BE_EXIT & PROTECTED, then=Value(End.BREAK_EVEN)),
        When(BE_EXIT, then=Value(End.STOPPED)),
        *BY_ORDER,
        # On the way to the original stop the price came back to the entry, whether or not that was heard.
        When(STOP_EXIT & PROTECTED, then=Value(End.BREAK_EVEN)),
        When(STOP_EXIT, then=Value(End.STOPPED)),
        default=Value(End.UNKNOWN),
        output_field=CharField(),
    ),
    "stop_end": Case(
        *NOT_TOLD,
        *BY_ORDER,
        When(STOP_EXIT, then=Value(End.STOPPED)),
        # Never protected, both legs had the same stop. Protected, a sender of one leg follows it no further.
        When(BE_EXIT & ~PROTECTED, then=Value(End.STOPPED)),
        default=Value(End.UNKNOWN),
        output_field=CharField(),
    ),
}


def ends_of(signal: AutomatedSignal) -> tuple[str, str]:
    """`be_end` and `stop_end` of a loaded signal; tests prove that they say the same as the query."""
    if signal.status != Status.COMPLETED:
        return "", ""
    safe = protected(signal)
    if not safe and signal.be_mfe is not None and signal.be_mfe >= 1:
        return End.UNKNOWN, End.UNKNOWN
    moved_stop = End.BREAK_EVEN if safe else End.STOPPED
    if is_ordered(signal):
        priced = signal.exit_price is not None and signal.risk is not None
        stop_end = End.ORDER if priced else End.UNKNOWN
        return moved_stop if signal.be_exit_at else stop_end, stop_end
    if signal.stop_exit_at:
        return moved_stop, End.STOPPED
    if signal.be_exit_at:
        return moved_stop, End.UNKNOWN if safe else End.STOPPED
    return End.UNKNOWN, End.UNKNOWN


def is_ordered(signal: AutomatedSignal) -> bool:
    if signal.stop_exit_at is None:
        return False
    if signal.exit_price is not None or signal.exit_reason is not None:
        return True
    told = signal.provenance.get("stop_exit_at", {}).get("evidence", {})
    return signal.stop_exit_price is None and signal.stop_exit_reason is None and told.get("type") == EventType.EXIT


def end_rests_on(leg: str, end: str, known: Mapping[str, Mapping[str, Any]]) -> tuple[str, ...]:
    """The fields that a leg's end follows from; `known` is the provenance of the signal's values. `leg`: be, stop."""
    own: tuple[str, ...]
    if leg == "be":
        own = ("be_exit_at" if "be_exit_at" in known else "stop_exit_at", protected_by(known))
    else:
        own = ("stop_exit_at",) if "stop_exit_at" in known else ("be_exit_at", protected_by(known))
    return (*own, "exit_price", "entry_price", "stop_loss") if end == End.ORDER else own


def protected_by(known: Mapping[str, Mapping[str, Any]]) -> str:
    """The field that proves that a leg was protected: what was heard of it, even if it was dated by a fill."""
    trigger = known.get("be_triggered_at")
    if "seen_protected_at" in known and (trigger is None or "fill" in trigger["evidence"]):
        return "seen_protected_at"
    return "be_triggered_at"


def measured(signals: "QuerySet[AutomatedSignal]", view: GapView) -> "QuerySet[AutomatedSignal]":
    """With what figures are made of: ends, both MFE, MAE and the order's result in R, and when the signal ended.

    `mfe_short` says that the MFE is not known up to the end, which is the gap of that name.
    """
    risk = Cast("entry_price", FloatField()) - Cast("stop_loss", FloatField())
    gained = Cast("exit_price", FloatField()) - Cast("entry_price", FloatField())
    return signals.annotate(
        **ENDS,
        mfe_short=ExpressionWrapper(view.q("no_mfe_update"), output_field=BooleanField()),
        be_mfe_r=Cast("be_mfe", FloatField()),
        stop_mfe_r=Cast("no_be_mfe", FloatField()),
        mae_r=Cast("mae", FloatField()),
        # Shorts have the stop above the entry: both differences change their sign.
        order_r=Case(When(COMPLETED & PRICED, then=gained / risk), default=Value(None), output_field=FloatField()),
        ended_at=Coalesce("stop_exit_at", "seen_completed_at", "be_exit_at"),
    )


@dataclass(frozen=True)
class Leg:
    """One leg of every signal. `order` and `mfe` in R, NaN where not known; `filled` is the least confidence of the
    fills that it rests on, NaN where all of it was heard."""

    end: NDArray[np.str_]
    order: Floats
    mfe: Floats
    filled: Floats

    @property
    def at_end(self) -> Floats:
        """What its end is worth, in R; NaN where that is not known."""
        return np.select(
            [self.end == End.STOPPED, self.end == End.BREAK_EVEN, self.end == End.ORDER],
            [np.full_like(self.mfe, -1.0), np.zeros_like(self.mfe), self.order],
            np.nan,
        )

    def reached(self, target: float) -> Flags:
        """Whether it came so far before its end, by its MFE or by the order that ended it."""
        ordered = np.where(self.end == End.ORDER, self.order, np.nan)
        return np.fmax(self.mfe, ordered) >= target

    def worth(self, target: float | None) -> Floats:
        """Its result in R with an order at the target, or with None to its end; NaN where that is not known.

        Where the MFE is not known up to the end, nothing is counted: counting only those that reached the target
        earlier would make the leg look better than it was.
        """
        end = self.at_end
        if target is None:
            return end
        worth = np.where(self.reached(target), target, end)
        return np.where(np.isnan(end) | np.isnan(self.mfe), np.nan, worth)

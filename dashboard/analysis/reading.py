"""Signals as columns: one pass over a queryset, a chunk at a time, of what figures need and nothing else."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from django.db.models import Case, F, JSONField, Q, QuerySet, When
from numpy.typing import NDArray

from reconciliation.gaps import GapView
from signals.models import AutomatedSignal, Source
from signals.models.provenance import ProvenanceField
from signals.vocabulary import TIMEFRAMES, Origin

from .outcomes import Floats, Leg, end_rests_on, measured

AT_ONCE = 2_000
COLUMNS = (
    "status", "direction", "session", "source_id", "symbol", "signal_date", "signal_time_str", "htf_in_time",
    "be_end", "stop_end", "be_mfe_r", "stop_mfe_r", "mae_r", "order_r", "mfe_short", "ended_at",
    "origin", "confidence_score", "filled_provenance",
)  # fmt: skip
# What a group is told apart by, and the fields of which that follows.
GROUPED_BY: Mapping[str, tuple[str, ...]] = {
    "session": ("session",),
    "direction": ("direction",),
    "weekday": ("signal_date",),
    "month": ("signal_date",),
    "hour": ("signal_time_str",),
    "source": (),
    "symbol": (),
    **{f"htf_{frame}": ("htf_alignment",) for frame in TIMEFRAMES},
}
# Reasons of signals whose fills no figure rests on: none, or the arithmetic on entry and stop.
NO_FIGURE_FILLED = ("", "tier 2: targets_extended")


@dataclass(frozen=True)
class Group:
    """What the signals are told apart by: the `values` that there are, and of each signal which (-1: not known)."""

    values: Sequence[str]
    code: NDArray[np.int64]
    filled: Floats


@dataclass(frozen=True)
class Signals:
    """So many signals as columns. `mae` in R and `ended` in seconds since 1970, NaN where not known; what is called
    filled is the least confidence of the fills that something rests on, NaN where it was heard."""

    status: NDArray[np.str_]
    status_filled: Floats
    be: Leg
    stop: Leg
    mae: Floats
    mae_filled: Floats
    ended: Floats
    groups: Mapping[str, Group]

    def __len__(self) -> int:
        return len(self.status)


def read(signals: "QuerySet[AutomatedSignal]", view: GapView) -> Signals:
    """The signals' columns. Provenance is read only of those that hold a fill, which say so in a column of theirs."""
    rows = measured(signals, view).annotate(
        # An alignment of a later bar is another, and of the future: of the signal it is not known.
        htf_in_time=Case(
            When(Q(htf_as_of__isnull=True) | Q(htf_as_of__lte=F("signal_time")), then=F("htf_alignment")),
            default=None,
            output_field=JSONField(null=True),
        ),
        filled_provenance=Case(
            When(reconciliation_reason__in=NO_FIGURE_FILLED, origin=Origin.ALERTS, then=None),
            default=F("provenance"),
            output_field=ProvenanceField(null=True),
        ),
    )
    sources = dict(Source.objects.values_list("pk", "name"))
    symbols = dict(Source.objects.values_list("pk", "symbol"))
    found = rows.order_by().values_list(*COLUMNS).iterator(chunk_size=AT_ONCE)
    return columns(found, sources, symbols)


def columns(rows: Iterable[tuple[Any, ...]], sources: Mapping[int, str], symbols: Mapping[int, str]) -> Signals:
    """Rows of COLUMNS as columns. Pure."""
    kept: list[list[Any]] = [[] for _ in KEPT]
    grouped: dict[str, list[str]] = {name: [] for name in GROUPED_BY}
    trusted: dict[str, list[float]] = {name: [] for name in GROUPED_BY}
    for row in rows:
        told = dict(zip(COLUMNS, row, strict=True))
        trust = Trust.of(told)
        for column, value in zip(kept, values_of(told, trust), strict=True):
            column.append(value)
        for name, value in groups_of(told, sources, symbols).items():
            grouped[name].append(value)
            trusted[name].append(trust.least(*GROUPED_BY[name]))
    made = {name: array(name, column) for name, column in zip(KEPT, kept, strict=True)}
    return Signals(
        status=made["status"],
        status_filled=made["status_filled"],
        be=Leg(made["be_end"], made["order"], made["be_mfe"], made["be_filled"]),
        stop=Leg(made["stop_end"], made["order"], made["stop_mfe"], made["stop_filled"]),
        mae=made["mae"],
        mae_filled=made["mae_filled"],
        ended=made["ended"],
        groups={name: grouping(grouped[name], trusted[name]) for name in GROUPED_BY},
    )


KEPT = (
    "status", "status_filled", "be_end", "stop_end", "order", "be_mfe", "stop_mfe", "be_filled", "stop_filled",
    "mae", "mae_filled", "ended",
)  # fmt: skip
WORDS = frozenset({"status", "be_end", "stop_end"})


def array(name: str, values: list[Any]) -> Any:
    if name in WORDS:
        return np.array(values, dtype="U10")
    return np.array(values, dtype=np.float64)  # None becomes NaN


def values_of(told: Mapping[str, Any], trust: "Trust") -> tuple[Any, ...]:
    """One signal's values in the order of KEPT."""
    short = told["mfe_short"]
    ended = told["ended_at"]
    return (
        told["status"],
        trust.least("status"),
        told["be_end"],
        told["stop_end"],
        told["order_r"],
        None if short else told["be_mfe_r"],
        None if short else told["stop_mfe_r"],
        trust.least("be_mfe", *end_rests_on("be", told["be_end"], trust.known)),
        trust.least("no_be_mfe", *end_rests_on("stop", told["stop_end"], trust.known)),
        told["mae_r"],
        trust.least("mae"),
        ended.timestamp() if ended else None,
    )


@dataclass(frozen=True, slots=True)
class Trust:
    """What is filled of one signal: by field the confidence. `whole` is that of a signal which replay found."""

    fills: Mapping[str, float]
    known: Mapping[str, Mapping[str, Any]]
    whole: float | None = None

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> "Trust":
        provenance = told["filled_provenance"]
        if not provenance:
            return NOTHING_FILLED
        fills = {
            field: float(entry["confidence"]) for field, entry in provenance.items() if "fill" in entry["evidence"]
        }
        found = told["origin"] != Origin.ALERTS
        return cls(fills, provenance, float(told["confidence_score"]) if found else None)

    def least(self, *fields: str) -> float:
        """The least confidence of the fills among these fields; NaN where none is filled."""
        if self.whole is not None:
            return self.whole
        return min((self.fills[field] for field in fields if field in self.fills), default=float("nan"))


NOTHING_FILLED = Trust({}, {})


def groups_of(told: Mapping[str, Any], sources: Mapping[int, str], symbols: Mapping[int, str]) -> dict[str, str]:
    """What one signal is told apart by; "" where that is not known."""
    clock, day, htf = told["signal_time_str"], told["signal_date"], told["htf_in_time"] or {}
    source = told["source_id"]
    return {
        "session": told["session"] or "",
        "direction": told["direction"] or "",
        "weekday": str(day.isoweekday()) if day else "",
        "month": f"{day:%Y-%m}" if day else "",
        "hour": str(int(clock[:2])) if clock else "",
        "source": sources.get(source, ""),
        "symbol": told["symbol"] or symbols.get(source, ""),
        **{f"htf_{frame}": htf.get(frame) or "" for frame in TIMEFRAMES},
    }


def grouping(values: list[str], filled: list[float]) -> Group:
    names = sorted(set(values) - {""})
    number = {name: n for n, name in enumerate(names)}
    codes = np.array([number.get(value, -1) for value in values], dtype=np.int64)
    return Group(names, codes, np.array(filled, dtype=np.float64))

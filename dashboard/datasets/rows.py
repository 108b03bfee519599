"""Signals as the rows of a dataset: a chunk at a time, in an order that lets two datasets be compared."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db.models import QuerySet

from dashboard.analysis.outcomes import ends_of
from signals.models import AutomatedSignal
from signals.signal.registers import TIER_RANK

from .fields import CONFIDENCE, SOURCE, TARGETS, Field, Row, Value, legs_of
from .knowing import Knowledge, Known, known


def columns(fields: Sequence[Field]) -> list[tuple[str, str]]:
    """Names and kinds of a dataset's columns: each field, and where it came from if that is told."""
    named = []
    for field in fields:
        named.append((field.name, field.kind))
        if field.rests_on:
            named += [(f"{field.name}{SOURCE}", "text"), (f"{field.name}{CONFIDENCE}", "float")]
    return named


def rows(
    signals: "QuerySet[AutomatedSignal]", fields: Sequence[Field], how: Knowledge, now: datetime
) -> Iterator[list[list[Value]]]:
    """The values of `columns`, in chunks of rows."""
    for chunk in known(signals, how, now):
        yield [values(row, fields) for row in with_outcomes(chunk)]


def with_outcomes(chunk: Sequence[Known]) -> Iterator[Row]:
    ends = [ends_of(each.signal) for each in chunk]
    be, stop = legs_of(chunk, ends)
    be_worth = {name: be.worth(target).tolist() for name, target in TARGETS.items()}
    stop_worth = {name: stop.worth(target).tolist() for name, target in TARGETS.items()}
    for n, (each, (be_end, stop_end)) in enumerate(zip(chunk, ends, strict=True)):
        be_r = {name: found[n] for name, found in be_worth.items()}
        yield Row(each, be_end, stop_end, be_r, {name: found[n] for name, found in stop_worth.items()})


def values(row: Row, fields: Sequence[Field]) -> list[Value]:
    found: list[Value] = []
    provenance = row.signal.provenance
    least: dict[tuple[str, ...], Mapping[str, Any] | None] = {}
    for field in fields:
        value = field.value(row)
        found.append(value)
        if field.rests_on:
            if field.rests_on not in least:
                least[field.rests_on] = least_trusted(provenance, row.fields(field.rests_on))
            entry = least[field.rests_on] if value is not None else None
            found += (None, None) if entry is None else (entry["source"], float(entry["confidence"]))
    return found


def least_trusted(provenance: Mapping[str, Mapping[str, Any]], fields: Sequence[str]) -> Mapping[str, Any] | None:
    """Of the provenance of these fields that of the least trusted, as a signal's own trust is judged."""
    entries = [provenance[name] for name in fields if name in provenance]
    return min(entries, key=lambda each: (TIER_RANK[each["tier"]], each["confidence"]), default=None)

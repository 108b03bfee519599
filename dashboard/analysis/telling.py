"""A report as it leaves: with addresses of the signals behind each figure, and as flat rows for spreadsheets."""

from collections.abc import Iterator, Mapping
from typing import Any

from django.http import QueryDict

from dashboard.api.filters import ANALYSIS, AnalysisFilter
from signals.lines import csv_lines

FLAT = ("table", "row", "label", "column", "n", "value", "low", "high", "filled", "heard_n", "heard", "few")


def behind(query: QueryDict, *narrowing: Mapping[str, Any]) -> str:
    """The query that narrows All Signals to those behind a figure: what the address asks for, and more."""
    asked = QueryDict(mutable=True)
    for name, values in query.lists():
        if name in ANALYSIS and name not in AnalysisFilter.no_filters:
            asked.setlist(name, values)
    if not query.get("origin") and not query.get("found"):
        asked["origin"] = "alerts"
    for each in narrowing:
        for name, value in each.items():
            asked.setlist(name, value if isinstance(value, list) else [value])
    return asked.urlencode()


def flat(report: Mapping[str, Any]) -> Iterator[tuple[Any, ...]]:
    """One row a figure, as FLAT names the columns. R and shares as numbers, shares from 0 to 1."""
    for table in report["tables"]:
        for row in table["rows"]:
            for column, figure in row["figures"].items():
                yield table["name"], row["key"], row["label"], column, *(figure[name] for name in FLAT[4:])


def as_csv(report: Mapping[str, Any]) -> Iterator[str]:
    return csv_lines(FLAT, flat(report))

# mypy: disable-error-code="no-untyped-call"
"""Analysis: whether the signals are any good, with how far each figure is to be trusted."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils import timezone

from dashboard.analysis.choices import FILL_CHOICES, TARGET_CHOICES, USUAL_FILLS, USUAL_TARGET, Choice
from dashboard.analysis.counting import REACH, Answer, answer, question
from dashboard.analysis.figures import LEGS
from dashboard.analysis.statistics import FEWEST
from dashboard.analysis.telling import as_csv, behind
from dashboard.api.filters import AnalysisFilter
from dashboard.console.page import Page
from dashboard.telling.addresses import address
from reconciliation.cycle.worker import wedged
from signals.formats import iso

from .signals import Labelled, inputs, linked

CHOICES = ("target", "fills", "found")
CARRIED = ("created_from", "created_to")
FORMATS = {"csv": "CSV", "json": "JSON"}
# Tables that are long, or secondary: closed at first.
CLOSED = frozenset({"hour", "htf", "mfe", "mae", "stops"})
WARNINGS: Mapping[str, str] = {
    "stops": "Chosen in hindsight: with as many tries, something looks good by chance. A stop nearer than the original"
    " counts by the worse order of what was touched, for nobody stored which came first. Decide on other trades than"
    " those that it was found on.",
    "halves": "The target that was best in the first half of the trades, tried on the second: what it lost there is"
    " what hindsight had added.",
    "excursions": "The MAE of a trade is that of its whole life: of winners also what came after the target.",
    "break_even": "What moving the stop to break-even did to the trades that it ended.",
}


class AnalysisForm(Labelled, AnalysisFilter):
    """The filters of All Signals, and what is chosen besides."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, label in zip(CHOICES, ("Target", "Filled values", "Found by replay"), strict=True):
            vars(self.filters[name]).pop("_field", None)
            self.filters[name].label = label
        self.filters["found"].extra["widget"] = forms.Select(choices=[("", "left out"), ("true", "counted too")])
        for name, known, usual in (("target", TARGET_CHOICES, USUAL_TARGET), ("fills", FILL_CHOICES, USUAL_FILLS)):
            self.filters[name].extra |= {"empty_label": f"{known[usual]} (usual)"}


class Analysis(Page):
    name = "analysis"
    route = "console/analysis/"
    title = "Analysis"
    icon = "query_stats"
    place = 35
    template_name = "dashboard/analysis/page.html"
    fragment = "dashboard/analysis/figures.html"
    every = 60

    def content(self, now: datetime) -> dict[str, Any]:
        query = self.request.GET
        found = answer(query, now, AnalysisForm)
        return {
            "found": found,
            "asked": found.asked,
            "worker_fault": wedged(now) if found.counting else "",
            "reach": REACH,
            "fewest": FEWEST,
            "choice": Choice.of(query.dict()),
            **(shown(found, query) if found.report else {}),
        } | ({} if self.alone else self.filters(found))

    def filters(self, found: Answer) -> dict[str, Any]:
        query, form = self.request.GET, found.asked.filterset.form
        return inputs(query, found.asked) | {
            "choices": [form[name] for name in CHOICES],
            "carried": [(name, query[name]) for name in CARRIED if query.get(name)],
            "exports": [(label, f"{address('export-analysis')}{linked(query, format=name)}")
                        for name, label in FORMATS.items()],
        }  # fmt: skip


def shown(found: Answer, query: Any) -> dict[str, Any]:
    """The report as the templates show it: every figure with its kind and the address of its signals."""
    assert found.report is not None
    report, listed = found.report, address("signals")

    def link(*narrowing: Mapping[str, Any]) -> str:
        return f"{listed}?{behind(query, *narrowing)}"

    tables: dict[str, Any] = {}
    for table in report["tables"]:
        rows = [
            {
                "label": row["label"],
                "link": link(row["query"]) if row["query"] else "",
                "cells": [
                    (row["figures"].get(key), kind, link(row["query"], row["narrow"].get(key, {})), best(row, key))
                    for key, _, kind in table["columns"]
                ],
            }
            for row in table["rows"]
        ]
        tables[table["name"]] = {
            **table, "rows": rows, "closed": table["name"] in CLOSED, "warning": WARNINGS.get(table["name"], ""),
        }  # fmt: skip
    return {
        "counted": report["counted"],
        "tables": list(tables.values()),
        "equity": [
            (LEGS[name].capitalize(), line | {"share": 100 * (line["filled"] or 0)})
            for name, line in report["equity"].items()
        ],
        "chart": chart(report),
        "left_out": left_out(report["counted"]),
        "signals_link": link(),
    }


def best(row: Mapping[str, Any], key: str) -> float | None:
    found: float | None = row.get("best", {}).get(key)
    return found


LEFT_OUT = {
    "counted": "Counted",
    "end_unknown": "Left out: how the leg ended is not known",
    "mfe_unknown": "Left out: its MFE is not known up to the end",
    "fills_not_trusted": "Left out: it rests on filled values that are not trusted so far",
}


def left_out(counted: Mapping[str, Any]) -> list[tuple[str, int, int]]:
    """What became of the completed signals, of both legs."""
    legs = counted["legs"]
    return [(label, legs["be"][name], legs["stop"][name]) for name, label in LEFT_OUT.items()]


def chart(report: Mapping[str, Any]) -> dict[str, Any]:
    """What analysis.js draws."""
    tables = {table["name"]: table for table in report["tables"]}

    def bars(name: str, keys: Mapping[str, str]) -> dict[str, Any]:
        rows = tables[name]["rows"]
        return {
            "labels": [row["label"] for row in rows],
            "sets": [
                {"label": label, "data": [100 * (row["figures"][key]["value"] or 0) for row in rows]}
                for key, label in keys.items()
            ],
        }

    return {
        "equity": {name: line["points"] for name, line in report["equity"].items()},
        "mfe": bars("mfe", {"mfe_be": "Break-even leg", "mfe_stop": "Original stop"}),
        "mae": bars("mae", {"mae_stop_winners": "Winners", "mae_stop_losers": "Losers"}),
    }


class Export(Page):
    """The figures that the page shows for an address, all of them."""

    name = "export-analysis"
    route = "console/analysis/export/"
    title = "Export figures"

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:  # type: ignore[override]
        format, now = request.GET.get("format", "json"), timezone.now()
        found = answer(request.GET, now)
        if found.asked.wrong or format not in FORMATS:
            wrong = ", ".join(found.asked.wrong) or "format"
            return HttpResponse(f"Not understood: {wrong}. Go back and choose again.", "text/plain", status=400)
        if found.report is None:
            says = found.failed or "The worker counts these signals. Try again in a moment."
            return HttpResponse(says, "text/plain", status=503, headers={"Retry-After": "5"})
        if format == "csv":
            response = HttpResponse("".join(as_csv(found.report)), "text/csv; charset=utf-8")
        else:
            told = {"query": question(request.GET), "as_of": iso(found.counted_at or now), **found.report}
            response = HttpResponse(json.dumps(told, ensure_ascii=False), "application/json")
        response["Content-Disposition"] = f'attachment; filename="analysis.{format}"'
        return response

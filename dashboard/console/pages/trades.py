"""Strategy Tester: TradingView's list of trades beside what was heard. It compares, and changes and keeps nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from io import TextIOWrapper
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse, JsonResponse

from dashboard.console.page import Page
from dashboard.console.uploading import CsvField
from signals.clock import is_zone
from signals.models import Source
from signals.witnesses.comparing import Comparison, Line, Verdict
from signals.witnesses.heard import compared_file
from signals.witnesses.trades import NotTradesError
from signals.witnesses.wording import sentences

SHOWN = 500  # lines of a page; what differs first


class TradesForm(forms.Form):
    file = CsvField(
        label="List of trades (CSV)",
        help_text="In TradingView: Strategy Tester, List of trades, Download. The file is compared and not kept.",
        command="Compare it with manage.py compare_trades.",
        most=10,  # some 70,000 trades
    )
    source = forms.ModelChoiceField(Source.objects.all(), empty_label=None)
    zone = forms.CharField(
        label="The chart's time zone",
        required=False,
        max_length=48,
        help_text="The export does not name it. Empty: the zone of the source's market. Else as America/New_York.",
    )

    def clean_zone(self) -> str:
        zone: str = self.cleaned_data["zone"].strip()
        if zone and not is_zone(zone):
            raise forms.ValidationError("There is no such time zone. Give one as America/New_York.")
        return zone


@dataclass(frozen=True, slots=True)
class Compared:
    """What the page shows of a comparison."""

    comparison: Comparison
    faults: Sequence[str]
    name: str
    source: Source

    @property
    def says(self) -> list[str]:
        return list(sentences(self.comparison))

    @property
    def lines(self) -> list[Line]:
        """What differs, then what is matched; the latest first."""
        latest = sorted(self.comparison.lines, key=lambda line: line.at, reverse=True)
        return sorted(latest, key=lambda line: line.verdict == Verdict.MATCHED)[:SHOWN]

    @property
    def left_out(self) -> int:
        return max(0, len(self.comparison.lines) - SHOWN)


class TradesPage(Page):
    name = "trades"
    route = "console/trades/"
    title = "Strategy Tester"
    icon = "fact_check"
    place = 38
    key = "t"
    template_name = "dashboard/trades.html"

    def content(self, now: datetime) -> dict[str, Any]:
        return {"form": TradesForm()}

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        form, compared = TradesForm(request.POST, request.FILES), None
        if form.is_valid():
            try:
                compared = compared_with(form.cleaned_data)
            except (NotTradesError, UnicodeDecodeError) as error:
                form.add_error("file", str(error) if isinstance(error, NotTradesError) else "This is no text file.")
        if compared and "json" in request.POST:
            return JsonResponse(
                compared.comparison.as_json() | {"faults": list(compared.faults)},
                headers={"Content-Disposition": 'attachment; filename="trades.json"'},
            )
        context = self.get_context_data() | {"form": form, "compared": compared}
        return self.render_to_response(context, status=200 if compared else 400)


def compared_with(given: dict[str, Any]) -> Compared:
    source: Source = given["source"]
    with TextIOWrapper(given["file"], encoding="utf-8-sig", newline="") as lines:
        comparison, faults = compared_file(source, lines, given["zone"])
    return Compared(comparison, faults, given["file"].name, source)

"""Bars: per symbol and day what price bars there are, from where, what was refused, the holes; and files of bars."""

from datetime import date, datetime, timedelta
from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404

from dashboard import jobs
from dashboard.console.actions import ActionError, Done, Preview
from dashboard.console.page import Page
from dashboard.console.uploading import WORKERS, CsvField, UploadAction, UploadPage
from dashboard.telling.addresses import address
from dashboard.telling.bars import bars_imported
from signals.bars.coverage import coverage, holes, hours_of, last_day, span_of, symbols
from signals.bars.importing import ImportedBars, import_bars
from signals.bars.reading import NotBarsError, Remedy
from signals.clock import NEW_YORK, local
from signals.feeds.overview import overview
from signals.models import RefusedBar, Source
from signals.receiving import uploads
from signals.receiving.logfile import NotAnAlertLogError

DAYS = 14
MOST_HOLES, MOST_REFUSED = 200, 500
# Files of more rows are imported by the worker, unseen: a request must end within its time.
ROWS_AT_ONCE = 10_000
REMEDIES = {
    None: "",
    Remedy.SYMBOL: ": name it below",
    Remedy.OPENS: "; say below that they are opens",
    Remedy.CLOSES: "; say below that they are closes",
}


class BarsForm(forms.Form):
    file = CsvField(
        label="Price bars (CSV)",
        help_text="TradingView's chart export of a one-minute chart, time,open,high,low,close, or Databento's CSV."
        " Uploading only looks at it; nothing is stored yet.",
        command="Import a file of that size with manage.py import_bars.",
    )


class Bars(UploadPage):
    name = "bars"
    route = "console/bars/"
    title = "Bars"
    icon = "waterfall_chart"
    place = 72
    key = "b"
    template_name = "dashboard/bars/page.html"
    upload_form = BarsForm
    wanted = "upload price bars"
    then = "bars-import"

    def content(self, now: datetime) -> dict[str, Any]:
        known = symbols()
        wanted = self.request.GET.get("symbol", "")
        symbol = wanted if wanted in known else next(iter(known), "")
        last = symbol and (asked_day(self.request.GET.get("until", "")) or last_day(symbol, NEW_YORK))
        days = [last - timedelta(days=back) for back in range(DAYS)] if last else []
        found = coverage(symbol, days, zone=NEW_YORK, hours=hours_of(symbol), now=now) if symbol else []
        return {
            "symbols": known,
            "symbol": symbol,
            "days": found[::-1],
            "earlier": days[-1] - timedelta(days=1) if days else None,
            "later": min(last + timedelta(days=DAYS), local(now, NEW_YORK).date()) if last else None,
            "last": last,
            "feeds": [(each, [(use, seconds_of(use.lag(now))) for use in each.uses]) for each in overview()],
        }


def seconds_of(lag: timedelta | None) -> float | None:
    return lag.total_seconds() if lag is not None else None


def asked_day(text: str) -> date | None:
    """A day as an address names it; None for what is none that a clock shows."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if day.year in range(2000, 2100) else None


class BarsDay(Page):
    """One day of a symbol: its holes, and its refused bars with the reasons."""

    name = "bars-day"
    route = "console/bars/<slug:day>/"
    title = "Bars of a day"
    template_name = "dashboard/bars/day.html"

    def content(self, now: datetime) -> dict[str, Any]:
        symbol, day = self.request.GET.get("symbol", ""), asked_day(self.kwargs["day"])
        if day is None or "\x00" in symbol:
            raise Http404("This is no day: open one from the list of days.")
        start, end = span_of(day, NEW_YORK)
        hours = hours_of(symbol)
        refused = RefusedBar.objects.filter(symbol=symbol, time__gte=start, time__lt=end).order_by("time")
        found = list(holes(symbol, start, min(end, max(start, now)), hours))
        return {
            "title": f"Bars of {symbol or 'no symbol'}, {day}",
            "symbol": symbol,
            "day": coverage(symbol, [day], zone=NEW_YORK, hours=hours, now=now)[0],
            "holes": found[:MOST_HOLES],
            "more_holes": max(0, len(found) - MOST_HOLES),
            "refused": refused[:MOST_REFUSED],
        }


class FileForm(forms.Form):
    symbol = forms.CharField(
        required=False,
        max_length=32,
        help_text="Whose bars they are, as the source's symbol is spelled. Empty: the file names each bar's.",
    )
    times = forms.ChoiceField(
        choices=[("open", "the bars' opens"), ("close", "the bars' closes")], label="Its times are"
    )


class BarsImport(UploadAction):
    """An uploaded file of bars: what it holds, and its import; the same as `import_bars`."""

    name = "bars-import"
    route = "console/bars/import/<slug:key>/"
    title = "Import price bars"
    inputs = FileForm
    command = "manage.py import_bars"
    verb = "Import the bars"
    back = "bars"

    def heading(self, subject: uploads.Upload) -> str:
        return f"Import price bars: {subject.name}"

    def initial(self, subject: uploads.Upload) -> dict[str, Any]:
        known = list(Source.objects.exclude(symbol="").values_list("symbol", flat=True).distinct()[:2])
        return {"symbol": known[0] if len(known) == 1 else "", "times": "open"}

    def preview(self, subject: uploads.Upload, given: dict[str, Any], now: datetime) -> Preview:
        try:
            rows = count_lines(subject)
            if rows > ROWS_AT_ONCE:
                return Preview(says=[f"{rows:,} rows. {WORKERS}"], warnings=self.worker_down(now))
            done = imported(subject, given, dry_run=True)
        except (NotBarsError, NotAnAlertLogError) as error:
            return Preview(problem=problem_of(error))
        says = [f"It holds {done.rows:,} rows: {done.stored:,} new bars, {done.unchanged:,} that were stored before."]
        refused = done.reasons.most_common()
        dirty = [f"{day} is a dirty day: {count} bars would be refused." for day, count in done.dirty_days.items()]
        columns = ("Refused because", "Bars") if refused else ()
        return Preview(says=says, columns=columns, rows=refused, warnings=dirty)

    def perform(self, subject: uploads.Upload, given: dict[str, Any], now: datetime) -> Done:
        rows = count_lines(subject)
        if rows > ROWS_AT_ONCE:
            asked = {"upload": subject.key, "symbol": given["symbol"], "times": given["times"]}
            job = jobs.start(jobs.BARS, f"Import of {subject.name}", asked, total=rows, by=self.person, now=now)
            return Done("The worker imports it.", link=address("job", job.pk), level=messages.INFO)
        try:
            done = imported(subject, given)
        except (NotBarsError, NotAnAlertLogError) as error:
            raise ActionError(problem_of(error)) from error
        subject.used()
        return Done(bars_imported(done.as_json()), jobs.bars_noted(subject.name, given["symbol"], done.stored))


def count_lines(upload: uploads.Upload) -> int:
    """Rows behind the header, roughly: a cell may hold a line end."""
    with upload.lines() as file:
        return max(0, sum(1 for _ in file) - 1)


def imported(upload: uploads.Upload, given: dict[str, Any], *, dry_run: bool = False) -> ImportedBars:
    symbol = given["symbol"] or ""
    hours = hours_of(symbol)
    read = jobs.lines_of(upload)
    return import_bars(read, symbol=symbol, hours=hours, closes=given["times"] == "close", dry_run=dry_run)


def problem_of(error: NotBarsError | NotAnAlertLogError) -> str:
    """What is wrong with the file, as a sentence. What to do about it are fields here, not the command's options."""
    if isinstance(error, NotAnAlertLogError):
        return str(error)
    said = f"{error.problem}{REMEDIES[error.remedy]}"
    return f"{said[:1].upper()}{said[1:]}."

"""Alert log: what TradingView says it sent, beside what we received and accepted; and the import of what is lost."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from django import forms
from django.contrib import messages
from django.core.paginator import Page as Rows
from django.core.paginator import Paginator

from dashboard import jobs
from dashboard.console.actions import ActionError, Done, Preview
from dashboard.console.uploading import WORKERS, CsvField, UploadAction, UploadPage
from dashboard.telling.addresses import address
from dashboard.telling.formats import some
from dashboard.telling.import_preview import ImportPreview, preview_import
from signals.models import Delivery, Source, first_id
from signals.receiving import uploads
from signals.receiving.alertlog import Owners, import_log, read_log, times_against
from signals.receiving.ledger import Ledger, Line, Verdict, ledger
from signals.receiving.logfile import NotAnAlertLogError
from signals.vocabulary import Channel

ROWS = 100
# TradingView's export ends there: a log of so many rows was cut, and says nothing about what was before.
EXPORT_LIMIT = 2000
# Logs of more rows are imported by the worker: a request must end within its time.
ROWS_AT_ONCE = 500
# Comparing takes a page some seconds for so many; longer logs are imported without.
MOST_COMPARED = 20_000


class UploadForm(forms.Form):
    file = CsvField(
        label="Alert log (CSV)",
        help_text="In TradingView: Alerts, Log, Export. Uploading only compares; nothing is stored yet.",
        command="Import a file of that size with manage.py import_alerts.",
    )


class AlertLog(UploadPage):
    name = "alert-log"
    route = "console/alert-log/"
    title = "Alert log"
    icon = "receipt_long"
    place = 70
    key = "l"
    template_name = "dashboard/alertlog/page.html"
    upload_form = UploadForm
    wanted = "upload an alert log"
    then = "ledger"

    def content(self, now: datetime) -> dict[str, Any]:
        imported = Delivery.objects.filter(channel=Channel.LOG, id__gte=first_id(now - timedelta(days=30)))
        return {"last_import": imported.order_by("-id").values_list("received_at", flat=True).first()}


@dataclass(frozen=True, slots=True)
class Comparison:
    """What the preview of an import shows besides its sentences."""

    ledger: Ledger
    lines: Rows[Line]
    shown: str


class SourceForm(forms.Form):
    source = forms.ModelChoiceField(
        Source.objects.all(),
        required=False,
        empty_label="the source that knows its Alert ID, else the default one",
        help_text="Where rows go whose Alert ID nobody knows yet.",
    )


class LedgerPage(UploadAction):
    """The ledger of an uploaded log, and the import of it: the same as `import_alerts`, as often as you like."""

    name = "ledger"
    route = "console/alert-log/<slug:key>/"
    title = "Alert log, compared"
    template_name = "dashboard/alertlog/ledger.html"
    inputs = SourceForm
    command = "manage.py import_alerts"
    verb = "Import what is lost"
    back = "alert-log"

    def initial(self, subject: uploads.Upload) -> dict[str, Any]:
        return {"source": None}

    def preview(self, subject: uploads.Upload, given: dict[str, Any], now: datetime) -> Preview:
        try:
            with subject.lines() as file:
                log = read_log(file, now=now)
                rows = list(islice(log, MOST_COMPARED))
                more = sum(1 for _ in log)
        except NotAnAlertLogError as error:
            return Preview(problem=str(error))
        if not rows:
            return Preview(problem="The file has a header and no rows. Export the log again.")
        background = self.worker_down(now) if len(rows) > ROWS_AT_ONCE else []
        if more:
            many = f"{len(rows) + more:,} rows are too many to compare here. Importing stores what is not stored yet."
            return Preview(says=[many, WORKERS], warnings=background)
        compared = ledger(rows, given.get("source"))
        brought = preview_import((line.row for line in compared.absent), now=now)
        shown = Comparison(compared, self.page_of(compared.lines), self.request.GET.get("verdict", ""))
        says = [*sentences(compared, brought), *([WORKERS] if len(rows) > ROWS_AT_ONCE else [])]
        verb = "" if compared.absent else "Note the exact times"
        against = [
            f"{owner.name}: {says} Its rows would go to quarantine."
            for owner, says in times_against(rows, Owners(given.get("source"))).items()
        ]
        return Preview(says=says, warnings=[*against, *background, *warnings(compared)], verb=verb, more=shown)

    def page_of(self, lines: Sequence[Line]) -> Rows[Line]:
        wanted = self.request.GET.get("verdict", "")
        shown = [line for line in lines if not wanted or line.verdict == wanted]
        return Paginator(shown, ROWS).get_page(self.request.GET.get("page"))

    def perform(self, subject: uploads.Upload, given: dict[str, Any], now: datetime) -> Done:
        source = given["source"]
        try:
            rows = count_rows(subject, now)
            if rows > ROWS_AT_ONCE:
                asked = {"upload": subject.key, "source": source.name if source else ""}
                title = f"Import of {subject.name}"
                job = jobs.start(jobs.IMPORT, title, asked, total=rows, by=self.person, now=now)
                return Done("The worker imports it.", link=address("job", job.pk), level=messages.INFO)
            with subject.lines() as file:
                done = import_log(file, now=now, source=source)
        except NotAnAlertLogError as error:
            raise ActionError(str(error)) from error
        said = jobs.imported(done.as_json())
        if done.failed:
            raise ActionError(said)
        subject.used()
        return Done(said, jobs.log_noted(subject.name, done.sources), link=address("ledger", subject.key))


def count_rows(upload: uploads.Upload, now: datetime) -> int:
    with upload.lines() as file:
        return sum(1 for _ in read_log(file, now=now))


def sentences(compared: Ledger, brought: ImportPreview) -> list[str]:
    missing = len(compared.absent)
    if not missing:
        return ["Nothing is lost: every row of this log is stored. Importing it only notes the exact times."]
    rows = some(len(compared.lines), "row")
    are = "is" if missing == 1 else "are"
    says = [
        f"{missing:,} of {rows} {are} not stored. Importing stores what is missing with its own times, and changes"
        " nothing that is there."
    ]
    if brought.events:
        events, signals = some(brought.events, "event"), some(brought.signals, "signal")
        says.append(f"They tell {events} of {signals}, {brought.unknown:,} of which not stored at all yet.")
    if brought.gaps:
        listed = ", ".join(f"{title} ({number})" for title, number in brought.titled)
        says.append(f"They carry what these gaps lack: {listed}. The next cycle closes what they close.")
    else:
        says.append("They would close no open gap.")
    if brought.unreadable:
        says.append(f"{brought.unreadable:,} of them cannot be read, or their time, and would go to quarantine.")
    return says


def warnings(compared: Ledger) -> list[str]:
    found = []
    if mailed := compared.counts[Verdict.BY_MAIL]:
        found.append(
            f"{some(mailed, 'row')} came by mail alone: the webhook lost {'it' if mailed == 1 else 'them'}, and"
            " nothing else would have told before this log."
        )
    if len(compared.lines) >= EXPORT_LIMIT and compared.reach:
        hours = (compared.reach[1] - compared.reach[0]).total_seconds() / 3600
        found.append(
            f"This log was cut at {len(compared.lines)} rows and reaches back {hours:.0f} hours only. What was lost"
            f" before that is not in it: at this pace, export it at least every {max(1, int(hours * 0.8))} hours."
        )
    if compared.counts[Verdict.DELIVERED_YET_ABSENT]:
        found.append(
            "TradingView calls rows delivered that never arrived. What is stored is the only proof of receipt: check"
            " what answers at the webhook's address (a proxy, another server) if there are many."
        )
    return found

"""Alert log: what TradingView says it sent, beside what we received and accepted; and the import of what is lost."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.core.paginator import Page as Rows
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone

from dashboard import uploads
from dashboard.actions import Action, ActionError, Change, Done, Preview
from dashboard.page import Page, address, refusal
from dashboard.pages.deliveries import first_id
from dashboard.recovery import Recovery, recovery
from dashboard.roles import REPLAY
from signals.alertlog import Imported, NotAnAlertLogError, import_log, read_log
from signals.ledger import Ledger, Line, Verdict, ledger
from signals.models import Delivery, Source
from signals.vocabulary import Channel

ROWS = 100
# TradingView's export ends there: a log of so many rows was cut, and says nothing about what was before.
EXPORT_LIMIT = 2000
# An import runs within its request, and a web worker has 30 s: longer logs are the command's.
MOST_ROWS = 5000
EVENTS_A_SECOND, WORTH_SAYING = 2000, 5.0


class UploadForm(forms.Form):
    file = forms.FileField(
        label="Alert log (CSV)",
        widget=forms.FileInput(attrs={"accept": ".csv,text/csv"}),
        help_text="In TradingView: Alerts, Log, Export. Uploading only compares; nothing is stored yet.",
    )

    def clean_file(self) -> Any:
        file = self.cleaned_data["file"]
        if file.size > uploads.MAX_BYTES:
            raise forms.ValidationError("Over 20 MB. Import a file of that size with `manage.py import_alerts`.")
        return file


class AlertLog(Page):
    name = "alert-log"
    route = "console/alert-log/"
    title = "Alert log"
    icon = "receipt_long"
    template_name = "dashboard/alertlog/page.html"

    def content(self, now: datetime) -> dict[str, Any]:
        imported = Delivery.objects.filter(channel=Channel.LOG, id__gte=first_id(now - timedelta(days=30)))
        return {
            "form": UploadForm(),
            "may_act": self.request.user.has_perm(REPLAY),
            "last_import": imported.order_by("-id").values_list("received_at", flat=True).first(),
        }

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not request.user.has_perm(REPLAY):
            return refusal(request, "upload an alert log")
        form = UploadForm(request.POST, request.FILES)
        if not form.is_valid():
            return self.render_to_response(self.get_context_data() | {"form": form}, status=400)
        return redirect(address("ledger", uploads.keep(form.cleaned_data["file"], timezone.now()).key))


@dataclass(frozen=True, slots=True)
class Told:
    """What the preview of an import shows besides its sentences."""

    ledger: Ledger
    lines: Rows[Line]
    shown: str
    recovery: Recovery


class SourceForm(forms.Form):
    source = forms.ModelChoiceField(
        Source.objects.all(),
        required=False,
        empty_label="the source that knows its Alert ID, else the default one",
        help_text="Where rows go whose Alert ID nobody knows yet.",
    )


class LedgerPage(Action[uploads.Upload]):
    """The ledger of an uploaded log, and the import of it: the same as `import_alerts`, as often as you like."""

    name = "ledger"
    route = "console/alert-log/<slug:key>/"
    title = "Alert log, compared"
    permission = REPLAY
    template_name = "dashboard/alertlog/ledger.html"
    inputs = SourceForm
    binding = True
    verb = "Import what is lost"
    back = "alert-log"

    def subject(self) -> uploads.Upload:
        try:
            return uploads.find(self.kwargs["key"])
        except uploads.UnknownUploadError as error:
            raise Http404(str(error)) from error

    def initial(self, subject: uploads.Upload) -> dict[str, Any]:
        return {"source": None}

    def preview(self, subject: uploads.Upload, given: dict[str, Any], now: datetime) -> Preview:
        try:
            with subject.lines() as file:
                rows = list(read_log(file, now=now))
        except NotAnAlertLogError as error:
            return Preview(problem=str(error))
        if not rows:
            return Preview(problem="The file has a header and no rows. Export the log again.")
        if len(rows) > MOST_ROWS:
            return Preview(problem=f"Over {MOST_ROWS:,} rows. Import the file with `manage.py import_alerts`.")
        compared = ledger(rows, given.get("source"))
        brought = recovery((line.row.body for line in compared.absent), now=now)
        told = Told(compared, self.page_of(compared.lines), self.request.GET.get("verdict", ""), brought)
        return Preview(says=sentences(compared, brought), warnings=warnings(compared, brought), more=told)

    def page_of(self, lines: Sequence[Line]) -> Rows[Line]:
        wanted = self.request.GET.get("verdict", "")
        shown = [line for line in lines if not wanted or line.verdict == wanted]
        return Paginator(shown, ROWS).get_page(self.request.GET.get("page"))

    def perform(self, subject: uploads.Upload, given: dict[str, Any], now: datetime) -> Done:
        try:
            with subject.lines() as file:
                done = import_log(file, now=now, source=given["source"])
        except NotAnAlertLogError as error:
            raise ActionError(str(error)) from error
        if done.failed:
            raise ActionError(
                f"{len(done.failed)} rows could not be stored, the others were; import again to retry them."
                f" The first: {done.failed[0]}"
            )
        changed = [
            Change(source, f"Imported {done.sources[source.name]} rows of the alert log {subject.name}.")
            for source in Source.objects.filter(name__in=done.sources)
        ]
        return Done(told_of(done), changed, link=address("ledger", subject.key))


def sentences(compared: Ledger, brought: Recovery) -> list[str]:
    missing = len(compared.absent)
    if not missing:
        return ["Nothing is lost: every row of this log is stored. Importing it only notes the exact times."]
    says = [
        f"{missing:,} of {len(compared.lines):,} rows are not stored. Importing stores them with their own times, and"
        f" changes nothing that is there: {brought.events:,} events of {brought.signals:,} signals,"
        f" {brought.unknown:,} of which are not stored at all yet."
    ]
    if brought.gaps:
        listed = ", ".join(f"{title} ({number})" for title, number in brought.titled)
        says.append(f"They carry what these gaps lack: {listed}. The next cycle closes what they close.")
    else:
        says.append("No open gap of a stored signal lacks what they carry.")
    if brought.unreadable:
        says.append(f"{brought.unreadable} of them cannot be read and would go to quarantine.")
    return says


def warnings(compared: Ledger, brought: Recovery) -> list[str]:
    found = []
    if (seconds := brought.events / EVENTS_A_SECOND) > WORTH_SAYING:
        found.append(
            f"Importing takes about {seconds:.0f} seconds. If the page does not come back, import again: nothing is"
            " taken in twice."
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


def told_of(done: Imported) -> str:
    updated = len(done.updated - done.created)
    return (
        f"{done.rows:,} rows: {done.accepted:,} stored, {done.duplicates:,} were there, {done.quarantined:,} to"
        f" quarantine; {done.events:,} events, {len(done.created):,} signals created, {updated:,} updated."
    )


PAGES: tuple[type[Page], ...] = (AlertLog, LedgerPage)

"""Files that people upload: the form, the page that takes one in, and the action on what it holds."""

from datetime import datetime
from typing import Any, ClassVar

from django import forms
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone

from dashboard.telling.addresses import address
from reconciliation.cycle.worker import wedged
from signals.receiving import uploads

from .actions import ActionPage
from .page import Page, refusal
from .roles import REPLAY

WORKERS = "The worker imports it in the background; a page shows how far it is."


class CsvField(forms.FileField):
    """A CSV file of at most `most` MB, else of what is kept of uploads; a longer one is for the command."""

    def __init__(self, *, command: str, most: int | None = None, **options: Any) -> None:
        self.command, self.most = command, most
        super().__init__(widget=forms.FileInput(attrs={"accept": ".csv,text/csv"}), **options)

    def clean(self, data: Any, initial: Any = None) -> Any:
        file = super().clean(data, initial)
        most = self.most * 2**20 if self.most else uploads.MAX_BYTES
        if file.size > most:
            raise forms.ValidationError(f"Over {most // 2**20} MB. {self.command}")
        return file


class UploadPage(Page):
    """Takes a file in by `upload_form`, keeps it, and goes on to the page that tells what it holds."""

    upload_form: type[forms.Form]
    wanted = ""  # what the role is for, in a refusal
    then = ""  # the page that it goes on to

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        may_act = self.request.user.has_perm(REPLAY)
        return {"form": self.upload_form(), "may_act": may_act} | super().get_context_data(**kwargs)

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not request.user.has_perm(REPLAY):
            return refusal(request, self.wanted)
        form = self.upload_form(request.POST, request.FILES)
        if not form.is_valid():
            return self.render_to_response(self.get_context_data() | {"form": form}, status=400)
        return redirect(address(self.then, uploads.keep(form.cleaned_data["file"], timezone.now()).key))


class UploadAction(ActionPage[uploads.Upload]):
    """An action on an uploaded file, by the key in its address."""

    permission = REPLAY
    binding = True
    command: ClassVar[str]  # that does it without the worker

    def subject(self) -> uploads.Upload:
        try:
            return uploads.find(self.kwargs["key"])
        except uploads.UnknownUploadError as error:
            raise Http404(str(error)) from error

    def worker_down(self, now: datetime) -> list[str]:
        """What to say of the worker where the import is its work: only that it is down."""
        fault = wedged(now)
        if not fault:
            return []
        return [f"The worker is down ({fault}): the import waits until it is back. {self.command} does it now."]

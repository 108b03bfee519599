"""Formats: what can be read beside the indicator's own messages, built in and taught; each with its versions."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django import forms
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.functional import cached_property

from dashboard.console.actions import ActionError, ActionPage, Done, LoggedChange, Preview
from dashboard.console.mapper import ForSource, UseForm
from dashboard.console.page import Page, picked
from dashboard.console.roles import TEACH
from dashboard.teaching import go_back, problem_of, take_out
from dashboard.telling.addresses import address
from dashboard.telling.formats import some
from signals.dialects.builtin import BUILTIN
from signals.dialects.spec import SpecError
from signals.models import Format, Source
from signals.teaching.previewing import preview
from signals.teaching.saving import brought_in, exported, imported, in_use, read_specs
from signals.teaching.shapes import ShapeGroup

from .teaching import becomes, built_in, never_told, owing, sentences, taught
from .unknown import only_source, waiting_in

MOST_AT_ONCE = 200
MAX_FILE = 256 * 1024  # characters
Spec = Mapping[str, Any]


def latest() -> QuerySet[Format]:
    """The versions that are in use."""
    return Format.objects.filter(state=Format.State.ACTIVE).select_related("source")


class Formats(Page):
    name = "formats"
    route = "console/deliveries/formats/"
    title = "Formats"
    template_name = "dashboard/formats/page.html"

    def content(self, now: datetime) -> dict[str, Any]:
        used = list(latest().order_by("name", "source__name"))
        by_name: dict[str, list[Format]] = {}
        for each in used:
            by_name.setdefault(each.name, []).append(each)
        return {
            "used": used,
            "retired": Format.objects.filter(state=Format.State.RETIRED).select_related("source")[:50],
            "built_in": [(each, by_name.get(name, [])) for name, each in BUILTIN.items()],
            "may_teach": self.request.user.has_perm(TEACH),
        }


class FormatPage(Page):
    """One version of a format, and the others of its name."""

    name = "format"
    route = "console/deliveries/formats/<int:pk>/"
    title = "Format"
    template_name = "dashboard/formats/format.html"

    def content(self, now: datetime) -> dict[str, Any]:
        shown = get_object_or_404(Format.objects.select_related("source"), pk=self.kwargs["pk"])
        versions = Format.objects.filter(name=shown.name).select_related("source").order_by("-version")
        return {
            "title": f"Format {shown.name}, version {shown.version}",
            "format": shown,
            "versions": versions.annotate(read=Count("deliveries"))[:100],
            "may_teach": self.request.user.has_perm(TEACH),
        }


class ExportFormats(Page):
    """Formats as a file that `ImportFormats` takes: those picked (`?pick=1`), else all that are in use."""

    name = "export-formats"
    route = "console/deliveries/formats/export/"
    title = "Export of formats"

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        keys = picked(request, MOST_AT_ONCE)
        rows = Format.objects.filter(pk__in=keys) if "pick" in request.GET else latest()
        found = list(rows.order_by("name", "version"))
        name = found[0].name if len(found) == 1 else "formats"
        return HttpResponse(
            exported(found),
            content_type="application/json",
            headers={"Content-Disposition": f'attachment; filename="{name}.json"'},
        )


class UseFormat(ActionPage[Spec]):
    """Switch a built-in format on for a source. `?shape=key` tries it on what waits in that shape, and reads it."""

    name = "use-format"
    route = "console/deliveries/formats/use/<slug:built_in>/"
    title = "Use a format"
    permission = TEACH
    template_name = "dashboard/formats/use.html"
    binding = True
    verb = "Use it"
    back = "formats"

    @property
    def inputs(self) -> type[forms.Form]:  # type: ignore[override]
        return UseForm if self.group else ForSource

    def subject(self) -> Spec:
        return built_in(self.kwargs["built_in"]).spec

    @cached_property
    def group(self) -> ShapeGroup | None:
        key = self.request.GET.get("shape", "")
        return waiting_in(key) if key else None

    def heading(self, subject: Spec) -> str:
        return f"Use {subject['title']}"

    def back_link(self) -> str:
        return address("unknown-formats" if self.group else "formats")

    def initial(self, subject: Spec) -> dict[str, Any]:
        return {"source": only_source(self.group), "replay": True} if self.group else {"source": None}

    def preview(self, subject: Spec, given: dict[str, Any], now: datetime) -> Preview:
        source = given.get("source")
        whose = f"alerts of {source}" if source else "alerts of every source"
        says = [
            f"From now on {whose} that look like this are read as {subject['title']}.",
            becomes(subject["name"], source),
            *owed(subject, source),
        ]
        if not self.group:
            says.append("What waits and it can read is then offered to be read again, under Unknown formats.")
            return Preview(says=says, warnings=owing(subject, source))
        outcome = preview(subject, self.group.key, source=source)
        return Preview(
            problem=problem_of(outcome),
            says=[*says, *sentences(outcome)],
            warnings=owing(subject, source),
            more=outcome,
        )

    def perform(self, subject: Spec, given: dict[str, Any], now: datetime) -> Done:
        return taught(self.person, subject, given, self.group.key if self.group else "", now)


def owed(spec: Spec, source: Source | None) -> list[str]:
    """What the source is then not asked for, in a sentence."""
    titles = never_told(spec) if source else ""
    return [f"Such alerts do not tell these, and {source} is then not asked for them: {titles}."] if titles else []


class OnFormat(ActionPage[Format]):
    """An action on one version of a format."""

    permission = TEACH
    back = "formats"

    def subject(self) -> Format:
        return get_object_or_404(Format.objects.select_related("source"), pk=self.kwargs["pk"])

    def heading(self, subject: Format) -> str:
        return f"{self.title}: {subject.spec.get('title') or subject.name}, version {subject.version}"

    def back_link(self) -> str:
        return address("format", self.kwargs["pk"])


class RetireFormat(OnFormat):
    name = "retire-format"
    route = "console/deliveries/formats/<int:pk>/retire/"
    title = "Retire"
    verb = "Retire it"
    danger = True

    def preview(self, subject: Format, given: dict[str, Any], now: datetime) -> Preview:
        if subject.state != Format.State.ACTIVE:
            return Preview(problem="It is not in use.")
        says = [
            f"Alerts of {subject.source or 'every source'} in this format are not read any more: they wait under"
            " Unknown formats.",
            f"What it has read stays ({some(brought_in(subject).count(), 'alert')}), and you can go back to it.",
        ]
        if subject.source and subject.spec.get("gaps_off"):
            says.append(
                f"What {subject.source} is not asked for since then stays so, until you change it under Sources."
            )
        return Preview(says=says)

    def perform(self, subject: Format, given: dict[str, Any], now: datetime) -> Done:
        return Done("It is not in use any more.", [take_out(subject, now).change])


class RestoreFormat(OnFormat):
    name = "restore-format"
    route = "console/deliveries/formats/<int:pk>/restore/"
    title = "Go back"
    verb = "Go back to this version"

    def preview(self, subject: Format, given: dict[str, Any], now: datetime) -> Preview:
        if subject.state == Format.State.ACTIVE:
            return Preview(problem="It is in use already.")
        newest = in_use(subject.name, subject.source).first()
        says = [f"Alerts of {subject.source or 'every source'} are read as version {subject.version} said."]
        if newest:
            says.append(f"Version {newest.version}, which is in use now, is replaced by it. It is kept, too.")
        return Preview(says=[*says, "What was read meanwhile stays as it was read."])

    def perform(self, subject: Format, given: dict[str, Any], now: datetime) -> Done:
        done = go_back(self.person, subject, now)
        says = f"In use again, as version {done.format.version}."
        return Done(says, [done.change], link=address("format", done.format.pk))


class ImportForm(ForSource):
    text = forms.CharField(
        label="Formats as JSON", max_length=MAX_FILE, widget=forms.Textarea(attrs={"spellcheck": "false"}),
        help_text="One format, or a list of them, as Export gives them.",
    )  # fmt: skip


class ImportFormats(ActionPage[None]):
    name = "import-formats"
    route = "console/deliveries/formats/import/"
    title = "Import formats"
    permission = TEACH
    inputs = ImportForm
    binding = True
    verb = "Import"
    back = "formats"

    def subject(self) -> None:
        return None

    def preview(self, subject: None, given: dict[str, Any], now: datetime) -> Preview:
        if not given.get("text"):
            return Preview(says=["Paste what Export gave, and look at the preview."], asks=True)
        try:
            specs = read_specs(given["text"])
        except SpecError as error:
            return Preview(problem=str(error))
        return Preview(
            says=[f"{some(len(specs), 'format')} for {given['source'] or 'every source'}."],
            columns=("Format", "What it is", "What becomes of it"),
            rows=[
                (spec["name"], spec.get("title") or spec.get("about", ""), becomes(spec["name"], given["source"]))
                for spec in specs
            ],
        )

    def perform(self, subject: None, given: dict[str, Any], now: datetime) -> Done:
        try:
            made = imported(given["text"], source=given["source"], by=self.person, now=now)
        except SpecError as error:
            raise ActionError(str(error)) from error
        changed = [LoggedChange(each, f"Imported for {each.source or 'every source'}.", made=True) for each in made]
        return Done(f"{some(len(made), 'format')} imported: {', '.join(each.name for each in made)}.", changed)

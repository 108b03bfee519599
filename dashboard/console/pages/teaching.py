"""The mapper: a format is taught with a sample beside it, and what would come out of everything in its shape below."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from typing import Any

from django.contrib import messages
from django.contrib.auth.models import User
from django.http import Http404
from django.shortcuts import get_object_or_404
from django.utils.functional import cached_property

from dashboard.console.actions import ActionError, ActionPage, Done, Preview, S
from dashboard.console.mapper import MapperForm, initial_of, spec_of
from dashboard.console.roles import TEACH
from dashboard.teaching import problem_of, teach, tried_on_read
from dashboard.telling.addresses import address
from dashboard.telling.formats import some
from reconciliation.gaps import CATALOGUE
from signals.dialects.builtin import BUILTIN, Builtin
from signals.dialects.shapes import shape_of
from signals.dialects.spec import SpecError
from signals.dialects.texts import TextError
from signals.models import AutomatedSignal, Format, Source
from signals.teaching.previewing import Preview as Outcome
from signals.teaching.previewing import preview
from signals.teaching.saving import brought_in, in_use
from signals.teaching.shapes import ShapeGroup, open_rows
from signals.teaching.suggesting import DRAFT_NAME, FoundValue, paths_of, suggest

from .unknown import OnShape, only_source

SAMPLES = 20  # bodies that a suggestion is made from


@dataclass(frozen=True, slots=True)
class Look:
    """What the mapper shows besides the fields."""

    about: str
    outcome: Outcome
    spec: Mapping[str, Any]
    body: bytes
    paths: Sequence[FoundValue]


class Mapper(ActionPage[S]):
    """Fields of a format, previewed as they are typed: HTMX posts the form to this address and gets the preview alone.

    Subclasses say which format it begins with, which bodies it is tried on, and in which shape they wait.
    """

    permission = TEACH
    template_name = "dashboard/unknown/teach.html"
    inputs = MapperForm
    binding = True
    verb = "Save this format"
    back_title = ""

    @property
    def alone(self) -> bool:
        return self.request.method == "POST" and self.request.headers.get("HX-Request") == "true"

    def get_template_names(self) -> list[str]:
        return ["dashboard/unknown/outcome.html"] if self.alone else super().get_template_names()

    @property
    def base(self) -> Mapping[str, Any]:
        """The format that the fields begin with."""
        raise NotImplementedError

    @property
    def shape(self) -> str:
        """The key of the shape that its messages wait in."""
        raise NotImplementedError

    @property
    def bodies(self) -> Sequence[bytes]:
        """Messages in this format, newest first."""
        raise NotImplementedError

    def about(self, subject: S) -> str:
        """What the page is about, in a few words."""
        raise NotImplementedError

    def tried(self, spec: Mapping[str, Any], source: Source | None) -> tuple[Outcome, list[str]]:
        """What a format would make of the messages, and that in sentences."""
        outcome = preview(spec, self.shape, source=source)
        return outcome, sentences(outcome)

    def preview(self, subject: S, given: dict[str, Any], now: datetime) -> Preview:
        spec = spec_of(initial_of(self.base) | given, self.base)
        body = self.bodies[0] if self.bodies else b""
        outcome, says = self.tried(spec, given.get("source"))
        look = Look(self.about(subject), outcome, spec, body, found_in(body, spec))
        told = [*warnings(outcome), *owing(spec, given.get("source"))]
        says = [*says, becomes(spec.get("name", ""), given.get("source"))]
        return Preview(problem=problem_of(outcome), says=says, warnings=told, more=look)

    def perform(self, subject: S, given: dict[str, Any], now: datetime) -> Done:
        return taught(self.person, spec_of(given, self.base), given, self.shape, now)


def found_in(body: bytes, spec: Mapping[str, Any]) -> Sequence[FoundValue]:
    """What can be picked in the message; nothing as long as the format cannot take a text apart."""
    try:
        return paths_of(body, spec.get("text"))
    except TextError:
        return ()


def sentences(outcome: Outcome) -> list[str]:
    if not outcome.rows:
        return [] if outcome.problem else ["Nothing waits in this shape. It is for what comes."]
    looked = len(outcome.rows)
    of_all = f" The oldest {looked:,} are tried here, {outcome.more:,} more wait." if outcome.more else ""
    signals = some(len(outcome.signals), "signal")
    return [f"{outcome.read:,} of {some(looked, 'alert')} can be read and tell of {signals}.{of_all}"]


def warnings(outcome: Outcome) -> list[str]:
    if outcome.read and not any(row.events or row.bars for row in outcome.rows):
        return ["No signal and no price would come of these: say under What messages mean what each does."]
    return []


def becomes(name: str, source: Source | None) -> str:
    """What saving a format of this name does to the one that is in use."""
    used, whose = in_use(name, source).first(), source or "every source"
    return f"It replaces version {used.version} of {name} for {whose}." if used else f"It is a new one for {whose}."


def never_told(spec: Mapping[str, Any]) -> str:
    """The gaps of what such alerts do not tell, in words."""
    titles = [CATALOGUE[name].title for name in off(spec)]
    return ", ".join(f"{title[0].lower()}{title[1:]}" for title in titles)


def off(spec: Mapping[str, Any]) -> list[str]:
    return [name for name in spec.get("gaps_off", []) if name in CATALOGUE]


def owing(spec: Mapping[str, Any], source: Source | None) -> list[str]:
    """What it means that such alerts never tell some things: a source is then not asked for them."""
    titles = never_told(spec)
    if not titles:
        return []
    if source is None:
        return [
            f"For every source, what such alerts do not tell stays a gap ({titles}). Choose a source to change that."
        ]
    fresh = set(off(spec)) - set(source.gaps_off)
    if not fresh or not AutomatedSignal.objects.filter(source=source).exists():
        return []
    return [
        f"{source} has signals already, and these gaps are then not counted for them either: {titles}. If they come"
        " from the indicator, give this alert a source, and so an address, of its own (Sources)."
    ]


def taught(person: User, spec: Mapping[str, Any], given: Mapping[str, Any], shape: str, now: datetime) -> Done:
    """Save a format for the source that is given and, where asked to, have what waits in a shape read again."""
    source = given["source"]
    try:
        done = teach(person, spec, source=source, shape=shape if given.get("replay") else "", now=now)
    except SpecError as error:
        raise ActionError(str(error)) from error
    says = f"Saved as version {done.format.version} of {done.format.name}."
    if done.job is None:
        return Done(says, [done.change], link=address("format", done.format.pk))
    says = f"{says} The worker reads again what waits in this shape."
    return Done(says, [done.change], link=address("job", done.job.pk), level=messages.INFO)


class Teach(Mapper[ShapeGroup], OnShape):
    """A format for what waits in a shape. `?from=name` begins with a built-in format, else the sample suggests one."""

    name = "teach"
    route = "console/deliveries/unknown/<slug:shape>/teach/"
    title = "Teach this format"
    back_title = "Unknown formats"

    @property
    def shape(self) -> str:
        return str(self.kwargs["shape"])

    @cached_property
    def bodies(self) -> Sequence[bytes]:
        rows = open_rows(self.shape).order_by("-pk").values_list("delivery__body__raw", flat=True)
        return [bytes(raw) for raw in rows[:SAMPLES]]

    @cached_property
    def base(self) -> Mapping[str, Any]:
        name = self.request.GET.get("from", "")
        return built_in(name).spec if name else suggest(self.bodies, unused(DRAFT_NAME))

    def about(self, subject: ShapeGroup) -> str:
        return subject.label

    def initial(self, subject: ShapeGroup) -> dict[str, Any]:
        return initial_of(self.base) | {"source": only_source(subject), "replay": True}


class ChangeFormat(Mapper[Format]):
    """A new version of a format. What earlier ones have read stays as it was read."""

    name = "change-format"
    route = "console/deliveries/formats/<int:pk>/change/"
    title = "Change a format"
    back_title = "Formats"
    back = "formats"

    @cached_property
    def format(self) -> Format:
        return get_object_or_404(Format.objects.select_related("source"), pk=self.kwargs["pk"])

    def subject(self) -> Format:
        return self.format

    @cached_property
    def bodies(self) -> Sequence[bytes]:
        rows = brought_in(self.format).exclude(body=None).values_list("body__raw", flat=True)
        return [bytes(raw) for raw in rows[:SAMPLES]] or samples_of(self.format.name)

    @property
    def shape(self) -> str:
        return shape_of(self.bodies[0]).key

    @property
    def base(self) -> Mapping[str, Any]:
        spec: Mapping[str, Any] = self.format.spec
        return spec

    def about(self, subject: Format) -> str:
        return f"{subject.spec.get('title') or subject.name}, version {subject.version}"

    def tried(self, spec: Mapping[str, Any], source: Source | None) -> tuple[Outcome, list[str]]:
        """Where nothing waits: what it would make of the latest that earlier versions have read."""
        outcome, says = super().tried(spec, source)
        if outcome.problem or outcome.rows:
            return outcome, says
        outcome = tried_on_read(spec, self.format, source)
        if not outcome.rows:
            return outcome, says
        latest = f"Of the latest {some(len(outcome.rows), 'alert')} that it has read, {outcome.read:,} can be read so."
        return outcome, [latest, "What was read stays as it was read; this version is for what comes."]

    def initial(self, subject: Format) -> dict[str, Any]:
        return initial_of(self.base) | {"source": subject.source, "replay": True}


def unused(name: str) -> str:
    """The name, with a number where there is a format of it already: a draft must not replace what is in use."""
    names = set(Format.objects.filter(name__startswith=name).values_list("name", flat=True))
    return next(each for number in count(1) if (each := name if number == 1 else f"{name}-{number}") not in names)


def built_in(name: str) -> Builtin:
    """The built-in format of this name. Raises Http404 when there is none."""
    if name not in BUILTIN:
        raise Http404("No built-in format has this name.")
    return BUILTIN[name]


def samples_of(name: str) -> list[bytes]:
    """The messages that come with a built-in format; of another name, none that is worth looking at."""
    return [text.encode() for text in BUILTIN[name].samples] if name in BUILTIN else [b""]

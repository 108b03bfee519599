"""The mapper: a format is taught with a sample beside it, and what would come out of everything in its shape below."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.contrib.auth.models import User
from django.http import Http404
from django.shortcuts import get_object_or_404
from django.utils.functional import cached_property
from signals.teaching.previewing import Preview as Outcome
from signals.teaching.previewing import preview
from signals.teaching.saving import brought_in, save
from signals.teaching.shapes import ShapeGroup, open_rows
from signals.teaching.suggesting import FoundValue, paths_of, suggest

from dashboard import jobs
from dashboard.console.actions import ActionError, ActionPage, Done, Preview, S
from dashboard.console.mapper import MapperForm, initial_of, spec_of
from dashboard.console.roles import TEACH
from dashboard.telling.addresses import address
from dashboard.telling.formats import some
from signals.dialects.builtin import BUILTIN
from signals.dialects.shapes import shape_of
from signals.dialects.spec import SpecError
from signals.models import Format, Source

from .unknown import OnShape

SAMPLES = 20  # bodies that a suggestion is made from


@dataclass(frozen=True, slots=True)
class Look:
    """What the mapper shows besides the fields."""

    outcome: Outcome | None
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

    def waiting(self) -> int:
        """How many wait in the shape."""
        raise NotImplementedError

    def preview(self, subject: S, given: dict[str, Any], now: datetime) -> Preview:
        spec = spec_of(initial_of(self.base) | given, self.base)
        body = self.bodies[0] if self.bodies else b""
        outcome = preview(spec, self.shape, source=given.get("source"))
        look = Look(outcome, spec, body, paths_of(body, spec))
        if outcome.problem:
            return Preview(problem=outcome.problem, more=look)
        if self.waiting() and not outcome.read:
            return Preview(problem=NOTHING_READ, more=look)
        return Preview(says=[sentence(outcome, self.waiting())], more=look)

    def perform(self, subject: S, given: dict[str, Any], now: datetime) -> Done:
        return taught(self.person, spec_of(given, self.base), given, self.shape, now)


def taught(person: User, spec: Mapping[str, Any], given: Mapping[str, Any], shape: str, now: datetime) -> Done:
    """Save a format for the source that is given and, where asked to, have what waits in a shape read again."""
    try:
        made = save(spec, source=given["source"], by=person, now=now)
    except SpecError as error:
        raise ActionError(str(error)) from error
    says = f"Saved as version {made.version} of {made.name}."
    if not given["replay"] or not open_rows(shape, limit=1).exists():
        return Done(says, link=address("format", made.pk))
    job = jobs.start_replay(shape, by=person, now=now)
    says = f"{says} The worker reads again what waits in this shape."
    return Done(says, link=address("job", job.pk), level=messages.INFO)


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
        rows = open_rows(self.shape).order_by("-pk").values_list("delivery__raw", flat=True)
        return [bytes(raw) for raw in rows[:SAMPLES]]

    @cached_property
    def base(self) -> Mapping[str, Any]:
        name = self.request.GET.get("from", "")
        if name and name not in BUILTIN:
            raise Http404("No built-in format has this name.")
        return BUILTIN[name].spec if name else suggest(self.bodies)

    def waiting(self) -> int:
        return self.group.count

    def initial(self, subject: ShapeGroup) -> dict[str, Any]:
        source = Source.objects.filter(name=subject.sources[0]).first() if len(subject.sources) == 1 else None
        return initial_of(self.base) | {"source": source, "replay": True}


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
        rows = brought_in(self.format).order_by("-pk").values_list("raw", flat=True)
        return [bytes(raw) for raw in rows[:SAMPLES]] or samples_of(self.format.name)

    @property
    def shape(self) -> str:
        return shape_of(self.bodies[0]).key

    @property
    def base(self) -> Mapping[str, Any]:
        spec: Mapping[str, Any] = self.format.spec
        return spec

    @cached_property
    def number(self) -> int:
        return open_rows(self.shape).count()

    def waiting(self) -> int:
        return self.number

    def initial(self, subject: Format) -> dict[str, Any]:
        return initial_of(self.base) | {"source": subject.source, "replay": True}


def samples_of(name: str) -> list[bytes]:
    """The messages that come with a built-in format; of another name, none that is worth looking at."""
    return [text.encode() for text in BUILTIN[name].samples] if name in BUILTIN else [b""]


NOTHING_READ = "Nothing that waits in this shape can be read so. The reasons are below."


def sentence(outcome: Outcome, waiting: int) -> str:
    looked = outcome.read + outcome.unread
    of_all = f" (the oldest {looked:,} of {waiting:,} are tried here)" if looked < waiting else ""
    return f"{outcome.read:,} of {some(looked, 'alert')} can be read{of_all}: {some(len(outcome.signals), 'signal')}."

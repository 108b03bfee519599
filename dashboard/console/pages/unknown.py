"""Unknown formats: what nobody could read, by shape. From here a format is used, taught, or the lot dismissed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.http import Http404
from django.utils.functional import cached_property

from dashboard.console.actions import ActionError, ActionPage, Done, LoggedChange, Preview
from dashboard.console.page import Page
from dashboard.console.roles import REPLAY, TEACH
from dashboard.teaching import reading_again
from dashboard.telling.addresses import address
from dashboard.telling.formats import some
from signals.dialects.builtin import Builtin
from signals.facts import UnreadableError
from signals.models import Delivery, Source
from signals.receiving.quarantine import read_copy
from signals.teaching.shapes import ShapeGroup, dismiss_shape, unknown_shapes
from signals.teaching.suggesting import fitting

from .quarantine import DismissForm

SHOWN = 30
MOST_TRIED = 16 * 1024  # bytes; no ordinary alert is longer, and the page is asked for every few seconds


@dataclass(frozen=True, slots=True)
class Group:
    """A shape with its newest body, the built-in formats that fit it, and whether it can be read by now."""

    shape: ShapeGroup
    sample: bytes
    fits: Sequence[Builtin]
    known: bool


def grouped(shapes: Sequence[ShapeGroup]) -> list[Group]:
    samples = (
        Delivery.objects.filter(pk__in=[shape.sample for shape in shapes])
        .select_related("source")
        .prefetch_related("body")
    )
    newest = {delivery.pk: delivery for delivery in samples}
    return [group_of(shape, newest[shape.sample]) for shape in shapes]


def group_of(shape: ShapeGroup, newest: Delivery) -> Group:
    body = newest.raw
    tried = shape.foreign and len(body) <= MOST_TRIED
    known = tried and can_be_read(newest)
    return Group(shape, body, fitting(body) if tried and not known else (), known)


def can_be_read(delivery: Delivery) -> bool:
    try:
        read_copy(delivery, delivery.raw)
    except UnreadableError:
        return False
    return True


class UnknownFormats(Page):
    name = "unknown-formats"
    route = "console/deliveries/unknown/"
    title = "Unknown formats"
    template_name = "dashboard/unknown/page.html"
    fragment = "dashboard/unknown/live.html"
    every = 10

    def content(self, now: datetime) -> dict[str, Any]:
        shapes = unknown_shapes()
        groups = grouped(shapes[:SHOWN])
        return {
            "foreign": [group for group in groups if group.shape.foreign],
            "damaged": [group for group in groups if not group.shape.foreign],
            "more": len(shapes) - len(groups),
            "may_teach": self.request.user.has_perm(TEACH),
            "may_replay": self.request.user.has_perm(REPLAY),
        }


class OnShape(ActionPage[ShapeGroup]):
    """An action on all that waits in one shape."""

    back = "unknown-formats"

    @cached_property
    def group(self) -> ShapeGroup:
        return waiting_in(self.kwargs["shape"])

    def subject(self) -> ShapeGroup:
        return self.group


def waiting_in(key: str) -> ShapeGroup:
    """What waits in a shape. Raises Http404 when nothing does."""
    found = unknown_shapes(shape=key) if key.isalnum() else []  # a column cannot even be asked for a NUL
    if found:
        return found[0]
    raise Http404("Nothing waits in this shape any more.")


def only_source(shape: ShapeGroup) -> Source | None:
    """The source that all of it is of; None where it is of several."""
    return Source.objects.filter(name=shape.sources[0]).first() if len(shape.sources) == 1 else None


class ReadShape(OnShape):
    """For what waits in a shape that can be read by now, as its format was taught by another shape."""

    name = "read-shape"
    route = "console/deliveries/unknown/<slug:shape>/read/"
    title = "Read again"
    permission = REPLAY
    verb = "Read them"

    def preview(self, subject: ShapeGroup, given: dict[str, Any], now: datetime) -> Preview:
        return Preview(
            says=[
                f"{some(subject.count, 'alert')} of {', '.join(subject.sources)} would be read again, with the times at"
                f" which they fired: {subject.label}",
                "What cannot be read stays here, and nothing is read twice.",
            ]
        )

    def perform(self, subject: ShapeGroup, given: dict[str, Any], now: datetime) -> Done:
        job = reading_again(self.person, subject.key, None, now)
        if job is None:
            raise ActionError("Nothing waits in this shape any more.")
        return Done("The worker reads them.", link=address("job", job.pk), level=messages.INFO)


class DismissShape(OnShape):
    name = "dismiss-shape"
    route = "console/deliveries/unknown/<slug:shape>/dismiss/"
    title = "Dismiss all of a shape"
    permission = REPLAY
    verb = "Dismiss them"
    danger = True
    inputs = DismissForm

    def preview(self, subject: ShapeGroup, given: dict[str, Any], now: datetime) -> Preview:
        return Preview(
            says=[
                f"What looks like this leaves the quarantine, {some(subject.count, 'alert')} of"
                f" {', '.join(subject.sources)}: {subject.label}",
                "Their bytes stay stored, and none of their events. What comes in this shape later waits here again.",
            ]
        )

    def perform(self, subject: ShapeGroup, given: dict[str, Any], now: datetime) -> Done:
        number = dismiss_shape(subject.key, given["note"], by=self.person, now=now)
        if not number:
            raise ActionError("Somebody has decided about all of these already.")
        says = f"Dismissed {some(number, 'alert')} of the shape {subject.label}: {given['note']}"
        sources = Source.objects.filter(name__in=subject.sources)
        return Done(f"{number:,} dismissed.", [LoggedChange(source, says) for source in sources])

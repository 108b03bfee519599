"""Unknown formats: what nobody could read, by shape. From here a format is used, taught, or the lot dismissed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.http import Http404
from django.utils.functional import cached_property

from dashboard.console.actions import ActionError, ActionPage, Done, LoggedChange, Preview
from dashboard.console.page import Page
from dashboard.console.roles import REPLAY, TEACH
from dashboard.telling.formats import some
from signals.dialects.builtin import Builtin
from signals.models import Delivery, Source
from signals.teaching.shapes import ShapeGroup, dismiss_shape, unknown_shapes
from signals.teaching.suggesting import fitting

from .quarantine import DismissForm

SHOWN = 30


@dataclass(frozen=True, slots=True)
class Group:
    """A shape with its newest body, and the built-in formats that can read it."""

    shape: ShapeGroup
    sample: bytes
    fits: Sequence[Builtin]


def grouped(shapes: Sequence[ShapeGroup]) -> list[Group]:
    raw: dict[UUID, bytes] = dict(
        Delivery.objects.filter(pk__in=[shape.sample for shape in shapes]).values_list("pk", "raw")
    )
    bodies = [bytes(raw[shape.sample]) for shape in shapes]
    return [
        Group(shape, body, fitting(body) if shape.foreign else ()) for shape, body in zip(shapes, bodies, strict=True)
    ]


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
            "may_dismiss": self.request.user.has_perm(REPLAY),
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
    for shape in unknown_shapes():
        if shape.key == key:
            return shape
    raise Http404("Nothing waits in this shape any more.")


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

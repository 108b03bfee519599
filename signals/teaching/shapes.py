"""Unknown formats: the open quarantine by shape, so that people decide once about what is of one make."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from django.contrib.auth.models import User
from django.db.models import Count, Max, Min, QuerySet

from signals.models import Quarantine, Source
from signals.receiving.quarantine import dismiss_all
from signals.storage.paging import counted

OPEN = Quarantine.State.OPEN


@dataclass(frozen=True, slots=True)
class ShapeGroup:
    """Open quarantine of one shape. `sample` is its latest delivery; `foreign` what is no message of the indicator."""

    key: str
    label: str
    foreign: bool
    count: int
    first: datetime
    last: datetime
    sources: tuple[str, ...]
    sample: UUID


def unknown_shapes(source: Source | None = None, shape: str = "") -> list[ShapeGroup]:
    """All shapes with anything open, or that one, other alerts' first, then by how many there are."""
    rows = open_rows(shape, source) if shape else open_of(source)
    groups = list(
        rows.order_by()
        .values("shape")
        .annotate(
            label=Max("shape_label"),
            count=Count("pk"),
            first=Min("delivery__received_at"),
            last=Max("delivery__received_at"),
            newest=Max("pk"),
        )
    )
    samples = {
        key: (foreign, delivery)
        for key, foreign, delivery in Quarantine.objects.filter(
            pk__in=[group["newest"] for group in groups]
        ).values_list("pk", "foreign", "delivery")
    }
    names = sources_of(rows)
    found = [
        ShapeGroup(
            group["shape"], group["label"], samples[group["newest"]][0], group["count"], group["first"], group["last"],
            tuple(sorted(names[group["shape"]])), samples[group["newest"]][1],
        )
        for group in groups
    ]  # fmt: skip
    return sorted(found, key=lambda group: (not group.foreign, -group.count, group.key))


def open_of(source: Source | None) -> QuerySet[Quarantine]:
    rows = Quarantine.objects.filter(state=OPEN)
    return rows if source is None else rows.filter(delivery__source=source)


def sources_of(rows: QuerySet[Quarantine]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for shape, name in rows.order_by().values_list("shape", "delivery__source__name").distinct():
        found[shape].add(name)
    return found


def open_rows(shape: str, source: Source | None = None) -> QuerySet[Quarantine]:
    """What is open of a shape, oldest first, each with its delivery and that one's source."""
    return open_of(source).filter(shape=shape).select_related("delivery__source").order_by("pk")


class Waiting(NamedTuple):
    """How much of the open quarantine is of other alerts, and how much is damaged. Bounded counts."""

    foreign: int
    damaged: int


def counts() -> Waiting:
    rows = open_of(None)
    return Waiting(counted(rows.filter(foreign=True)), counted(rows.filter(foreign=False)))


def dismiss_shape(shape: str, note: str, *, by: User | None, now: datetime, source: Source | None = None) -> int:
    """Put everything that is open of a shape aside, with the reason. Returns how much that was."""
    return dismiss_all(open_rows(shape, source), note, by=by, now=now)

"""Completeness: of the signals that the bars show, how many were heard of, and when nothing arrived at all."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Any

from django.db.models import OuterRef, QuerySet, Subquery

from reconciliation.models import Agreement, ReplayedSignal
from signals.clock import MINUTE, local
from signals.market import Market, market
from signals.models import Delivery, Source

from .measuring import heard_on

HOUR = timedelta(hours=1)


@dataclass(slots=True)
class Hour:
    """One hour: how many signals the bars show, how many were heard of, and the longest time without any alert.

    `silent` is in minutes of open market; it is only looked for where signals were lost.
    """

    start: datetime
    shown: int = 0
    received: int = 0
    silent: int = 0


@dataclass(slots=True)
class Day:
    date: date
    hours: list[Hour] = field(default_factory=list)

    @property
    def shown(self) -> int:
        return sum(hour.shown for hour in self.hours)

    @property
    def received(self) -> int:
        return sum(hour.received for hour in self.hours)

    @property
    def lossy(self) -> list[Hour]:
        """The hours in which signals were lost."""
        return [hour for hour in self.hours if hour.received < hour.shown]


def with_completeness(sources: QuerySet[Source]) -> QuerySet[Any]:
    """The sources, each with `shown`, `received` and `believed_since` of its newest agreement; None where is none."""
    newest = Agreement.objects.filter(source=OuterRef("pk"), since__isnull=False).order_by("-stretch__end")
    names = {"shown": "shown", "received": "received", "believed_since": "since"}
    return sources.annotate(**{name: Subquery(newest.values(column)[:1]) for name, column in names.items()})


def days(source: Source, start: datetime) -> list[Day]:
    """The days since a moment, newest first, with the hours in which the bars show signals."""
    hours: dict[datetime, Hour] = {}
    agreements = Agreement.objects.filter(source=source, since__isnull=False, stretch__end__gte=start)
    for agreement in agreements.select_related("stretch").order_by("stretch__start"):
        since, stretch = max(filter(None, (agreement.since, start))), agreement.stretch
        told = ReplayedSignal.objects.filter(symbol=stretch.symbol, stretch=stretch.start, triangle__gte=since)
        heard = {(each.bar, each.direction) for each in heard_on(source, stretch)}
        for triangle, direction in told.values_list("triangle", "direction").order_by("triangle"):
            at = triangle.replace(minute=0)
            hour = hours.setdefault(at, Hour(at))
            hour.shown += 1
            hour.received += (triangle, direction) in heard
    note_silence(source, [hour for hour in hours.values() if hour.received < hour.shown])
    found: dict[date, Day] = {}
    for start_of_hour, hour in sorted(hours.items()):
        day = local(start_of_hour, source.market_zone).date()
        found.setdefault(day, Day(day)).hours.append(hour)
    return sorted(found.values(), key=lambda each: each.date, reverse=True)


def note_silence(source: Source, hours: Sequence[Hour]) -> None:
    """Note on each hour the longest time without a delivery of the source."""
    if not hours:
        return
    first, last = min(hour.start for hour in hours), max(hour.start for hour in hours) + HOUR
    minutes = Delivery.objects.filter(source=source, received_at__gte=first, received_at__lt=last + HOUR)
    arrived = sorted(minutes.order_by().values_list("fire_minute", flat=True).distinct())
    for hour in hours:
        hour.silent = longest_silence(arrived, hour.start, market(source.calendar))


def longest_silence(arrived: Sequence[datetime], start: datetime, hours: Market) -> int:
    """Minutes of open market in the hour that no alert fired in, in a row."""
    inside = [minute for minute in arrived if start <= minute < start + HOUR]
    edges = [start - MINUTE, *inside, start + HOUR]
    return max(hours.open_minutes(one + MINUTE, other) for one, other in pairwise(edges))

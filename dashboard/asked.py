"""The signals that an address asks for: narrowed by the one set of filters, and no more than can be looked at."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any

from django.db.models import QuerySet
from django.http import QueryDict

from dashboard.api.filters import SearchedFilter, SignalFilter
from dashboard.watching.selftest import SELF_TEST
from reconciliation.cycle.loading import LONGEST_TRADE
from signals.models import AutomatedSignal, Source

# What a narrowed or sorted list looks at: so many of the newest signals (up to a date). It bounds every query here,
# however much is stored and however rare what is looked for.
REACH = 20_000
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Asked:
    """What an address asks for. `floor` is set where only the signals first heard of from it on were looked at.

    Of what matches, the self-test's signals are left out, unless they are asked for by their source.
    """

    filterset: SearchedFilter
    matching: "QuerySet[AutomatedSignal]"
    narrowed: bool
    floor: datetime | None
    wrong: Mapping[str, Any]

    @property
    def tests(self) -> "QuerySet[AutomatedSignal]":
        """What is left out."""
        wanted = self.filterset.form.cleaned_data.get("source")
        return self.matching.none() if wanted else self.matching.filter(source__in=self_test_keys())

    @property
    def shown(self) -> "QuerySet[AutomatedSignal]":
        wanted = self.filterset.form.cleaned_data.get("source")
        return self.matching if wanted else self.matching.exclude(source__in=self_test_keys())

    @classmethod
    def of(
        cls,
        query: QueryDict,
        filters: type[SearchedFilter] = SearchedFilter,
        *,
        reach: int | None = None,
        always: bool = False,
    ) -> "Asked":
        """`always` bounds what is looked at though nothing narrows it."""
        filterset = filters(query, AutomatedSignal.objects.all())
        wrong: dict[str, Any] = dict(filterset.errors)
        given = narrowing(filterset)
        floor = None
        if given or always:
            # Before the filters: what some of them leave out, they look up among what they are given.
            span, floor = within_reach(given, reach or REACH)
            filterset.queryset = AutomatedSignal.objects.filter(**span)
        return cls(filterset, filterset.qs, bool(given), floor, wrong)


def narrowing(filterset: SignalFilter) -> dict[str, Any]:
    """What its address narrows the signals by. The filterset has been validated."""
    given = {name: value for name, value in filterset.form.cleaned_data.items() if value not in (None, "", [])}
    return {name: value for name, value in given.items() if name not in filterset.no_filters}


def self_test_keys() -> list[int]:
    """The key itself, so that the source's table need not be joined."""
    return list(Source.objects.filter(name=SELF_TEST).values_list("pk", flat=True))


def within_reach(
    given: Mapping[str, Any], reach: int, *, before: datetime | None = None
) -> tuple[dict[str, datetime], datetime | None]:
    """A condition that leaves the newest `reach` signals of the dates asked for; and since when, if some are left out.

    Dates become a range of the index by first event, which comes with the signal's bar or, for a stranger, up to a
    trade's length later. So whatever is asked costs a bounded stretch of that index. The signals of one minute stay
    together, however many they are: who goes on with those `before` the floor misses none.
    """
    span: dict[str, datetime] = {}
    if "date_from" in given:
        span["first_event_at__gte"] = datetime.combine(given["date_from"], time(), UTC) - DAY
    ends = [before] if before else []
    if "date_to" in given:
        ends.append(datetime.combine(given["date_to"], time(), UTC) + LONGEST_TRADE + 2 * DAY)
    if ends:
        span["first_event_at__lt"] = min(ends)
    signals = AutomatedSignal.objects.filter(**span)
    floors = signals.order_by("-first_event_at").values_list("first_event_at", flat=True)
    floor = next(iter(floors[reach - 1 : reach]), None)
    if floor is None or not signals.filter(first_event_at__lt=floor).exists():
        return span, None
    return span | {"first_event_at__gte": floor}, floor

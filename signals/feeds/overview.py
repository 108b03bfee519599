"""What operators see of the feeds: what is used, its last bar and lag, requests, and what is wrong."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, Q

from signals.clock import MINUTE
from signals.models import FeedState, FeedUse, FeedWindow, Source

from .registry import feeds, rate_of, unusable

FAILED_OFTEN = 3  # in a row: less passes by itself
LONG = timedelta(hours=1)  # as after a wrong key


@dataclass(frozen=True, slots=True)
class UseStatus:
    """One symbol of a feed. `failed` counts windows that could not be asked, `empty` those of which it has nothing.

    `spelling` is why the feed has no such symbol.
    """

    use: FeedUse
    spelling: str = ""
    windows: int = 0
    failed: int = 0
    empty: int = 0

    def lag(self, now: datetime) -> timedelta | None:
        """How long ago its last bar closed."""
        return now - self.use.last_bar - MINUTE if self.use.last_bar else None

    @property
    def stopped(self) -> str:
        """Why its prices are not used; "" when they are."""
        if self.use.stopped_at is None:
            return ""
        return (
            f"{self.use.differing} of {self.use.compared} minutes were more than two ticks from the indicator's own"
            " prices, so it is of something else: nothing is filled from it."
        )


@dataclass(frozen=True, slots=True)
class FeedStatus:
    """One feed. `problem` is why it cannot be asked at all, with what to do; `state` is None before its first turn."""

    name: str
    title: str
    per_minute: int | None
    problem: str
    state: FeedState | None
    uses: Sequence[UseStatus]

    @property
    def requests(self) -> int:
        return self.state.requests if self.state else 0

    @property
    def failing(self) -> bool:
        """Whether it could not be asked so often, or is left alone for so long, that it does not pass by itself."""
        state = self.state
        if state is None or state.error_at is None:
            return False
        return state.failures >= FAILED_OFTEN or state.next_at - state.error_at >= LONG


def fed() -> list[Source]:
    """The sources that a feed is set for, in order of their keys."""
    return list(Source.objects.exclude(feed="").exclude(feed_symbol="").exclude(symbol="").order_by("pk"))


def overview(sources: Sequence[Source] | None = None) -> list[FeedStatus]:
    """Every feed that a source is set to, by name. Three queries more than who they are of."""
    sources = fed() if sources is None else sources
    if not sources:
        return []
    wanted = sorted({(source.feed, source.symbol, source.feed_symbol) for source in sources})
    stored = {(use.feed, use.symbol, use.feed_symbol): use for use in FeedUse.objects.filter(among(wanted))}
    answer = FeedWindow.Answer
    windows = FeedWindow.objects.filter(use__in=[use.pk for use in stored.values()]).order_by().values("use")
    by_answer = windows.annotate(
        asked=Count("pk"),
        failed=Count("pk", filter=Q(answer=answer.FAILED)),
        empty=Count("pk", filter=Q(answer=answer.NOTHING)),
    )
    counts = {use: numbers for use, *numbers in by_answer.values_list("use", "asked", "failed", "empty")}
    states = FeedState.objects.in_bulk({feed for feed, _, _ in wanted})
    found = []
    for name in dict.fromkeys(feed for feed, _, _ in wanted):
        feed = feeds().get(name)
        uses = []
        for key in (key for key in wanted if key[0] == name):
            use = stored.get(key) or FeedUse(feed=key[0], symbol=key[1], feed_symbol=key[2])
            spelling = feed.fault(use.feed_symbol) if feed else ""
            uses.append(UseStatus(use, spelling, *counts.get(use.pk, ())))
        title, rate = (feed.about.title, rate_of(feed.about)) if feed else (name, None)
        found.append(FeedStatus(name, title, rate, unusable(name), states.get(name), uses))
    return found


def among(wanted: Sequence[tuple[str, str, str]]) -> Q:
    """The uses of these feeds and symbols; a few more do no harm."""
    return Q(feed__in={feed for feed, _, _ in wanted}, symbol__in={symbol for _, symbol, _ in wanted})

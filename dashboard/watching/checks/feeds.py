"""Whether the feeds of price bars answer, and tell the indicator's prices."""

from collections.abc import Iterator
from datetime import datetime

from dashboard.telling.addresses import address
from signals.feeds.overview import FeedStatus, overview

from .result import Problem, Result, Severity, judged

AGREE = "Set the source's feed symbol to one with the same prices, as the contract in front, or take the feed off."


def feeds(now: datetime) -> Result:
    """Nothing depends on them: bars that do not come leave gaps."""
    faults = [fault for status in overview() for fault in faults_of(status)]
    return judged(faults, "Every feed of price bars that is set can be asked and agrees with the indicator.")


def faults_of(status: FeedStatus) -> Iterator[Problem]:
    if status.problem:
        yield about(f"The feed {status.name} is not asked.", status.problem)
    elif status.failing and status.state:
        says = f"The feed {status.name} {status.state.error}. Bars that are missing stay missing."
        yield about(says, "Its page says when it is asked again; its key and plan are the vendor's matter.")
    for each in status.uses:
        named = f"The feed {status.name} for {each.use.symbol} ({each.use.feed_symbol})"
        if each.stopped:
            yield about(f"{named} is not used: {each.stopped}", AGREE)
        elif each.spelling:
            yield about(f"{named} cannot be asked.", f"It has {each.spelling}.")
        elif each.use.error:
            yield about(
                f"{named} could not be asked: it {each.use.error}.", "Check the source's feed symbol and the plan."
            )


def about(says: str, todo: str) -> Problem:
    return Problem(says, todo, Severity.WARN, address("bars"), "Bars")

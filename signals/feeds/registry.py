"""The feeds that there are: ours, and those that installed packages bring by the entry point `signalsync.feeds`."""

import logging
import os
from collections.abc import Mapping
from functools import cache
from importlib.metadata import entry_points
from importlib.util import find_spec

from django.conf import settings

from .base import About, Feed
from .crypto import Crypto
from .databento import Databento
from .massive import Massive
from .rates import rates

log = logging.getLogger(__name__)
GROUP = "signalsync.feeds"
OURS: tuple[type[Feed], ...] = (Massive, Databento, Crypto)


@cache
def feeds() -> Mapping[str, type[Feed]]:
    """By name. An adapter of another package that cannot be loaded, or takes a name of ours, is left out and logged."""
    found = {feed.about.name: feed for feed in OURS}
    for entry in entry_points(group=GROUP):
        try:
            feed = entry.load()
            about = feed.about
        except Exception:
            log.exception("the feed %s cannot be loaded", entry.name)
            continue
        if about.name in found:
            log.error("the feed %s of %s is left out: there is one of that name", about.name, entry.value)
            continue
        found[about.name] = feed
    return found


def key_of(about: About) -> str:
    return str(getattr(settings, about.key, "") or os.environ.get(about.key, "")) if about.key else ""


def rate_of(about: About) -> int:
    """Requests a minute: what FEED_RATES says, else what the adapter declares."""
    return rates(settings.FEED_RATES).get(about.name, about.per_minute)


def unusable(name: str) -> str:
    """Why a feed cannot be asked at all, with what to do; "" if it can."""
    feed = feeds().get(name)
    if feed is None:
        return f"There is no feed {name!r}: choose one of {', '.join(sorted(feeds()))}."
    about = feed.about
    if about.package and find_spec(about.package) is None:
        return f"The package {about.package} is not installed: pip install {about.package}."
    if about.key and not key_of(about):
        return f"It has no key: set {about.key} in the environment and restart."
    return ""

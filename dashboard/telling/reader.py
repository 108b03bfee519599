"""In which zone times are told to whoever reads: the market's, unless the reader has chosen another."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from signals.clock import NEW_YORK

_chosen: ContextVar[str] = ContextVar("zone of the reader", default="")


@contextmanager
def reading_in(zone: str) -> Iterator[None]:
    """Tell times in this zone meanwhile; "" is the market's."""
    token = _chosen.set(zone)
    try:
        yield
    finally:
        _chosen.reset(token)


def zone(market: str = NEW_YORK) -> str:
    """The zone to tell times in; `market` is that of what is told."""
    return _chosen.get() or market


def zone_name() -> str:
    """As people call it: New York, UTC, Berlin."""
    return zone().rpartition("/")[2].replace("_", " ")

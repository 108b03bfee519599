"""Which events an endpoint gets. Pure."""

from datetime import datetime, timedelta

from dashboard.models import Endpoint, StreamEvent
from signals.tiers import TIERS

from .kinds import Kind


def wants(endpoint: Endpoint, event: StreamEvent, now: datetime) -> bool:
    """Whether it is to get the event as news; what happened too long ago is none."""
    if endpoint.most_minutes is not None and now - event.at > timedelta(minutes=endpoint.most_minutes):
        return False
    return matches(endpoint, event)


def matches(endpoint: Endpoint, event: StreamEvent) -> bool:
    """Whether it is one of those that the endpoint asks for, however long ago it happened."""
    return (
        event.type != Kind.TEST
        and (not endpoint.types or event.type in endpoint.types)
        and is_of(endpoint, event)
        and (not endpoint.symbols or event.symbol in endpoint.symbols)
        and endpoint.direction in ("", event.direction)
        and is_trusted(endpoint, event)
    )


def is_of(endpoint: Endpoint, event: StreamEvent) -> bool:
    """Whether it is of a source that is asked for. What is simulated goes to nobody who does not name it."""
    return event.source in endpoint.sources if endpoint.sources else not event.data.get("simulated")


def is_trusted(endpoint: Endpoint, event: StreamEvent) -> bool:
    """Whether its tier and confidence are good enough. That something is missing needs no trust; who was not told a
    value is not told that it is gone."""
    if event.type == Kind.GAP_OPENED:
        return True
    if event.confidence < endpoint.least_confidence:
        return False
    if not endpoint.least_tier or not event.tier:
        return True
    return event.tier in TIERS and TIERS[event.tier].rank >= TIERS[endpoint.least_tier].rank

"""Who gets which event."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from dashboard.models import Endpoint, StreamEvent
from dashboard.outbound.choosing import matches, wants
from dashboard.outbound.kinds import Kind

NOW = datetime(2025, 12, 11, 15, tzinfo=UTC)


def event(**more: Any) -> StreamEvent:
    given = {
        "type": Kind.FILLED.value, "at": NOW, "source": "mnq", "symbol": "MNQ1!", "direction": "Bullish", "tier": "2",
        "confidence": Decimal("0.8"), "data": {}, **more,
    }  # fmt: skip
    return StreamEvent(**given)


@pytest.mark.parametrize(
    ("asked", "gets"),
    [
        ({}, True),
        ({"types": ["signal.filled", "gap.opened"]}, True),
        ({"types": ["signal.confirmed"]}, False),
        ({"sources": ["mnq"]}, True),
        ({"sources": ["es"]}, False),
        ({"symbols": ["ES1!", "MNQ1!"]}, True),
        ({"symbols": ["ES1!"]}, False),
        ({"direction": "Bullish"}, True),
        ({"direction": "Bearish"}, False),
        ({"least_confidence": Decimal("0.8")}, True),
        ({"least_confidence": Decimal("0.81")}, False),
        ({"least_tier": "2"}, True),
        ({"least_tier": "3"}, False),
        ({"least_tier": "inference"}, True),
    ],
)
def test_each_filter_leaves_out_what_is_otherwise(asked: dict[str, Any], gets: bool) -> None:
    assert matches(Endpoint(**asked), event()) is gets


@pytest.mark.parametrize(("sources", "gets"), [([], False), (["mnq"], True)])
def test_what_is_simulated_goes_only_to_whom_names_its_source(sources: list[str], gets: bool) -> None:
    assert matches(Endpoint(sources=sources), event(data={"simulated": True})) is gets


def test_what_was_heard_passes_whatever_tier_is_asked_for() -> None:
    assert matches(Endpoint(least_tier="0", least_confidence=Decimal(1)), event(tier="", confidence=Decimal(1)))


def test_that_something_is_missing_needs_no_trust() -> None:
    asked = Endpoint(least_tier="0", least_confidence=Decimal(1))
    assert matches(asked, event(type=Kind.GAP_OPENED.value, tier="", confidence=Decimal(1)))


def test_what_happened_too_long_ago_is_no_news_but_can_be_replayed() -> None:
    asked = Endpoint(most_minutes=5)
    old = event(at=NOW - timedelta(minutes=6))
    assert (wants(asked, old, NOW), matches(asked, old)) == (False, True)
    assert wants(asked, event(at=NOW - timedelta(minutes=5)), NOW)

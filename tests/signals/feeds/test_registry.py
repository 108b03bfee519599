"""Feeds by name: ours, those of installed packages, their keys and rates, and why one cannot be asked."""

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from importlib.metadata import EntryPoint
from typing import Any

import pytest

from signals.checks import check_feeds
from signals.feeds import registry
from signals.feeds.base import number
from signals.feeds.massive import Massive
from signals.feeds.rates import rates
from signals.feeds.registry import feeds, rate_of, unusable


class Other(Massive):
    about = replace(Massive.about, name="other", key="OTHER_KEY")


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    points = [
        EntryPoint("other", f"{__name__}:Other", registry.GROUP),
        EntryPoint("same", "signals.feeds.massive:Massive", registry.GROUP),
        EntryPoint("broken", "no_such_module:Feed", registry.GROUP),
    ]
    monkeypatch.setattr(registry, "entry_points", lambda group: points)
    feeds.cache_clear()
    yield
    feeds.cache_clear()


def test_adapters_of_other_packages_are_found_and_broken_ones_left_out(installed: None) -> None:
    assert list(feeds()) == ["massive", "databento", "ccxt", "other"]


def test_their_keys_are_in_the_environment(installed: None, monkeypatch: pytest.MonkeyPatch) -> None:
    assert unusable("other") == "It has no key: set OTHER_KEY in the environment and restart."
    monkeypatch.setenv("OTHER_KEY", "secret")
    assert unusable("other") == ""


def test_a_feed_that_there_is_not_and_one_whose_package_is_missing_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    assert unusable("nobody") == "There is no feed 'nobody': choose one of ccxt, databento, massive."
    monkeypatch.setattr(registry, "find_spec", lambda name: None)
    assert unusable("ccxt") == "The package ccxt is not installed: pip install ccxt."


def test_a_plan_says_how_many_requests_it_allows(settings: Any) -> None:
    settings.FEED_RATES = "massive=100, databento=30"
    assert (rate_of(Massive.about), rates("")) == (100, {})
    for text in ("massive", "massive=0", "massive=x"):
        with pytest.raises(ValueError, match="no feed with requests a minute"):
            rates(text)


def test_a_rate_that_cannot_be_read_stops_the_start(settings: Any) -> None:
    settings.FEED_RATES = "massive=fast"
    assert [found.id for found in check_feeds()] == ["signals.E004"]


@pytest.mark.parametrize("told", ["9e9500000000", "1e-9500000000", "NaN", "1000000000000", True])
def test_a_price_that_no_column_holds_is_none(told: Any) -> None:
    with pytest.raises(ValueError, match="is no price"):
        number(told)


def test_a_price_keeps_all_thirty_digits() -> None:
    assert number("123456789012.5") == Decimal("123456789012.5")

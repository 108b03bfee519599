"""What operators see of feeds: on the page Bars, among what is wrong, and where a source's feed is set."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from dashboard.watching.checks.feeds import feeds
from signals.models import FeedState, FeedUse, FeedWindow, Source
from signals.receiving.senders import default_source

from .conftest import As

pytestmark = pytest.mark.django_db
BAR = datetime(2025, 12, 10, 15, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def use(settings: Any) -> FeedUse:
    settings.MASSIVE_API_KEY = "a key"
    source = default_source()
    source.feed, source.feed_symbol = "massive", "MNQZ5"
    source.save()
    now = timezone.now()
    used = FeedUse.objects.create(
        symbol="MNQ1!", feed="massive", feed_symbol="MNQZ5", last_bar=now - timedelta(minutes=181), compared=200
    )
    FeedWindow.objects.create(
        use=used, start=BAR, end=BAR + timedelta(hours=1), upto=BAR, answer="failed", asked_at=now, error="fails"
    )
    FeedState.objects.create(
        feed="massive", busy_until=now, next_at=now, answered_at=now, day=now.date(), requests=17, requests_left=3
    )
    return used


def page(client: Client) -> str:
    return " ".join(client.get(reverse("console:bars")).content.decode().split())


def problems() -> list[str]:
    return [problem.says for problem in feeds(timezone.now()).problems]


def test_the_page_tells_last_bar_lag_and_requests(signed_in: As) -> None:
    shown = page(signed_in("Viewer"))
    assert "Massive (Polygon)" in shown
    assert "<td>3 h</td>" in shown
    assert "at most 5 a minute; 3 left, it says" in shown
    assert problems() == []


def test_a_feed_that_keeps_failing_is_told(signed_in: As) -> None:
    FeedState.objects.update(failures=1, error="fails (status 503)", error_at=timezone.now())
    assert problems() == []
    assert "It fails (status 503)" in page(signed_in("Viewer"))
    FeedState.objects.update(failures=3)
    assert problems() == ["The feed massive fails (status 503). Bars that are missing stay missing."]


def test_a_wrong_key_is_told_at_once() -> None:
    now = timezone.now()
    denied = "does not take the key (status 401)"
    FeedState.objects.update(failures=1, error=denied, error_at=now, next_at=now + timedelta(hours=1))
    assert len(problems()) == 1


def test_a_feed_that_disagrees_is_told_with_the_reason(signed_in: As, use: FeedUse) -> None:
    FeedUse.objects.update(differing=12, stopped_at=timezone.now())
    [says] = problems()
    assert "12 of 200 minutes were more than two ticks from the indicator's own prices" in says
    assert "Not used: 12 of 200 minutes" in page(signed_in("Viewer"))


def test_a_feed_without_a_key_or_with_a_symbol_that_it_cannot_have_is_told(settings: Any) -> None:
    settings.MASSIVE_API_KEY = ""
    Source.objects.update(feed_symbol="MNQ1!")
    assert problems() == ["The feed massive is not asked.", "The feed massive for MNQ1! (MNQ1!) cannot be asked."]


def test_a_source_takes_a_feed_that_there_is_and_a_symbol_that_it_may_have(admin_client: Client) -> None:
    source = Source.objects.get()
    change = reverse("admin:signals_source_change", args=[source.pk])
    shown = admin_client.get(change)
    given = {name: value for name, value in shown.context["adminform"].form.initial.items() if value is not None}
    for inline in shown.context["inline_admin_formsets"]:
        given |= {f"{inline.formset.prefix}-{name}": 0 for name in ("TOTAL_FORMS", "INITIAL_FORMS")}
    given |= {name: json.dumps(getattr(source, name)) for name in ("gaps_off", "tiers_off", "zones", "sessions")}
    assert "It is no symbol of Massive" in admin_client.post(change, {**given, "feed_symbol": "MNQ1!"}).content.decode()
    assert "There is no such feed" in admin_client.post(change, {**given, "feed": "os.system"}).content.decode()
    admin_client.post(change, {**given, "feed": "databento", "feed_symbol": "MNQ.v.0"})
    assert Source.objects.values_list("feed", "feed_symbol").get() == ("databento", "MNQ.v.0")

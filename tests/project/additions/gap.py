"""A gap that is declared is scanned, counted, scored, filtered, shown and closed."""

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from dashboard.telling.import_preview import preview_import
from reconciliation.cycle.run import run_sync
from reconciliation.gaps import GapView
from reconciliation.health import count_gaps
from reconciliation.models import GapRecord
from tests.builders import at, created, entry, incoming, send, the_signal

UNDIRECTED = "20251211_094000000"


@pytest.fixture
def gap(client: Client) -> Client:
    """A signal whose direction nobody knows, after a cycle; and somebody who may look at everything."""
    send([(created(UNDIRECTED, direction=None), at(1))])
    assert run_sync(now=at(5), trigger="command").gaps_after_by_type["no_direction"] == 1
    client.force_login(User.objects.create_superuser("boss"))
    return client


@pytest.mark.django_db
def test_it_is_counted_and_costs_its_weight(gap: Client) -> None:
    assert GapRecord.objects.get(gap="no_direction").state == GapRecord.State.OPEN
    assert count_gaps(GapView.at(at(5))).actionable["no_direction"] == 1
    assert the_signal(UNDIRECTED).health_score == 96
    told = gap.get("/api/sync/gaps").json()["results"]
    assert {each["gap"]: each["actionable"] for each in told}["no_direction"] == 1


@pytest.mark.django_db
def test_signals_are_filtered_by_it(gap: Client) -> None:
    send([(created("20251211_094100000_BEARISH", direction="Bearish"), at(2))])
    found = gap.get("/api/automated-signals/all-signals", {"gap": "no_direction"}).json()
    assert [row["trade_id"] for row in found["results"]] == [UNDIRECTED]
    shown = gap.get(reverse("console:signals"), {"gap": "no_direction"}).content.decode()
    assert UNDIRECTED in shown
    assert "20251211_094100000_BEARISH" not in shown


@pytest.mark.django_db
def test_pages_show_it(gap: Client) -> None:
    listed = gap.get(reverse("console:signals")).content.decode()
    assert "No direction: actionable" in listed
    assert "No direction" in gap.get(reverse("console:gaps")).content.decode()
    assert UNDIRECTED in gap.get(reverse("console:gap", args=["no_direction"])).content.decode()
    own = gap.get(reverse("console:signal", args=[the_signal(UNDIRECTED).pk])).content.decode()
    assert "No direction" in own


@pytest.mark.django_db
def test_a_late_alert_closes_it_and_the_ledger_knew(gap: Client) -> None:
    late = entry(UNDIRECTED)
    assert preview_import([incoming(late, at(6))], now=at(6)).gaps["no_direction"] == 1
    send([(late, at(6))])
    run_sync(now=at(7), trigger="command")
    assert GapRecord.objects.get(gap="no_direction").state == GapRecord.State.CLOSED

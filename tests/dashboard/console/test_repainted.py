"""Repainting where people and machines see it: the signal's page, lists, the source, the overview, the API."""

import json
from io import StringIO

import pytest
from django.core.management import call_command
from django.urls import reverse

from reconciliation import habits
from reconciliation.cycle.run import run_sync
from tests.builders import TRADE_ID, at, created, entry, send, the_signal

from .conftest import As

pytestmark = pytest.mark.django_db


@pytest.fixture
def repainted(db: None) -> None:
    """A trade of which an export states another stop, and an earlier confirmation."""
    bar = int(at(0).timestamp()) * 1000
    listed = {
        "trade_id": TRADE_ID, "direction": "Bullish", "status": "CONFIRMED", "signal_time": bar,
        "confirmation_time": bar, "entry": 25740, "stop": 25720,
    }  # fmt: skip
    numbers = {"batch_number": 1, "batch_size": 1, "total_signals": 1}
    export = {"event_type": "ALL_SIGNALS_EXPORT", **numbers, "signals": [listed]}
    send([(created(), at(1)), (entry(), at(5)), (export, at(30))])
    run_sync(now=at(40), trigger="command")
    habits.keep(at(41))


def test_the_signals_page_says_what_fired_and_what_was_said_of_it(repainted: None, signed_in: As) -> None:
    page = signed_in("Viewer").get(reverse("console:signal", args=[the_signal().pk])).content.decode()
    assert "Finding: Repainted." in page
    assert "<strong>Stop</strong>: it fired as 25,730.00; a report of 2025-12-11 10:10 has 25,720.00." in page
    assert "<strong>Confirmation time</strong>: it fired as 2025-12-11 09:44" in page


def test_lists_filter_by_it(repainted: None, signed_in: As) -> None:
    page = signed_in("Viewer").get(f"{reverse('console:signals')}?finding=repainted").content.decode()
    assert TRADE_ID in page


def test_sources_and_overview_count_it(repainted: None, signed_in: As) -> None:
    source = the_signal().source
    page = signed_in("Viewer").get(reverse("console:source", args=[source.pk])).content.decode()
    assert f'?source={source.name}&amp;finding=repainted">Repainted</a>: 1 of 1' in page
    assert "1 of 1 signals were repainted" in signed_in("Viewer").get(reverse("console:overview")).content.decode()


def test_machines_are_told_by_source(repainted: None, signed_in: As) -> None:
    out = StringIO()
    call_command("syncstatus", "--json", stdout=out)
    assert [each["findings"] for each in json.loads(out.getvalue())["sources"]] == [{"repainted": 1}]
    told = signed_in("Viewer").get("/api/sync/health").json()
    assert told["findings_by_source"] == {the_signal().source.name: {"repainted": 1}}

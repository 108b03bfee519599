"""What operators see: what is asked, how long it waits, and one thing to do."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from reconciliation.asking import overview, step
from reconciliation.asking.delivery import acknowledge
from reconciliation.models import Companion, SyncRequest
from signals.models import Source
from tests.server import Server

from .build import HTF, MAE, NOW, hours, open_gap, trade, with_gap

pytestmark = pytest.mark.django_db
SECRET = "a-secret-that-both-sides-know"


def test_nothing_asked_is_nothing_to_show() -> None:
    assert overview(NOW) == []


def test_each_source_is_shown_with_what_it_is_asked_and_how_long_that_waits() -> None:
    open_gap(with_gap(trade(0)), MAE)
    step(now=NOW)
    with_gap(trade(1))
    step(now=hours(1))
    with_gap(trade(2), source=Source.objects.create(name="another"))
    step(now=hours(2))
    first, second = overview(hours(3))
    assert (first.source, first.gaps, first.requests) == ("another", {HTF: 1}, 1)
    assert (second.source, second.gaps, second.requests) == ("default", {HTF: 2, MAE: 1}, 2)
    assert second.waits(hours(3)) == timedelta(hours=3)
    assert second.expires_at == hours(24)


def test_without_a_companion_a_person_is_told_what_to_do_in_tradingview() -> None:
    with_gap()
    step(now=NOW)
    todo = overview(NOW)[0].todo
    assert "export the log of MNQ1!'s alert (Alerts, Log, Export) and import it here" in todo
    assert "make the alert anew" in todo


def test_with_a_companion_there_is_nothing_to_do(source: Source, server: Server) -> None:
    with_gap()
    step(now=NOW)
    Companion.objects.create(source=source, url=server.url, secret=SECRET)
    assert overview(NOW)[0].todo.startswith("Nothing yet: the next cycle")
    step(now=NOW)
    assert overview(NOW)[0].delivered == 1
    assert overview(NOW)[0].todo.startswith("Nothing yet: a companion has taken")


def test_what_was_pulled_needs_nothing_done_either(source: Source) -> None:
    with_gap()
    step(now=NOW)
    acknowledge(source, SyncRequest.objects.get().pk, NOW)
    assert overview(NOW)[0].todo.startswith("Nothing yet: a companion has taken")


@pytest.mark.parametrize(("status", "why"), [(503, "answered with status 503"), (401, "refused it with status 401")])
def test_a_companion_in_trouble_is_named_with_it(source: Source, server: Server, status: int, why: str) -> None:
    server.status = status
    Companion.objects.create(source=source, url=f"{server.url}?key=hidden", secret=SECRET)
    with_gap()
    step(now=NOW)
    shown = overview(hours(1))[0]
    assert shown.error == why
    assert shown.todo.startswith(f"The companion at {server.url.split('/')[2]} {why}.")
    assert SECRET not in repr(shown)
    assert "hidden" not in repr(shown)


def test_failures_of_the_day_are_shown_and_no_older_ones(source: Source, server: Server) -> None:
    server.status = 401
    Companion.objects.create(source=source, url=server.url, secret=SECRET)
    with_gap()
    step(now=NOW)
    assert (overview(hours(1))[0].failed, overview(hours(1))[0].requests) == (1, 0)
    assert overview(hours(24)) == []


def test_it_costs_the_same_queries_for_many_requests() -> None:
    counts = []
    for minute in range(3):
        with_gap(trade(minute))
        step(now=NOW)
        with CaptureQueriesContext(connection) as queries:
            overview(NOW)
        counts.append(len(queries))
    assert counts == [4, 4, 4]

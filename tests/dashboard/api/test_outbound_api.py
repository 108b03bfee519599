"""Events by API: for whoever would rather pull them; and how posting goes, without secrets."""

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from dashboard.models import Attempt, StreamEvent
from dashboard.outbound import endpoints, step
from dashboard.outbound.building import body_of
from dashboard.outbound.kinds import MEANINGS
from tests.builders import at, created, entry, exit_stop, send
from tests.dashboard.outbound.build import begun, endpoint

pytestmark = pytest.mark.django_db
LISTS = ["events", "endpoints", "attempts"]


def ask(client: Client, what: str, **parameters: Any) -> Any:
    answer = client.get(f"/api/outbound/{what}", parameters)
    assert answer.status_code == 200, answer.content
    return answer.json()["results"]


@pytest.fixture
def _traded() -> None:
    begun()
    send([(created(), at(1)), (entry(), at(3)), (exit_stop(), at(9))])
    step.tell(timezone.now())


@pytest.mark.parametrize("what", LISTS)
def test_who_may_see_signals_may_see_it_and_nobody_else(api: Client, what: str) -> None:
    ask(api, what)
    assert Client().get(f"/api/outbound/{what}").status_code == 401


@pytest.mark.usefixtures("_traded")
def test_events_come_in_order_as_they_are_posted(api: Client) -> None:
    found = ask(api, "events")
    assert [each["type"] for each in found] == ["signal.confirmed", "signal.completed"]
    first = StreamEvent.objects.earliest("pk")
    assert found[0] == {"id": first.key, **body_of(first)}


@pytest.mark.usefixtures("_traded")
def test_who_follows_asks_for_what_came_after(api: Client) -> None:
    first, second = ask(api, "events")
    assert ask(api, "events", after=first["data"]["sequence"]) == [second]
    assert ask(api, "events", type="signal.completed", trade_id=second["data"]["signal"]["trade_id"]) == [second]
    assert ask(api, "events", direction="Bearish") == []


@pytest.mark.parametrize("wrong", [{"kind": "x"}, {"type": "signal.none"}, {"since": "yesterday"}])
def test_what_means_nothing_is_refused(api: Client, wrong: dict[str, str]) -> None:
    assert api.get("/api/outbound/events", wrong).status_code == 400


def test_an_endpoint_is_told_without_secret_and_path(api: Client) -> None:
    row = endpoint()
    Attempt.objects.create(endpoint=row, key="evt_1", type="test", at=timezone.now(), status=500, body="no")
    said = api.get("/api/outbound/endpoints").content.decode() + api.get("/api/outbound/attempts").content.decode()
    (secret,) = endpoints.secrets_of(row, timezone.now())
    assert "bot.example" in said
    assert "/hooks/1" not in said
    assert secret not in said
    assert row.secret not in said
    assert ask(api, "attempts", endpoint="bot")[0]["status"] == 500
    assert ask(api, "attempts", endpoint="other") == []


@pytest.mark.usefixtures("_traded")
def test_a_list_costs_a_fixed_number_of_queries(api: Client) -> None:
    with CaptureQueriesContext(connection) as captured:
        ask(api, "events")
    assert len(captured) <= 6


def test_the_schema_tells_what_is_posted(client: Client) -> None:
    schema = client.get("/api/schema?format=json").json()
    assert set(schema["x-webhooks"]) == {kind.value for kind in MEANINGS}
    assert "EventMessage" in schema["components"]["schemas"]

"""The API against its own schema, as everybody: whatever is asked, an answer is as the schema says and no failure."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import httpx
import pytest
import schemathesis
from django.test import Client
from hypothesis import given, settings
from schemathesis import checks
from schemathesis.specs.openapi import checks as conformance

from dashboard.console.roles import ADMINISTRATOR, OPERATOR, VIEWER
from reconciliation.annotating import write_note
from reconciliation.cycle.run import run_sync
from signals.dialects.builtin import BUILTIN
from signals.models import Delivery, Fill
from signals.teaching.saving import save
from tests.builders import TRADE_ID, at, created, entry, exit_stop, send, the_signal

from .conftest import bearer, person, quarantined

pytestmark = [pytest.mark.django_db, pytest.mark.slow]
ANONYMOUS, TOKEN = "anonymous", "a Viewer's token of an Operator"
WEBHOOK, COMPANION = "/api/automated-signals/webhook", "/api/sync/requests"
AS_SAID = [
    checks.not_a_server_error,
    conformance.status_code_conformance,
    conformance.content_type_conformance,
    conformance.response_schema_conformance,
]
KEYS = {
    "format": "/api/formats", "note": "/api/notes",
    "fill": "/api/fills", "quarantine": "/api/quarantine", "run": "/api/sync/runs", "delivery": "/api/deliveries",
}  # fmt: skip
# What anybody of each role is answered where the request itself is right.
REFUSED = {ANONYMOUS: {"GET": 401, "POST": 401}, VIEWER: {"POST": 403}, TOKEN: {"POST": 403}}


def asking(who: str) -> Client:
    """Somebody of the role, with a session, or with a token that narrows it."""
    if who == TOKEN:
        return Client(headers=bearer(person(OPERATOR), scope=VIEWER))
    client = Client()
    if who != ANONYMOUS:
        client.force_login(person(who))
    return client


def stored() -> dict[str, Any]:
    """Some rows of each kind, and what addresses may name of them."""
    send([(created(), at(1)), (entry(), at(5)), (exit_stop(), at(9))])
    run = run_sync(now=at(60), trigger="command").run_id
    return {
        "trade_id": TRADE_ID, "gap": "no_mfe_update", "name": "default", "run": run,
        "fill": Fill.objects.latest("pk").pk, "quarantine": quarantined().pk,
        "delivery": str(Delivery.objects.earliest("pk").pk),
        "note": write_note(the_signal(), "seen", actor="mia", now=at(60)).pk,
        "format": save(BUILTIN["openalgo"].spec, source=None, by=None, now=at(60)).pk,
    }  # fmt: skip


def names(path: str, there: Mapping[str, Any]) -> dict[str, Any]:
    """What stands in an address, as far as there is such a row."""
    found = {name: there[name] for name in ("trade_id", "gap", "name") if f"{{{name}}}" in path}
    keys = [there[kind] for kind, start in KEYS.items() if path.startswith(f"{start}/{{id}}")]
    return found | ({"id": keys[0]} if keys else {})


def answer_to(client: Client, case: schemathesis.Case) -> httpx.Response:
    """Through the test client: a request by WSGI would close the connection that holds the test's transaction."""
    given = {name: str(value) for name, value in (case.headers or {}).items() if name.lower() != "authorization"}
    options: dict[str, Any] = {"headers": given}
    query = httpx.QueryParams(case.query or {})
    if case.method != "GET":
        options |= {"data": case.body if isinstance(case.body, dict) else {}, "content_type": "application/json"}
    method = client.get if case.method == "GET" else client.post
    answer = method(f"{case.formatted_path}?{query}", **options)
    asked = httpx.Request(case.method, f"http://testserver{case.formatted_path}?{query}")
    told = httpx.Response(answer.status_code, headers=dict(answer.items()), content=answer.getvalue(), request=asked)
    told.elapsed = timedelta()
    return told


def check(operation: Any, asker: Client, there: Mapping[str, Any], refused: int | None) -> None:
    @settings(max_examples=2 if refused else 4)
    @given(case=operation.as_strategy())
    def check_one(case: schemathesis.Case) -> None:
        case.path_parameters.update(names(operation.path, there))
        answer = answer_to(asker, case)
        case.validate_response(answer, checks=AS_SAID)
        assert refused in (None, answer.status_code)

    check_one()


@pytest.mark.parametrize("who", [ANONYMOUS, VIEWER, OPERATOR, ADMINISTRATOR, TOKEN])
def test_answers_are_as_the_schema_says(who: str, client: Client) -> None:
    there, asker = stored(), asking(who)
    schema = schemathesis.openapi.from_dict(client.get("/api/schema?format=json").json())
    found = [result.ok() for result in schema.get_all_operations()]
    operations = [each for each in found if not each.path.startswith((WEBHOOK, COMPANION))]
    assert len(operations) > 40
    for operation in operations:
        check(operation, asker, there, REFUSED.get(who, {}).get(operation.method.upper()))

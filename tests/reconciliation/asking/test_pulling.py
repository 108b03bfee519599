"""A companion that cannot be posted to pulls what its source is asked, with the source's token, and acknowledges it."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import User
from django.test import Client

from reconciliation.asking import step
from reconciliation.asking.delivery import AT_ONCE
from reconciliation.models import SyncRequest
from signals.models import Source
from signals.receiving.senders import new_token

from .build import HTF, NOW, hours, trade, webhook, with_gap

pytestmark = pytest.mark.django_db
ADDRESS = "/api/sync/requests"


@pytest.fixture(autouse=True)
def _asked() -> Any:
    with_gap()
    step(now=NOW)
    with time_machine.travel(hours(1), tick=False):
        yield


@pytest.fixture
def token(source: Source) -> str:
    return new_token(source)


def pull(token: str, scheme: str = "Bearer") -> Any:
    return Client().get(ADDRESS, headers={"Authorization": f"{scheme} {token}"})


def acknowledge(token: str, request_id: object, slash: str = "") -> Any:
    return Client().post(f"{ADDRESS}/{request_id}/acknowledge{slash}", headers={"Authorization": f"Bearer {token}"})


def the_request() -> SyncRequest:
    return SyncRequest.objects.get()


def test_it_is_told_what_is_asked(token: str) -> None:
    assert pull(token).json() == {
        "results": [
            {
                "request_id": str(the_request().pk),
                "source": "default",
                "trade_ids": [trade(0)],
                "signals": [{"trade_id": trade(0), "symbol": "MNQ1!"}],
                "reason": [HTF],
                "created_at": "2025-12-12T00:00:00Z",
                "expires_at": "2025-12-13T00:00:00Z",
            }
        ]
    }


def test_pulling_changes_nothing_until_it_is_acknowledged(token: str) -> None:
    assert pull(token).json() == pull(token, "bearer").json()
    answer = acknowledge(token, the_request().pk, slash="/")
    assert answer.json() == {"request_id": str(the_request().pk), "state": "delivered"}
    assert (the_request().delivered_to, the_request().delivered_at) == ("pulled", hours(1))
    assert pull(token).json() == {"results": []}


def test_acknowledging_twice_changes_nothing(token: str) -> None:
    acknowledge(token, the_request().pk)
    with time_machine.travel(hours(2), tick=False):
        assert acknowledge(token, the_request().pk).json()["state"] == "delivered"
    assert the_request().delivered_at == hours(1)


def test_acknowledging_what_has_ended_tells_its_end(token: str) -> None:
    step(now=hours(24))
    assert acknowledge(token, the_request().pk).json()["state"] == "expired"


@pytest.mark.parametrize("unknown", ["01939c5e-0000-7000-8000-000000000000", "no-uuid", "%00"])
def test_a_request_that_is_none_cannot_be_acknowledged(token: str, unknown: str) -> None:
    assert acknowledge(token, unknown).status_code == 404


def test_only_trade_ids_without_an_answer_are_told(token: str) -> None:
    SyncRequest.objects.all().delete()
    for minute in (1, 2):
        with_gap(trade(minute))
    step(now=NOW)
    told = {"event_type": "POLLING_RESPONSE", "trade_id": trade(1), "direction": "Bullish", "entry_price": 25740}
    webhook(told, NOW)
    step(now=NOW)
    assert pull(token).json()["results"][0]["trade_ids"] == [trade(2)]


def test_what_has_expired_is_not_told(token: str) -> None:
    with time_machine.travel(hours(24), tick=False):
        assert pull(token).json() == {"results": []}


def test_the_oldest_come_first_and_not_all_at_once(token: str) -> None:
    for minute in range(1, AT_ONCE + 1):
        with_gap(trade(minute))
        step(now=NOW + timedelta(minutes=minute))
    told = pull(token).json()["results"]
    assert [request["trade_ids"] for request in told] == [[trade(minute)] for minute in range(AT_ONCE)]


# -- who may


def test_another_source_is_told_nothing_and_may_not_acknowledge() -> None:
    token = new_token(Source.objects.create(name="other"))
    assert pull(token).json() == {"results": []}
    assert acknowledge(token, the_request().pk).status_code == 404
    assert the_request().state == "waiting"


@pytest.mark.parametrize(
    "authorization", ["", "Bearer", "Bearer  ", "Bearer guess", "Basic Z3Vlc3M6Z3Vlc3M=", "Bearer \xe9"]
)
def test_without_a_valid_token_nothing_is_told(authorization: str) -> None:
    answer = Client().get(ADDRESS, headers={"Authorization": authorization} if authorization else {})
    assert answer.status_code == 401
    assert answer["WWW-Authenticate"].startswith("Bearer")
    assert trade(0) not in answer.content.decode()


def test_an_expired_token_is_none(source: Source) -> None:
    assert pull(new_token(source, expires_at=hours(1))).status_code == 401


def test_a_login_is_no_token() -> None:
    client = Client()
    client.force_login(User.objects.create_superuser("admin", password="a-long-passphrase"))
    assert client.get(ADDRESS).status_code == 401
    assert client.post(f"{ADDRESS}/{the_request().pk}/acknowledge").status_code == 401


def test_guessing_tokens_is_slowed_down(settings: Any) -> None:
    settings.BAD_TOKEN_RATE = "2/min"
    assert [pull("guess").status_code for _ in range(3)] == [401, 401, 429]


def test_a_valid_token_is_not_slowed_down(settings: Any, token: str) -> None:
    settings.BAD_TOKEN_RATE = "1/min"
    assert {pull(token).status_code for _ in range(5)} == {200}

"""Cases that once failed: bodies that are hard to show, ids that are hard to address, mistyped options."""

import pytest
from django.test import Client

from signals.intake import take_in
from signals.models import AutomatedSignal, Delivery, Source
from signals.receiving.senders import default_source
from tests.builders import at, created, incoming, send

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("body", [rb'{"event_type":"ENTRY","trade_id":"\ud800"}', b'{"targets":' + b'{"a":' * 5000])
def test_a_body_that_is_hard_to_show_has_its_page_in_the_admin(admin_client: Client, body: bytes) -> None:
    take_in(default_source(), [incoming(body, at(1))], now=at(1))
    delivery = Delivery.objects.get()
    assert admin_client.get(f"/admin/signals/delivery/{delivery.pk}/change/").status_code == 200


def test_a_source_can_be_added_in_the_admin(admin_client: Client) -> None:
    assert admin_client.get("/admin/signals/source/add/").status_code == 200


@pytest.mark.parametrize("trade_id", ["a/b", "ü-1", "a b"])
def test_a_trade_id_of_any_characters_is_found(admin_client: Client, trade_id: str) -> None:
    send([(created(trade_id), at(1))])
    answer = admin_client.get(f"/api/automated-signals/signals/{trade_id}")
    assert answer.json()["trade_id"] == trade_id
    assert admin_client.get(f"/api/automated-signals/signals/{trade_id}/timeline").status_code == 200


def test_an_unknown_option_runs_no_cycle(admin_client: Client) -> None:
    answer = admin_client.post("/api/sync/run", {"as_of": "bad"}, content_type="application/json")
    assert answer.status_code == 400
    assert "as_of" in answer.json()


def test_what_is_not_there_below_api_is_said_in_json(client: Client) -> None:
    answer = client.get("/api/nosuch")
    assert (answer.status_code, answer["Content-Type"]) == (404, "application/problem+json")


@pytest.mark.parametrize("counts", [(3, 7), (7, 3)])
def test_of_two_heartbeats_in_one_minute_the_greater_count_stays(counts: tuple[int, int]) -> None:
    for count in counts:
        send([({"event_type": "HEARTBEAT", "timestamp": "x", "signal_count": count}, at(2))])
    assert Source.objects.get().signal_count == 7


def test_an_imported_body_over_the_cap_is_kept_in_quarantine() -> None:
    from signals.receiving.alertlog import import_log

    log = ["Alert ID,Description,Time\n", f'1,"{"x" * 200_000}",2025-12-11T05:59:01Z\n']
    done = import_log(log, now=at(1))
    assert (done.quarantined, AutomatedSignal.objects.count()) == (1, 0)
    assert "200000 bytes" in Delivery.objects.get().reason

"""Deliveries, events and quarantine by API: seen, mended, replayed and dismissed, as in the console."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from reconciliation.models import SyncAuditLog
from signals.models import Delivery, Quarantine, Source
from tests.builders import TRADE_ID, at, created, entry, send, the_signal, update

from .conftest import MENDED, quarantined

pytestmark = pytest.mark.django_db
OTHER = "20251211_094500000_BULLISH"


def listed(client: Client, what: str, **parameters: Any) -> list[dict[str, Any]]:
    answer = client.get(f"/api/{what}", parameters)
    assert answer.status_code == 200, answer.content
    rows: list[dict[str, Any]] = answer.json()["results"]
    return rows


def cost(client: Client, address: str) -> int:
    with CaptureQueriesContext(connection) as captured:
        assert client.get(address).status_code == 200
    return len(captured)


def post(client: Client, address: str, **body: Any) -> Any:
    return client.post(f"/api/{address}", body, content_type="application/json")


class TestDeliveries:
    def test_they_come_newest_first_in_pages(self, viewing: Client) -> None:
        send([(created(), at(1)), (entry(), at(3)), (update(0.5), at(4))])
        found, answer = [], viewing.get("/api/deliveries?page_size=2").json()
        while True:
            found += [row["id"] for row in answer["results"]]
            if not answer["next"]:
                break
            answer = viewing.get(answer["next"]).json()
        assert found == sorted(map(str, Delivery.objects.values_list("pk", flat=True)), reverse=True)

    def test_they_are_narrowed(self, viewing: Client) -> None:
        send([(created(), at(1))])
        quarantined()
        assert {row["status"] for row in listed(viewing, "deliveries", status="quarantined")} == {"quarantined"}
        assert {row["channel"] for row in listed(viewing, "deliveries", channel="webhook")} == {"webhook"}
        now = timezone.now()
        assert len(listed(viewing, "deliveries", since=(now - timedelta(hours=1)).isoformat())) == 2
        assert listed(viewing, "deliveries", before=(now - timedelta(hours=1)).isoformat()) == []
        assert viewing.get("/api/deliveries", {"source": "nowhere"}).status_code == 400

    def test_one_has_its_text_and_what_was_read_from_it_but_no_secret(self, viewing: Client) -> None:
        send([(created(passphrase="open sesame"), at(1))])
        told = viewing.get(f"/api/deliveries/{Delivery.objects.get().pk}").json()
        assert "open sesame" not in str(told)
        assert TRADE_ID in told["body"]
        assert [(event["type"], event["trade_id"]) for event in told["events"]] == [("SIGNAL_CREATED", TRADE_ID)]

    @pytest.mark.parametrize("what", ["deliveries", "events", "quarantine"])
    def test_a_long_page_costs_no_more_queries(self, viewing: Client, what: str) -> None:
        send([(created(f"20251211_09{minute}00000_BULLISH"), at(minute)) for minute in range(10, 20)])
        for minute in range(20, 30):
            quarantined(f"unreadable {minute}".encode(), minute)
        viewing.get("/api/me")  # notes the token's use
        assert cost(viewing, f"/api/{what}?page_size=1") == cost(viewing, f"/api/{what}?page_size=10")


class TestEvents:
    def test_they_name_their_signal_and_their_delivery(self, viewing: Client) -> None:
        send([(created(), at(1)), (entry(OTHER), at(7))])
        [row] = listed(viewing, "events", trade_id=OTHER)
        assert (row["type"], row["source"], row["symbol"], row["life"]) == ("ENTRY", "default", "MNQ1!", 1)
        assert viewing.get(f"/api/deliveries/{row['delivery']}").json()["events"][0]["id"] == row["id"]
        assert [each["type"] for each in listed(viewing, "events", type="SIGNAL_CREATED")] == ["SIGNAL_CREATED"]
        Source.objects.create(name="second")
        assert listed(viewing, "events", source="second") == []


class TestQuarantine:
    def test_a_body_is_looked_at_mended_and_replayed_in_the_persons_name(self, acting: Client) -> None:
        row = quarantined()
        told = acting.get(f"/api/quarantine/{row.pk}").json()
        assert (told["body"][-1], told["suggestion"][-1]) == ("3", "}"), "as it came, and where to start mending"
        shown = post(acting, f"quarantine/{row.pk}/preview", text=MENDED).json()
        assert [(each["type"], each["stored"]) for each in shown["events"]] == [("ENTRY", False)]
        assert Quarantine.objects.get().state == "open", "looking stores nothing"
        done = post(acting, f"quarantine/{row.pk}/replay", text=MENDED).json()
        assert done["events"] == 1
        assert the_signal(OTHER).status == "CONFIRMED"
        kept = Quarantine.objects.get()
        assert (kept.state, kept.decider, str(kept.replay_id)) == ("replayed", "operator-person", done["delivery"])
        assert SyncAuditLog.objects.get(action="administered").actor == "operator-person"

    def test_what_still_cannot_be_read_says_why_and_stays(self, acting: Client) -> None:
        row = quarantined()
        assert post(acting, f"quarantine/{row.pk}/preview").json()["problem"]
        answer = post(acting, f"quarantine/{row.pk}/replay")
        assert (answer.status_code, list(answer.json()["errors"])) == (400, ["text"])
        assert Quarantine.objects.get().state == "open"

    def test_it_is_dismissed_with_a_reason_and_only_once(self, acting: Client) -> None:
        row = quarantined()
        assert post(acting, f"quarantine/{row.pk}/dismiss").status_code == 400
        told = post(acting, f"quarantine/{row.pk}/dismiss", reason="a test").json()
        assert (told["state"], told["note"], told["decider"]) == ("dismissed", "a test", "operator-person")
        assert post(acting, f"quarantine/{row.pk}/dismiss", reason="a test").status_code == 409
        assert post(acting, f"quarantine/{row.pk}/replay", text=MENDED).status_code == 409

    def test_a_viewer_looks_and_decides_nothing(self, viewing: Client) -> None:
        row = quarantined()
        assert [each["id"] for each in listed(viewing, "quarantine", state="open")] == [row.pk]
        for action in ("preview", "replay", "dismiss"):
            assert post(viewing, f"quarantine/{row.pk}/{action}", reason="x").status_code == 403

    def test_a_field_that_is_unknown_is_refused(self, acting: Client) -> None:
        answer = post(acting, f"quarantine/{quarantined().pk}/replay", txt=MENDED)
        assert (answer.status_code, list(answer.json()["errors"])) == (400, ["txt"])

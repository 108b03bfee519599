"""Fills and gaps by API: undone, approved, allowed again, dismissed, as in the console and in the person's name."""

import pytest
from django.test import Client

from dashboard import jobs
from dashboard.models import Job
from reconciliation.cycle.run import run_sync
from reconciliation.models import GapRecord, SyncAuditLog, SyncRun
from signals.models import Fill, Source
from tests.builders import TRADE_ID, at, created, entry, send, the_signal

from .test_receiving_api import cost, listed, post

pytestmark = pytest.mark.django_db
OTHER = "20251211_094500000_BULLISH"


@pytest.fixture
def fill(db: None) -> Fill:
    """A value of the signal that a cycle has put in."""
    send([(entry(), at(3))])
    run_sync(now=at(60), trigger="command")
    return Fill.objects.filter(state="active").earliest("pk")


class TestFills:
    def test_they_are_listed_by_signal_tier_and_run(self, viewing: Client, fill: Fill) -> None:
        [first] = [row for row in listed(viewing, "fills", trade_id=TRADE_ID) if row["id"] == fill.pk]
        assert (first["field"], first["tier"], first["source"]) == (fill.field, fill.tier, "default")
        assert {row["tier"] for row in listed(viewing, "fills", tier=fill.tier)} == {fill.tier}
        assert listed(viewing, "fills", run=fill.run_id, state="undone") == []
        assert listed(viewing, "fills", trade_id="nobody") == []
        assert viewing.get(f"/api/fills/{fill.pk}").json()["confidence"] == float(fill.confidence)

    def test_one_is_undone_and_allowed_again(self, acting: Client, fill: Fill) -> None:
        told = post(acting, f"fills/{fill.pk}/undo", reason="wrong").json()
        assert (told["id"], told["state"]) == (fill.pk, "undone")
        entry_ = SyncAuditLog.objects.get(action="undone")
        assert (entry_.actor, entry_.note, entry_.field) == ("operator-person", "wrong", fill.field)
        again = post(acting, f"fills/{fill.pk}/undo", reason="wrong")
        assert (again.status_code, "undone" in again.json()["detail"].lower()) == (409, True)
        assert post(acting, f"fills/{fill.pk}/allow", reason="right after all").json()["state"] == "withdrawn"
        assert SyncAuditLog.objects.get(action="taken_back").actor == "operator-person"

    def test_one_that_waits_is_approved_once(self, acting: Client, fill: Fill) -> None:
        Fill.objects.filter(pk=fill.pk).update(state="proposed")
        assert post(acting, f"fills/{fill.pk}/approve").json()["state"] == "active"
        assert post(acting, f"fills/{fill.pk}/approve").status_code == 409
        assert SyncAuditLog.objects.get(action="approved").actor == "operator-person"

    def test_undoing_needs_a_reason_and_the_permission(self, acting: Client, viewing: Client, fill: Fill) -> None:
        assert post(acting, f"fills/{fill.pk}/undo").status_code == 400
        for action in ("undo", "approve", "allow"):
            assert post(viewing, f"fills/{fill.pk}/{action}", reason="x").status_code == 403
        assert Fill.objects.get(pk=fill.pk).state == "active"
        assert post(acting, "fills/999999/undo", reason="x").status_code == 404

    def test_what_a_run_filled_is_undone_at_once_or_as_a_job(
        self, acting: Client, fill: Fill, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        standing = Fill.objects.filter(run_id=fill.run_id, state="active").count()
        monkeypatch.setattr(jobs, "FILLS_AT_ONCE", 0)
        answer = post(acting, f"sync/runs/{fill.run_id}/undo", reason="wrong")
        assert (answer.status_code, answer.json()) == (202, {"values": standing, "job": Job.objects.get().pk})
        monkeypatch.undo()
        answer = post(acting, f"sync/runs/{fill.run_id}/undo", reason="wrong")
        assert (answer.status_code, answer.json()) == (200, {"values": standing, "job": None})
        assert post(acting, f"sync/runs/{fill.run_id}/undo", reason="wrong").status_code == 409
        assert acting.get(f"/api/sync/runs/{fill.run_id}").json()["id"] == SyncRun.objects.get().pk

    @pytest.mark.parametrize("what", ["fills", "gaps"])
    def test_a_long_page_costs_no_more_queries(self, viewing: Client, what: str) -> None:
        send([(entry(f"20251211_09{minute}00000_BULLISH"), at(minute)) for minute in range(10, 20)])
        run_sync(now=at(60), trigger="command")
        viewing.get("/api/me")  # notes the token's use
        assert len(listed(viewing, what, page_size=10)) == 10
        assert cost(viewing, f"/api/{what}?page_size=1") == cost(viewing, f"/api/{what}?page_size=10")


class TestGaps:
    ADDRESS = f"sync/signals/{TRADE_ID}/gaps/no_htf_alignment"

    def test_one_is_dismissed_and_taken_back(self, acting: Client, fill: Fill) -> None:
        assert post(acting, f"{self.ADDRESS}/dismiss", reason="never had any").json()["state"] == "dismissed"
        [row] = listed(acting, "gaps", state="dismissed")
        assert (row["trade_id"], row["gap"], row["actor"]) == (TRADE_ID, "no_htf_alignment", "operator-person")
        assert post(acting, f"{self.ADDRESS}/dismiss", reason="again").status_code == 409
        assert post(acting, f"{self.ADDRESS}/reopen").json()["state"] == "reopened"
        assert post(acting, f"{self.ADDRESS}/reopen").status_code == 409
        told = SyncAuditLog.objects.filter(gap="no_htf_alignment", actor="operator-person").order_by("pk")
        assert [each.action for each in told] == ["gap_dismissed", "gap_reopened"]

    def test_what_is_no_open_gap_of_the_signal_is_told(self, acting: Client) -> None:
        send([(created(), at(1))])
        assert post(acting, f"sync/signals/{TRADE_ID}/gaps/no_session/dismiss", reason="x").status_code == 409
        assert post(acting, f"sync/signals/{TRADE_ID}/gaps/made_up/dismiss", reason="x").status_code == 404
        assert post(acting, f"sync/signals/{OTHER}/gaps/no_session/dismiss", reason="x").status_code == 404

    def test_of_two_sources_with_one_id_the_named_one_is_meant(self, acting: Client, fill: Fill) -> None:
        send([(entry(), at(3))], Source.objects.create(name="second"))
        assert post(acting, f"{self.ADDRESS}/dismiss", reason="x").status_code == 409
        assert post(acting, f"{self.ADDRESS}/dismiss?source=second", reason="x").status_code == 200
        assert GapRecord.objects.get(state="dismissed").signal.source.name == "second"

    def test_a_viewer_dismisses_nothing(self, viewing: Client, fill: Fill) -> None:
        assert post(viewing, f"{self.ADDRESS}/dismiss", reason="x").status_code == 403
        assert the_signal().gap_records.filter(state="dismissed").count() == 0

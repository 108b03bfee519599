"""The sync by API: its state for readers, its actions for those who may reconcile."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from reconciliation.cycle import lease
from reconciliation.gaps import CATALOGUE
from reconciliation.models import SyncAuditLog, SyncRun
from signals.models import AutomatedSignal, Fill, Source
from tests.builders import TRADE_ID, at, break_even, created, entry, exit_stop, send, the_signal

pytestmark = pytest.mark.django_db
READABLE = ["health", "gaps", "runs", "audit"]
RUN = "/api/sync/run"
RECONCILE = f"/api/sync/signals/{TRADE_ID}/reconcile"
OTHER = "20251211_094500000_BULLISH"


@pytest.fixture
def operator(reader: User) -> Client:
    """Somebody who may read and reconcile, asking as the console does: with a session and its CSRF token."""
    reader.user_permissions.add(Permission.objects.get(codename="reconcile_signal"))
    client = Client()
    client.force_login(User.objects.get(pk=reader.pk))
    return client


def post(client: Client, address: str, **options: Any) -> Any:
    return client.post(address, options, content_type="application/json")


def ask(client: Client, what: str, **parameters: Any) -> Any:
    answer = client.get(f"/api/sync/{what}", parameters)
    assert answer.status_code == 200, answer.content
    return answer.json()


class TestWhoMay:
    @pytest.mark.parametrize("slash", ["", "/"])
    @pytest.mark.parametrize("what", READABLE)
    def test_readers_read_with_and_without_a_slash_and_others_do_not(self, api: Client, what: str, slash: str) -> None:
        assert api.get(f"/api/sync/{what}{slash}").status_code == 200
        assert Client().get(f"/api/sync/{what}{slash}").status_code == 401

    @pytest.mark.parametrize("address", [RUN, RECONCILE])
    def test_acting_needs_its_own_permission(self, api: Client, operator: Client, address: str) -> None:
        send([(created(), at(1))])
        assert post(Client(), address).status_code == 401
        viewer = User.objects.create_user("viewer")
        viewer.user_permissions.add(Permission.objects.get(codename="view_automatedsignal"))
        api.force_login(viewer)
        assert post(api, address).status_code == 403
        assert not SyncRun.objects.exists()
        assert post(operator, f"{address}/").status_code == 200

    @pytest.mark.parametrize("address", [RUN, RECONCILE])
    def test_a_get_changes_nothing(self, operator: Client, address: str) -> None:
        assert operator.get(address).status_code == 405

    def test_a_session_alone_is_not_enough_across_sites(self, operator: Client, reader: User) -> None:
        careful = Client(enforce_csrf_checks=True)
        careful.force_login(reader)
        assert post(careful, RUN).status_code == 403


class TestState:
    def test_without_signals_health_is_unknown_and_no_run_is_said(self, api: Client) -> None:
        health = ask(api, "health")
        assert health["health_score"] is None
        assert health["last_run"] is None
        assert health["total_gaps"] == 0

    def test_after_a_run_gaps_are_counted_by_type(self, operator: Client) -> None:
        send([(entry(), at(3))])
        post(operator, RUN)
        health = ask(operator, "health")
        assert health["health_score"] == 0
        assert health["window"]["signals"] == 1
        assert set(health["gaps_by_type"]) == set(CATALOGUE)
        assert health["gaps_by_type"]["no_htf_alignment"] == {"actionable": 1, "waiting": 0}
        assert health["total_gaps"] == health["actionable_gaps"] + health["waiting_gaps"]
        assert (health["last_run"]["state"], health["last_run"]["stale"]) == ("finished", False)

    def test_health_is_told_of_a_day_a_week_and_everything_and_null_where_a_window_is_empty(self, api: Client) -> None:
        assert {name: each["health_score"] for name, each in ask(api, "health")["windows"].items()} == {
            "24h": None, "7d": None, "all": None,
        }  # fmt: skip
        send([(entry(), at(3)), (exit_stop(), at(8))])
        health = ask(api, "health")
        assert {name: each["health_score"] for name, each in health["windows"].items()} == {
            "24h": None, "7d": None, "all": 0.0,
        }  # fmt: skip
        assert health["health_score"] is None, "the day's is the system's"
        assert health["windows"]["all"] | {"as_of": ""} == {
            "health_score": 0.0, "signals": 1, "without_actionable_gap": 0, "as_of": "",
        }  # fmt: skip

    def test_the_schema_names_every_key_of_health(self, api: Client) -> None:
        schemas = api.get("/api/schema", {"format": "json"}).json()["components"]["schemas"]
        assert schemas["HealthAnswer"]["properties"].keys() == ask(api, "health").keys()
        assert schemas["WindowAnswer"]["properties"].keys() == ask(api, "health")["windows"]["all"].keys()

    def test_a_worker_that_stands_still_is_seen(self, operator: Client) -> None:
        post(operator, RUN)
        SyncRun.objects.update(finished_at=timezone.now() - timedelta(hours=1))
        assert ask(operator, "health")["last_run"]["stale"] is True

    def test_each_gap_says_what_can_be_done_and_leads_to_its_signals(self, operator: Client) -> None:
        send([(entry(), at(3))])
        post(operator, RUN)
        gaps = {each["gap"]: each for each in ask(operator, "gaps")["results"]}
        assert list(gaps) == list(CATALOGUE)
        found = operator.get(gaps["no_htf_alignment"]["signals"]).json()
        assert found["count"] == gaps["no_htf_alignment"]["actionable"] == 1
        assert gaps["no_htf_alignment"]["remedy"]

    def test_runs_and_audit_come_newest_first_and_in_pages(self, operator: Client) -> None:
        send([(created(), at(1)), (break_even(), at(5))])
        first, second = post(operator, RUN).json(), post(operator, RUN).json()
        assert [run["id"] for run in ask(operator, "runs")["results"]] == [second["run_id"], first["run_id"]]
        page = ask(operator, "runs", page_size=1)
        assert [run["id"] for run in operator.get(page["next"]).json()["results"]] == [first["run_id"]]
        audit = ask(operator, "audit")["results"]
        assert [each["id"] for each in audit] == sorted((each["id"] for each in audit), reverse=True)
        assert {each["trade_id"] for each in audit} == {TRADE_ID}

    def test_audit_is_narrowed_and_costs_the_same_however_long_the_page(self, api: Client) -> None:
        send([(created(), at(1)), (created(OTHER), at(6))])
        now = timezone.now()
        for n in range(10):
            signal = the_signal(OTHER if n % 2 else TRADE_ID)
            SyncAuditLog.objects.create(at=now, signal=signal, action="gap_opened", gap="no_mae", actor=f"person{n}")

        def cost(**parameters: Any) -> int:
            with CaptureQueriesContext(connection) as captured:
                ask(api, "audit", **parameters)
            return len(captured)

        assert len(ask(api, "audit", trade_id=OTHER)["results"]) == 5
        assert len(ask(api, "audit", actor="person3", gap="no_mae")["results"]) == 1
        assert ask(api, "audit", action="undone")["results"] == []
        assert api.get("/api/sync/audit", {"action": "made_up"}).status_code == 400
        assert cost(page_size=1) == cost(page_size=10)


class TestActing:
    def test_a_run_fills_and_is_in_the_name_of_whoever_asked(self, operator: Client) -> None:
        send([(entry(), at(3))])
        report = post(operator, RUN).json()
        assert report["fills"] == Fill.objects.count() > 0
        run = SyncRun.objects.get(pk=report["run_id"])
        assert (run.trigger, run.started_by) == ("api", "reader")

    def test_a_dry_run_says_what_it_would_do_and_writes_nothing(self, operator: Client) -> None:
        send([(entry(), at(3))])
        report = post(operator, RUN, dry_run=True).json()
        assert {"confirmation_time"} <= {each["field"] for each in report["proposals"]}
        assert not Fill.objects.exists()
        assert not SyncRun.objects.exists()

    def test_one_signal_is_reconciled_and_no_other(self, operator: Client) -> None:
        send([(entry(), at(3)), (entry(OTHER), at(8))])
        assert post(operator, RECONCILE).json()["signals_examined"] == 1
        filled = AutomatedSignal.objects.filter(fills__isnull=False).distinct()
        assert [signal.trade_id for signal in filled] == [TRADE_ID]

    def test_of_two_sources_with_one_id_the_named_one_is_reconciled(self, operator: Client) -> None:
        send([(entry(), at(3))])
        send([(entry(), at(3))], Source.objects.create(name="second"))
        assert post(operator, RECONCILE).status_code == 409
        assert post(operator, f"{RECONCILE}?source=second").json()["signals_examined"] == 1
        assert {fill.signal.source.name for fill in Fill.objects.all()} == {"second"}

    def test_an_unknown_signal_is_404(self, operator: Client) -> None:
        assert post(operator, RECONCILE).status_code == 404

    @pytest.mark.parametrize("options", [{"tiers": ["9"]}, {"source": "nowhere"}, {"trade_ids": "x"}, {"dry_run": "?"}])
    def test_an_option_that_means_nothing_is_400_and_named(self, operator: Client, options: dict[str, Any]) -> None:
        answer = post(operator, RUN, **options)
        assert answer.status_code == 400
        assert answer.json()["errors"].keys() == options.keys()
        assert options.keys() <= answer.json().keys(), "as clients have always read them"

    def test_while_another_runs_the_answer_is_409_and_says_when_to_try_again(self, operator: Client) -> None:
        with lease.held():
            answer = post(operator, RUN)
        assert answer.status_code == 409
        assert int(answer["Retry-After"]) > 0
        assert "another sync is running" in answer.json()["detail"]

"""Sources, requests, findings, trends, jobs and bars by API."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from dashboard.api.system import MOST_DAYS
from dashboard.models import Job
from reconciliation import habits
from reconciliation.cycle.run import run_sync
from reconciliation.models import AskedGap, SyncRequest
from signals.models import Source
from signals.receiving.senders import default_source, new_token
from tests.builders import TRADE_ID, at, created, entry, send, the_signal, update

from .test_receiving_api import cost, listed, post

pytestmark = pytest.mark.django_db


def asked() -> SyncRequest:
    now = timezone.now()
    request = SyncRequest.objects.create(
        source=default_source(), reason=["no_mae"], next_attempt_at=now, created_at=now,
        expires_at=now + timedelta(hours=1),
    )  # fmt: skip
    AskedGap.objects.create(request=request, signal=the_signal(), gap="no_mae", events_seen=1)
    return request


def job(**given: str) -> Job:
    now = timezone.now()
    arguments = {"run": 1, "reason": "wrong"}
    values = {"kind": "undo", "title": "Undoing run 1", "started_by": "mia", **given}
    return Job.objects.create(arguments=arguments, total=10, done=4, created_at=now, updated_at=now, **values)


class TestSources:
    def test_they_are_told_without_any_secret(self, viewing: Client) -> None:
        token = new_token(default_source(), label="first")
        told = viewing.get("/api/sources/default").json()
        assert (told["name"], told["symbol"], told["valid_tokens"]) == ("default", "MNQ1!", 1)
        assert token not in str(told)
        assert default_source().tokens.get().token_hash not in str(told)
        default_source().tokens.update(expires_at=timezone.now())
        assert viewing.get("/api/sources/default").json()["valid_tokens"] == 0
        assert viewing.get("/api/sources/nowhere").status_code == 404

    def test_they_come_by_name_in_pages(self, viewing: Client) -> None:
        for name in ("c", "a", "b"):
            Source.objects.create(name=name)
        page = viewing.get("/api/sources?page_size=2").json()
        rest = viewing.get(page["next"]).json()
        assert [row["name"] for row in page["results"] + rest["results"]] == ["a", "b", "c"]


class TestRequests:
    def test_what_the_indicator_is_asked_is_told_with_its_signals(self, viewing: Client) -> None:
        send([(entry(), at(3))])
        request = asked()
        [row] = listed(viewing, "requests", state="waiting")
        assert (row["id"], row["gaps"], row["trade_ids"]) == (str(request.pk), ["no_mae"], [TRADE_ID])
        assert viewing.get(f"/api/requests/{request.pk}").json() == row

    def test_a_long_page_costs_no_more_queries(self, viewing: Client) -> None:
        send([(entry(), at(3))])
        asked()
        viewing.get("/api/me")  # notes the token's use
        one = cost(viewing, "/api/requests")
        AskedGap.objects.update(ended_at=timezone.now())
        asked()
        assert cost(viewing, "/api/requests") == one


def test_findings_are_counted_by_kind_and_lead_to_their_signals(viewing: Client) -> None:
    send([(created(), at(1)), (entry(stop_loss=25750), at(3))])
    assert viewing.get("/api/findings").json()["as_of"] is None
    habits.keep(timezone.now())
    told = viewing.get("/api/findings").json()
    [wrong] = [each for each in told["results"] if each["count"] and each["finding"] == "stop_on_wrong_side"]
    assert told["as_of"]
    assert [row["trade_id"] for row in viewing.get(wrong["signals"]).json()["results"]] == [TRADE_ID]


def test_health_is_told_over_time(viewing: Client) -> None:
    send([(entry(), at(3))])
    run_sync(now=timezone.now(), trigger="command")
    told = viewing.get("/api/trends/health?period=1h").json()
    assert (told["period"], len(told["results"])) == ("1h", 1)
    assert told["results"][0]["actionable_gaps"] > 0
    assert viewing.get("/api/trends/health?period=1y").status_code == 400


class TestJobs:
    def test_they_say_how_far_they_are(self, viewing: Client) -> None:
        row = job(state="running")
        told = viewing.get(f"/api/jobs/{row.pk}").json()
        assert (told["percent"], told["state"], told["stuck"]) == (40, "running", False)
        assert [each["id"] for each in listed(viewing, "jobs", state="running")] == [row.pk]

    def test_one_that_failed_goes_on_in_the_hands_of_who_may(self, acting: Client, viewing: Client) -> None:
        row = job(state="failed")
        assert post(viewing, f"jobs/{row.pk}/resume").status_code == 403
        assert post(acting, f"jobs/{row.pk}/resume").json()["state"] == "waiting"
        assert post(acting, f"jobs/{row.pk}/resume").status_code == 409


class TestBars:
    def test_they_are_told_by_symbol_newest_first(self, viewing: Client) -> None:
        send([(created(), at(1)), (entry(), at(3)), (update(0.5, current_price=25745), at(4))])
        rows = listed(viewing, "bars", symbol="CME_MINI:mnq1!")
        assert rows[0]["time"] == "2025-12-11T14:43:00Z"
        assert (rows[0]["close"], rows[0]["open"], rows[0]["origin"]) == (25745, None, "Indicator")
        assert listed(viewing, "bars", symbol="MNQ1!", before="2025-12-11T14:00:00Z") == []
        assert list(viewing.get("/api/bars").json()["errors"]) == ["symbol"]

    def test_days_say_how_much_of_them_is_there(self, viewing: Client) -> None:
        assert viewing.get("/api/bars/coverage").json() == {"symbols": [], "symbol": "", "results": []}
        send([(created(), at(1)), (entry(), at(3)), (update(0.5, current_price=25745), at(4))])
        told = viewing.get("/api/bars/coverage?days=2").json()
        assert (told["symbols"], [day["date"] for day in told["results"]]) == (["MNQ1!"], ["2025-12-10", "2025-12-11"])
        day = told["results"][1]
        assert (day["closes"], day["missing"]) == (1, day["expected"] - 1)

    @pytest.mark.parametrize(
        "query", ["days=0", f"days={MOST_DAYS + 1}", "days=x", "until=x", "until=1066-01-01", "simbol=x"]
    )
    def test_what_means_nothing_is_400(self, viewing: Client, query: str) -> None:
        assert viewing.get(f"/api/bars/coverage?{query}").status_code == 400

"""What every endpoint does alike: problems, limits, answers that are known already, keys that are done once, files."""

import csv
import io
import json
from datetime import timedelta
from threading import Event, Thread
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone
from drf_spectacular.generators import SchemaGenerator

from dashboard.api import idempotency
from dashboard.console.roles import ADMINISTRATOR, OPERATOR, VIEWER, roles
from dashboard.models import KeptAnswer
from reconciliation.models import SyncRun
from signalsync_project.variables import ROLES
from tests.builders import TRADE_ID, at, created, entry, send
from tests.processes import PATIENCE

from .conftest import bearer, person, quarantined

pytestmark = pytest.mark.django_db
ALL, RUN = "/api/automated-signals/all-signals", "/api/sync/run"
OTHER = "20251211_094500000_BULLISH"


class TestProblems:
    @pytest.mark.parametrize(
        ("address", "status"),
        [
            ("/api/deliveries?status=x", 400),
            ("/api/fills/1", 404),
            ("/api/nothing", 404),
            ("/api/fills?cursor=cD14", 404),
        ],
    )
    def test_every_error_is_a_problem_that_says_what_to_do(self, viewing: Client, address: str, status: int) -> None:
        answer = viewing.get(address)
        assert (answer.status_code, answer["Content-Type"]) == (status, "application/problem+json")
        told = answer.json()
        assert (told["status"], told["type"]) == (status, "about:blank")
        assert told["detail"]
        assert told["title"]

    def test_what_means_nothing_is_named(self, viewing: Client) -> None:
        told = viewing.get("/api/deliveries", {"status": "x", "channel": "y"}).json()
        assert told["errors"].keys() == {"status", "channel"}
        assert (told["status"], "status: " in told["detail"]) == (400, True)

    def test_without_credentials_as_well(self) -> None:
        answer = Client().get("/api/deliveries")
        assert (answer.status_code, answer["Content-Type"]) == (401, "application/problem+json")
        assert answer["WWW-Authenticate"].startswith("Basic")

    def test_a_body_that_is_no_json_is_refused(self, acting: Client) -> None:
        assert acting.post(RUN, {"dry_run": "1"}).status_code == 415

    @pytest.mark.parametrize("cursor", ["cD14", "cD05OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTk=", "cD0lMDA=", "bz0xMDAwMDAw"])
    @pytest.mark.parametrize("what", ["deliveries", "fills", "sources", "formats", "bars?symbol=MNQ1!", "sync/runs"])
    def test_no_cursor_that_was_never_given_fails(self, viewing: Client, what: str, cursor: str) -> None:
        address = f"/api/{what}{'&' if '?' in what else '?'}cursor={cursor}"
        assert viewing.get(address).status_code in (200, 404)


class TestLimits:
    def test_a_role_has_its_rate_and_a_token_an_allowance_of_its_own(self, settings: Any) -> None:
        settings.API_RATES = "Viewer=2/min"
        headers, another = bearer(person(VIEWER)), bearer(person(VIEWER), scope=VIEWER)
        narrowed = [Client().get("/api/me", headers=another) for _ in range(3)]
        assert [answer.status_code for answer in narrowed] == [200, 200, 429]
        assert 0 < int(narrowed[-1]["Retry-After"]) <= 60
        assert narrowed[-1]["Content-Type"] == "application/problem+json"
        assert Client().get("/api/me", headers=headers).status_code == 200, "an Operator's scope has no rate here"

    def test_a_person_is_counted_by_what_he_may(self, settings: Any) -> None:
        settings.API_RATES = "Viewer=1/min,Operator=2/min"
        codes = {}
        for role in (VIEWER, OPERATOR, ADMINISTRATOR):
            client = Client()
            client.force_login(person(role))
            codes[role] = [client.get("/api/me").status_code for _ in range(3)]
        assert codes == {VIEWER: [200, 429, 429], OPERATOR: [200, 200, 429], ADMINISTRATOR: [200, 200, 200]}

    def test_rates_are_of_the_roles_that_there_are(self) -> None:
        assert set(ROLES) == roles().keys()


class TestWhatAClientHas:
    @pytest.mark.parametrize("address", [ALL, f"/api/automated-signals/signals/{TRADE_ID}", "/api/deliveries"])
    def test_an_answer_that_a_client_has_is_not_sent_again(self, viewing: Client, address: str) -> None:
        send([(created(), at(1)), (entry(), at(3))])
        answer = viewing.get(address)
        assert answer["Cache-Control"] == "private, no-cache"
        again = viewing.get(address, headers={"if-none-match": answer["ETag"]})
        assert (again.status_code, again.content, again["ETag"]) == (304, b"", answer["ETag"])

    def test_a_change_is_sent(self, viewing: Client) -> None:
        send([(created(), at(1)), (entry(), at(3))])
        tag = viewing.get("/api/events")["ETag"]
        send([(created(OTHER), at(6))])
        assert viewing.get("/api/events", headers={"if-none-match": tag}).status_code == 200


class TestKeysThatAreDoneOnce:
    def post(self, client: Client, key: str = "k", **body: Any) -> Any:
        return client.post(RUN, body, content_type="application/json", headers={"idempotency-key": key})

    def test_the_same_request_is_answered_again_and_not_done_again(self, acting: Client) -> None:
        first, second = self.post(acting), self.post(acting)
        assert (second.status_code, second.content) == (200, first.content)
        assert (first.get("Idempotent-Replayed"), second["Idempotent-Replayed"]) == (None, "true")
        assert SyncRun.objects.count() == 1
        assert self.post(acting, key="another").json()["run_id"] != first.json()["run_id"]

    def test_another_request_with_the_key_is_422(self, acting: Client) -> None:
        self.post(acting)
        assert self.post(acting, dry_run=True).status_code == 422

    def test_the_key_is_its_persons(self, acting: Client) -> None:
        self.post(acting)
        boss = Client(headers=bearer(person(ADMINISTRATOR)))
        assert self.post(boss, dry_run=True).status_code == 200

    def test_while_it_is_being_done_the_answer_is_409(self, acting: Client) -> None:
        self.post(acting)
        KeptAnswer.objects.update(status=None)
        answer = self.post(acting)
        assert (answer.status_code, answer["Retry-After"]) == (409, "1")
        KeptAnswer.objects.update(created_at=timezone.now() - idempotency.LONGEST - timedelta(seconds=1))
        assert self.post(acting).status_code == 200, "whoever did it has died"

    def test_what_was_refused_may_be_sent_again(self, acting: Client) -> None:
        row = quarantined()
        address = f"/api/quarantine/{row.pk}/replay"
        headers = {"idempotency-key": "k"}
        assert acting.post(address, {}, content_type="application/json", headers=headers).status_code == 400
        assert not KeptAnswer.objects.exists()

    def test_after_a_day_it_is_forgotten(self, acting: Client) -> None:
        self.post(acting)
        KeptAnswer.objects.update(created_at=timezone.now() - timedelta(days=1, seconds=1))
        self.post(acting, key="another")
        assert list(KeptAnswer.objects.values_list("key", flat=True)) == ["another"]

    @pytest.mark.parametrize("key", ["", "x" * 201])
    def test_a_key_that_is_none_is_400(self, acting: Client, key: str) -> None:
        assert self.post(acting, key=key).status_code == 400

    def test_every_action_takes_one(self) -> None:
        paths = SchemaGenerator().get_schema(request=None, public=True)["paths"]
        posts = {path: each["post"] for path, each in paths.items() if "post" in each}
        without = {
            path
            for path, post in posts.items()
            if "Idempotency-Key" not in [p["name"] for p in post.get("parameters", [])]
        }
        # What changes nothing, what senders and companions do: each is the same when it is repeated.
        assert without == {
            "/api/automated-signals/webhook", "/api/quarantine/{id}/preview", "/api/formats/preview",
            "/api/sync/requests/{request_id}/acknowledge",
        }  # fmt: skip

    def test_a_form_with_a_key_is_refused_like_any_other(self) -> None:
        client = Client(enforce_csrf_checks=True)
        client.force_login(person(OPERATOR))
        assert client.post(RUN, {"a": "b"}, headers={"idempotency-key": "k"}).status_code in (403, 415)


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_of_two_requests_at_once_with_one_key_one_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    begun, may_end, answers = Event(), Event(), {}
    headers = {**bearer(person(OPERATOR)), "idempotency-key": "k"}

    def patient(*args: Any, **options: Any) -> Any:
        begun.set()
        assert may_end.wait(PATIENCE)
        return {"done": 1}

    def post(name: str) -> None:
        answers[name] = Client().post(RUN, {}, content_type="application/json", headers=headers)
        connection.close()

    monkeypatch.setattr("dashboard.api.sync.run", patient)
    first = Thread(target=post, args=["first"])
    first.start()
    assert begun.wait(PATIENCE)
    post("second")
    may_end.set()
    first.join(PATIENCE)
    post("third")
    assert {name: answer.status_code for name, answer in answers.items()} == {"first": 200, "second": 409, "third": 200}
    assert answers["third"]["Idempotent-Replayed"] == "true"


class TestFiles:
    def text(self, answer: Any) -> str:
        assert answer.status_code == 200
        return b"".join(answer.streaming_content).decode()

    def test_a_list_is_csv_with_its_filters(self, viewing: Client) -> None:
        send([(created(), at(1)), (entry(), at(3)), (created(OTHER), at(6))])
        answer = viewing.get(ALL, {"search": TRADE_ID}, headers={"accept": "text/csv"})
        [row] = csv.DictReader(io.StringIO(self.text(answer)))
        assert answer["Content-Type"] == "text/csv; charset=utf-8"
        told = viewing.get(ALL, {"search": TRADE_ID}).json()["results"][0]
        assert row.keys() == told.keys()
        assert (row["trade_id"], row["entry_price"], json.loads(row["gaps"])) == (TRADE_ID, "25740", told["gaps"])

    def test_and_json_lines(self, viewing: Client) -> None:
        send([(created(), at(1)), (entry(), at(3))])
        lines = self.text(viewing.get("/api/events?format=ndjson")).splitlines()
        assert [json.loads(line) for line in lines] == viewing.get("/api/events").json()["results"]

    def test_no_text_is_run_by_a_spreadsheet(self, viewing: Client) -> None:
        quarantined(b"=cmd|'/c calc'!A1")
        rows = list(csv.DictReader(io.StringIO(self.text(viewing.get("/api/quarantine?format=csv")))))
        assert not any(value.startswith(("=", "+", "-", "@")) for row in rows for value in row.values())

    @pytest.mark.parametrize("what", ["/api/events", ALL])
    def test_what_is_more_follows_by_a_link(self, viewing: Client, what: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("dashboard.api.pagination.ROWS", 2)
        send([(created(f"20251211_09{minute}00000_BULLISH"), at(minute)) for minute in range(41, 46)])
        found, address = [], f"{what}?format=ndjson"
        while address:
            answer = viewing.get(address)
            found += [json.loads(line)["trade_id"] for line in self.text(answer).splitlines()]
            address = answer.get("Link", "").partition(">")[0].lstrip("<")
        assert (len(found), len(set(found))) == (5, 5)

    def test_a_file_costs_the_same_queries_a_chunk(
        self, viewing: Client, monkeypatch: pytest.MonkeyPatch, django_assert_max_num_queries: Any
    ) -> None:
        monkeypatch.setattr("dashboard.api.lists.ROWS_AT_ONCE", 100)
        send([(created(f"20251211_09{minute}00000_BULLISH"), at(minute)) for minute in range(10, 59)])
        with django_assert_max_num_queries(9):
            assert len(self.text(viewing.get("/api/events?format=csv")).splitlines()) == 50

    def test_a_filter_that_means_nothing_is_still_a_problem(self, viewing: Client) -> None:
        answer = viewing.get(f"{ALL}?sesion=x", headers={"accept": "text/csv"})
        assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json")

    def test_a_page_is_bounded_whatever_is_asked(self, viewing: Client, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("dashboard.api.pagination.ROWS", 2)
        send([(created(f"20251211_09{minute}00000_BULLISH"), at(minute)) for minute in range(41, 46)])
        answer = viewing.get("/api/events?format=ndjson&page_size=9999999")
        assert len(self.text(answer).splitlines()) == 2

"""The read API: who may ask, what a list and a signal say (narrowing: test_narrowing.py)."""

import gc
import io
from base64 import b64encode
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from reconciliation.models import GapRecord
from signals.models import AutomatedSignal, Source
from tests.builders import HTF, TRADE_ID, at, created, entry, exit_stop, send, the_signal, update

from .listing import ALL, BASE, CANCELLED_ID, COMPLETED_ID, ids, lifecycle, results

pytestmark = pytest.mark.django_db
ENDPOINTS = ["all-signals", "cancelled-signals", f"signals/{TRADE_ID}", f"signals/{TRADE_ID}/timeline"]


def signals_in_memory() -> list[AutomatedSignal]:
    return [each for each in gc.get_objects() if type(each) is AutomatedSignal]  # proxies may be of nothing


class TestWhoMayAsk:
    @pytest.mark.parametrize("endpoint", ENDPOINTS)
    def test_without_credentials_the_answer_is_401_with_a_challenge(self, client: Client, endpoint: str) -> None:
        answer = client.get(f"{BASE}/{endpoint}")
        assert answer.status_code == 401
        assert answer["WWW-Authenticate"].startswith("Basic")

    @pytest.mark.parametrize("endpoint", ENDPOINTS)
    def test_without_the_permission_it_is_403_and_says_whom_to_ask(self, client: Client, endpoint: str) -> None:
        client.force_login(User.objects.create_user("nobody"))
        answer = client.get(f"{BASE}/{endpoint}")
        assert answer.status_code == 403
        assert "administrator" in answer.json()["detail"]

    @pytest.mark.parametrize("slash", ["", "/"])
    @pytest.mark.parametrize("endpoint", ENDPOINTS)
    def test_a_reader_gets_an_answer_with_and_without_a_slash(self, api: Client, endpoint: str, slash: str) -> None:
        send(lifecycle())
        assert api.get(f"{BASE}/{endpoint}{slash}").status_code == 200

    @pytest.mark.usefixtures("reader")
    def test_basic_credentials_do_as_well(self, client: Client) -> None:
        right = b64encode(b"reader:a-long-passphrase").decode()
        wrong = b64encode(b"reader:another").decode()
        assert client.get(ALL, headers={"authorization": f"Basic {right}"}).status_code == 200
        assert client.get(ALL, headers={"authorization": f"Basic {wrong}"}).status_code == 401

    def test_nothing_can_be_written_here(self, api: Client) -> None:
        assert api.post(ALL, {}).status_code in (403, 405)


class TestAList:
    def test_a_signal_says_what_the_design_promises(self, api: Client) -> None:
        send(lifecycle())
        [row] = results(api, search=TRADE_ID)
        assert {
            "trade_id", "signal_time", "signal_date", "signal_time_str", "direction", "session", "htf_alignment",
            "status", "is_confirmed", "is_cancelled", "confirmation_time", "cancellation_time", "entry_price",
            "stop_loss", "bars_to_event", "minutes_to_event", "age_before_event", "health_score", "gaps",
            "confidence_score", "data_source",
        } <= row.keys()  # fmt: skip
        assert (row["entry_price"], row["stop_loss"]) == (25740, 25730)
        assert (row["signal_time"], row["confirmation_time"]) == ("2025-12-11T14:40:00Z", "2025-12-11T14:42:00Z")
        assert (row["signal_date"], row["signal_time_str"], row["session"]) == ("2025-12-11", "09:40:00", "NY AM")
        assert (row["bars_to_event"], row["minutes_to_event"], row["age_before_event"]) == (2, 2, 120)
        assert row["htf_alignment"] == HTF

    def test_its_rows_are_freed_with_the_answer_and_not_left_to_the_collector(self, api: Client) -> None:
        send(lifecycle())
        gc.collect()
        gc.disable()
        try:
            before = set(map(id, signals_in_memory()))
            assert results(api)
            assert [each for each in signals_in_memory() if id(each) not in before] == []
        finally:
            gc.enable()

    def test_numbers_are_json_numbers_without_noise(self, api: Client) -> None:
        send([(created(), at(1)), (entry(entry_price="25740.10", stop_loss=25730), at(3)), (update(0.1), at(4))])
        text = api.get(ALL).content.decode()
        assert '"entry_price":25740.1,' in text
        assert '"stop_loss":25730,' in text
        assert '"be_mfe":0.1,' in text

    def test_times_are_utc_whatever_zone_is_active(self, api: Client) -> None:
        send(lifecycle())
        with timezone.override("Asia/Tokyo"):
            assert results(api, search=TRADE_ID)[0]["signal_time"] == "2025-12-11T14:40:00Z"

    def test_the_summary_counts_the_filtered_set(self, api: Client) -> None:
        send(lifecycle())
        everything = {"total": 4, "confirmed": 2, "cancelled": 1, "pending": 1, "confirmation_rate": 50.0}
        assert api.get(ALL).json()["summary"] == everything
        some = api.get(ALL, {"status": ["PENDING", "COMPLETED"], "page_size": 1}).json()
        assert (some["count"], len(some["results"])) == (2, 1)
        assert some["summary"] == {"total": 2, "confirmed": 1, "cancelled": 0, "pending": 1, "confirmation_rate": 50.0}

    def test_an_empty_set_has_no_confirmation_rate(self, api: Client) -> None:
        assert api.get(ALL).json()["summary"]["confirmation_rate"] is None

    def test_cancelled_signals_are_a_list_of_their_own(self, api: Client) -> None:
        send(lifecycle())
        answer = api.get(f"{BASE}/cancelled-signals").json()
        assert [row["trade_id"] for row in answer["results"]] == [CANCELLED_ID]
        assert answer["results"][0]["is_cancelled"] is True
        assert answer["results"][0]["bars_to_event"] == 4
        assert answer["summary"]["total"] == 1

    def test_gaps_are_those_of_the_catalogue_and_dismissed_ones_are_gone(self, api: Client) -> None:
        send([(entry(), at(3)), (update(0.5), at(4))])
        assert set(results(api)[0]["gaps"]) == {"no_mfe_update", "no_htf_alignment", "no_confirmation_time"}
        signal = the_signal()
        GapRecord.objects.create(signal=signal, gap="no_htf_alignment", state="dismissed", opened_at=timezone.now())
        assert "no_htf_alignment" not in results(api)[0]["gaps"]

    def test_a_new_signal_shows_at_once(self, api: Client) -> None:
        assert ids(api) == set()
        send(lifecycle())
        assert len(ids(api)) == 4


class TestOneSignal:
    def test_it_has_every_field_and_where_each_came_from(self, api: Client) -> None:
        send(lifecycle())
        told = api.get(f"{BASE}/signals/{COMPLETED_ID}").json()
        assert (told["status"], told["be_mfe"], told["no_be_mfe"], told["mae"]) == ("COMPLETED", 1.4, 2.5, -0.9)
        assert (told["stop_exit_at"], told["stop_exit_price"]) == ("2025-12-11T14:49:00Z", 25730)
        assert told["targets"] == {"tp1": 25750, "tp2": 25760, "tp3": 25770}
        assert told["provenance"]["entry_price"]["source"] == "indicator_realtime"
        assert "confirmation_time" in told["synthetic"]
        assert "entry_price" not in told["synthetic"]

    @pytest.mark.parametrize("what", ["", "/timeline"])
    def test_an_unknown_one_is_404_and_says_where_to_look(self, api: Client, what: str) -> None:
        answer = api.get(f"{BASE}/signals/nobody{what}")
        assert answer.status_code == 404
        assert "alert log" in answer.json()["detail"]

    def test_an_id_that_no_database_could_hold_is_404(self, api: Client) -> None:
        assert api.get(f"{BASE}/signals/%00").status_code == 404

    @pytest.mark.parametrize("what", ["", "/timeline"])
    def test_where_sources_share_the_id_the_answer_names_them(self, api: Client, what: str) -> None:
        send([(created(), at(1))])
        send([(created(), at(1)), (entry(), at(3))], Source.objects.create(name="second"))
        answer = api.get(f"{BASE}/signals/{TRADE_ID}{what}")
        assert answer.status_code == 409
        assert [each["source"] for each in answer.json()["candidates"]] == ["default", "second"]
        assert "default, second" in answer.json()["detail"]
        picked = api.get(f"{BASE}/signals/{TRADE_ID}{what}", {"source": "second"}).json()
        assert picked.get("signal", picked)["status"] == "CONFIRMED"

    @pytest.mark.parametrize("what", ["", "/timeline"])
    def test_where_symbols_share_the_id_each_candidates_url_is_one(self, api: Client, what: str) -> None:
        send(
            [(entry(symbol="MNQ1!"), at(3)), (entry(symbol="CME_MINI:MES1!", entry_price=6900, stop_loss=6895), at(3))]
        )
        answer = api.get(f"{BASE}/signals/{TRADE_ID}{what}")
        assert answer.status_code == 409
        found = answer.json()["candidates"]
        assert [(each["symbol"], each["life"]) for each in found] == [("MES1!", 1), ("MNQ1!", 1)]
        for each, price in zip(found, (6900, 25740), strict=True):
            told = api.get(each["url"]).json()
            assert told.get("signal", told)["entry_price"] == price
        told = api.get(f"{BASE}/signals/{TRADE_ID}{what}", {"symbol": "cme_mini:mes1!, 1m"}).json()
        assert told.get("signal", told)["entry_price"] == 6900
        assert [each["symbol"] for each in api.get(ALL, {"symbol": "mes1!"}).json()["results"]] == ["MES1!"]

    def test_where_trades_shared_the_id_its_number_picks(self, api: Client) -> None:
        send([(entry("Long"), at(3)), (exit_stop("Long"), at(9)), (entry("Long", entry_price=25800), at(20))])
        answer = api.get(f"{BASE}/signals/Long")
        assert (answer.status_code, [each["life"] for each in answer.json()["candidates"]]) == (409, [2, 1])
        assert api.get(f"{BASE}/signals/Long", {"life": "2"}).json()["entry_price"] == 25800
        assert api.get(f"{BASE}/signals/Long", {"life": "3"}).status_code == 404

    def test_a_source_that_does_not_have_it_is_404(self, api: Client) -> None:
        send(lifecycle())
        assert api.get(f"{BASE}/signals/{TRADE_ID}", {"source": "second"}).status_code == 404


def test_the_timeline_tells_events_in_order_of_time_with_their_deliveries(api: Client) -> None:
    send(reversed(lifecycle()[:3]))
    told = api.get(f"{BASE}/signals/{TRADE_ID}/timeline").json()
    assert told.keys() >= {"signal", "provenance", "events", "gaps", "audit"}
    assert [event["type"] for event in told["events"]] == ["SIGNAL_CREATED", "ENTRY", "MFE_UPDATE"]
    assert told["events"][1]["facts"]["entry_price"] == "25740"
    assert told["events"][1]["delivery"] == str(the_signal().events.get(type="ENTRY").delivery_id)


def test_waiting_gaps_are_shown_apart(api: Client) -> None:
    # Around the clock, so that the test does not depend on the hours of a market.
    Source.objects.create(name="default", is_default=True, calendar="24/7")
    now = timezone.now()
    send([(entry(), now - timedelta(minutes=6)), (update(0.5), now - timedelta(minutes=5))])
    [row] = results(api)
    assert "no_mfe_update" in row["gaps"]
    assert row["gaps_waiting"] == ["no_mfe_update"]
    assert AutomatedSignal.objects.count() == 1


class TestSchema:
    def test_it_names_every_endpoint_and_the_summary(self, client: Client) -> None:
        answer = client.get("/api/schema", headers={"accept": "application/vnd.oai.openapi+json"})
        schema = answer.json()
        paths = {path.rstrip("/") for path in schema["paths"]}
        detail = f"{BASE}/signals/{{trade_id}}"
        assert {ALL, f"{BASE}/cancelled-signals", detail, f"{detail}/timeline", f"{BASE}/webhook"} <= paths
        assert "summary" in schema["components"]["schemas"]["PaginatedListedSignalList"]["properties"]

    def test_it_is_valid_and_made_without_a_warning(self) -> None:
        call_command("spectacular", "--validate", "--fail-on-warn", stdout=io.StringIO())

    def test_the_docs_need_nothing_from_elsewhere(self, client: Client) -> None:
        page = client.get("/api/docs/").content.decode()
        assert "/static/drf_spectacular_sidecar/" in page
        assert "cdn" not in page


class TestIdsThatEndLikeAnAddress:
    """A trade id may hold anything, also what addresses of ours end in."""

    ODD = "20251211/timeline"

    def test_such_a_signal_is_told_under_its_own_address(self, api: Client) -> None:
        send([(entry(self.ODD), at(3))])
        answer = api.get(f"/api/automated-signals/signals/{self.ODD}")
        assert answer.json()["trade_id"] == self.ODD
        assert api.get(f"/api/automated-signals/signals/{self.ODD}/timeline").json()["signal"]["trade_id"] == self.ODD

    def test_beside_a_signal_whose_timeline_is_meant_it_is_asked_for_as_a_whole(self, api: Client) -> None:
        send([(entry(self.ODD), at(3)), (entry("20251211"), at(4))])
        meant = api.get(f"/api/automated-signals/signals/{self.ODD}")
        assert meant.json()["signal"]["trade_id"] == "20251211"
        assert api.get(f"/api/automated-signals/signals/{self.ODD}?whole=1").json()["trade_id"] == self.ODD

    def test_where_neither_is_stored_the_answer_names_what_was_asked(self, api: Client) -> None:
        assert api.get(f"/api/automated-signals/signals/{self.ODD}").status_code == 404

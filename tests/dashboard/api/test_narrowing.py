"""How lists of signals are narrowed, ordered and paged in the API, and what they cost."""

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from dashboard.api import reach
from dashboard.api.filters import ORDERINGS, SignalFilter
from dashboard.api.signals import AllSignals
from reconciliation.gaps import CATALOGUE
from signals.models import AutomatedSignal
from signals.vocabulary import TIMEFRAMES
from tests.builders import TRADE_ID, at, created, entry, send, update

from .listing import ALL, CANCELLED_ID, COMPLETED_ID, PENDING_ID, ids, lifecycle, results

pytestmark = pytest.mark.django_db


class TestNarrowing:
    @pytest.mark.parametrize(
        ("parameters", "expected"),
        [
            ({"status": "PENDING"}, {PENDING_ID}),
            ({"status": ["PENDING", "CANCELLED"]}, {PENDING_ID, CANCELLED_ID}),
            ({"direction": "Bearish"}, set()),
            ({"session": "NY AM", "status": "CONFIRMED"}, {TRADE_ID}),
            ({"session": "ASIA"}, set()),
            ({"source": "default", "status": "CONFIRMED"}, {TRADE_ID}),
            ({"date_from": "2025-12-12"}, set()),
            ({"date_from": "2025-12-11", "date_to": "2025-12-11", "status": "CONFIRMED"}, {TRADE_ID}),
            ({"created_to": "2025-12-12T00:00:00Z"}, set()),
            ({"created_from": "2025-12-12T00:00:00Z", "status": "CONFIRMED"}, {TRADE_ID}),
            ({"created_from": "2025-12-11T00:00:00-20:17", "status": "CONFIRMED"}, {TRADE_ID}),
            ({"health_max": "99"}, set()),
            ({"health_min": "100", "status": "CONFIRMED"}, {TRADE_ID}),
            ({"htf_h4": "Neutral", "status": "CONFIRMED"}, {TRADE_ID}),
            ({"htf_h4": "Bearish"}, set()),
            ({"data_source": "indicator_polling"}, set()),
            ({"search": "094000000"}, {TRADE_ID}),
            ({"gap": "no_mfe_update"}, {TRADE_ID}),
            ({"gap": ["no_mfe_update", "no_entry_price"]}, {TRADE_ID}),
            ({"actionable": "true"}, {TRADE_ID}),
            ({"actionable": "false"}, {PENDING_ID, CANCELLED_ID, COMPLETED_ID}),
            ({"finding": "mae_above_zero"}, set()),
            ({"finding": ["mae_above_zero", "htf_conflict"], "status": "CONFIRMED"}, set()),
        ],
    )
    def test_by_each_parameter(self, api: Client, parameters: dict[str, Any], expected: set[str]) -> None:
        send(lifecycle())
        assert ids(api, **parameters) == expected

    @pytest.mark.parametrize("gap", CATALOGUE)
    def test_the_gap_filter_and_the_shown_gaps_are_one_definition(self, api: Client, gap: str) -> None:
        send([*lifecycle(), (update(0.3, trade_id="20251211_094400000_BEARISH"), at(20))])
        showing = {row["trade_id"] for row in results(api) if gap in row["gaps"]}
        assert ids(api, gap=gap) == showing

    @pytest.mark.parametrize(
        "parameters",
        [
            {"status": "WON"}, {"session": "MARS"}, {"direction": "Up"}, {"source": "nowhere"}, {"gap": "no_sense"},
            {"date_from": "yesterday"}, {"created_from": "now"}, {"health_min": "low"}, {"htf_h1": "Sideways"},
            {"ordering": "provenance"}, {"search": "\0"}, {"finding": "no_sense"}, {"sesion": "LONDON"},
            {"created_from": "0001-01-01T00:00:00+05:00"},
        ],
    )  # fmt: skip
    def test_a_value_that_means_nothing_is_400_not_everything(self, api: Client, parameters: dict[str, str]) -> None:
        assert api.get(ALL, parameters).status_code == 400

    def test_an_unknown_parameter_is_named_with_those_that_are_known(self, api: Client) -> None:
        for address in (ALL, "/api/automated-signals/cancelled-signals", "/api/sync/runs", "/api/sync/audit"):
            answer = api.get(address, {"sesion": "LONDON", "format": "json", "page_size": "5"})
            assert (answer.status_code, list(answer.json()["errors"])) == (400, ["sesion"])
            assert "page_size" in answer.json()["sesion"][0]

    @pytest.mark.parametrize("size", ["-1", "0", "abc", "1.5"])
    def test_a_page_size_that_means_nothing_is_named(self, api: Client, size: str) -> None:
        for address in (ALL, "/api/automated-signals/cancelled-signals", "/api/sync/runs", "/api/sync/audit"):
            answer = api.get(address, {"page_size": size})
            assert answer.status_code == 400
            assert answer.json()["errors"] == {"page_size": [f"'{size}' is not a whole number from 1 on."]}

    @pytest.mark.parametrize("page", ["-1", "0", "abc"])
    def test_a_page_that_means_nothing_is_named(self, api: Client, page: str) -> None:
        answer = api.get(ALL, {"page": page})
        assert answer.status_code == 400
        assert list(answer.json()["errors"]) == ["page"]

    def test_the_last_page_can_be_asked_for(self, api: Client) -> None:
        send(lifecycle())
        assert [row["trade_id"] for row in results(api, page="last", page_size=3)] == [TRADE_ID]

    def test_a_whole_trade_id_is_looked_up_and_a_part_looked_for(self, api: Client) -> None:
        longer = f"{TRADE_ID}_2"
        send([(created(), at(1)), (created(longer), at(2))])
        assert ids(api, search=TRADE_ID) == {TRADE_ID}
        assert ids(api, search=TRADE_ID[:-1]) == {TRADE_ID, longer}
        assert ids(api, search=f"{TRADE_ID[:8]} {longer[-8:]}") == {longer}

    def test_findings_are_those_of_the_catalogue(self, api: Client) -> None:
        send(lifecycle())
        AutomatedSignal.objects.filter(trade_id=TRADE_ID).update(mae=1)
        assert ids(api, finding="mae_above_zero") == {TRADE_ID}

    def test_every_timeframe_has_a_filter(self) -> None:
        assert {f"htf_{name}" for name in TIMEFRAMES} <= SignalFilter.base_filters.keys()

    @pytest.mark.parametrize("field", ORDERINGS)
    def test_pages_hold_every_signal_once_in_any_order(self, api: Client, field: str) -> None:
        send([(created(f"20251211_0940{n:02}000_BULLISH"), at(1)) for n in range(7)])
        for ordering in (field, f"-{field}"):
            pages = [results(api, ordering=ordering, page_size=2, page=page) for page in (1, 2, 3, 4)]
            seen = [row["trade_id"] for page in pages for row in page]
            assert len(seen) == len(set(seen)) == 7

    def test_newest_first_unless_asked_otherwise(self, api: Client) -> None:
        send(lifecycle())
        assert [row["trade_id"] for row in results(api)] == [COMPLETED_ID, CANCELLED_ID, PENDING_ID, TRADE_ID]
        assert results(api, ordering="trade_id")[0]["trade_id"] == TRADE_ID

    def test_a_page_after_the_last_is_404(self, api: Client) -> None:
        assert api.get(ALL, {"page": 2}).status_code == 404


class TestCost:
    def queries(self, api: Client, **parameters: Any) -> int:
        with CaptureQueriesContext(connection) as captured:
            results(api, **parameters)
        return len(captured)

    @pytest.mark.parametrize("parameters", [{}, {"gap": "no_mfe_update"}, {"search": "2025", "ordering": "trade_id"}])
    def test_queries_do_not_grow_with_the_page(self, api: Client, parameters: dict[str, str]) -> None:
        send([(entry(f"20251211_0940{n:02}000_BULLISH"), at(n)) for n in range(1, 40)])
        self.queries(api)
        assert self.queries(api, page_size=1, **parameters) == self.queries(api, page_size=39, **parameters) <= 13

    def test_a_page_is_capped(self, api: Client, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(AllSignals.pagination_class, "max_page_size", 3)
        send(lifecycle())
        assert len(results(api, page_size=100)) == 3

    def test_a_narrowed_list_looks_at_the_newest_and_next_goes_on_to_the_oldest(
        self, api: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(reach, "REACH", 4)
        names = [f"20251211_1{n // 6}{n % 6}0000000_BULLISH" for n in range(12)]
        send([(created(name), at(n // 2)) for n, name in enumerate(names)])
        address, found, looked_from = f"{ALL}?direction=Bullish&page_size=3&ordering=trade_id", [], []
        while address:
            answer = api.get(address).json()
            found += [row["trade_id"] for row in answer["results"]]
            looked_from.append(answer["looked_from"])
            address = answer["next"]
        assert sorted(found) == names
        assert found[:4] == names[8:]
        assert looked_from[-2:] == [None, None]
        assert None not in looked_from[:-2]

    def test_a_list_that_nothing_narrows_is_counted_whole(self, api: Client, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(reach, "REACH", 2)
        send(lifecycle())
        whole, narrowed = api.get(ALL).json(), api.get(ALL, {"direction": "Bullish"}).json()
        assert (whole["count"], len(whole["results"])) == (4, 2)
        assert (narrowed["count"], narrowed["summary"]["total"]) == (2, 2)

    def test_a_minute_is_never_parted(self, api: Client, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(reach, "REACH", 2)
        send([(created(f"20251211_10{n}000000_BULLISH"), at(1)) for n in range(5)])
        answer = api.get(ALL, {"direction": "Bullish"}).json()
        assert (len(answer["results"]), answer["next"], answer["looked_from"]) == (5, None, None)

    def test_a_whole_trade_id_is_found_however_old_it_is(self, api: Client, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(reach, "REACH", 1)
        send(lifecycle())
        assert ids(api, search=TRADE_ID) == {TRADE_ID}

    def test_a_file_says_where_the_older_ones_are(self, api: Client, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(reach, "REACH", 2)
        send(lifecycle())
        answer = api.get(ALL, {"direction": "Bullish"}, headers={"Accept": "text/csv"})
        assert "before=" in answer["Link"]

    def test_an_expensive_count_is_kept_for_a_moment(self, api: Client, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("dashboard.telling.status_counts.LARGE", 1)
        send(lifecycle())
        first = self.queries(api)
        assert self.queries(api) == first - 1
        assert self.queries(api, status="PENDING") == first

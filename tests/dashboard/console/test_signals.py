"""All Signals: what is listed, by which filters and in which order, what is counted above, and what is exported."""

import json
from collections.abc import Iterable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client
from django.urls import reverse
from drf_spectacular.generators import SchemaGenerator

from dashboard import asked
from dashboard.console.pages import signals as page
from dashboard.console.pages.signals import COLUMNS, Signals
from dashboard.watching.selftest import self_test_source
from reconciliation.cycle.run import run_sync
from reconciliation.findings import FINDINGS
from reconciliation.gaps import CATALOGUE
from signals.models import AutomatedSignal, Source
from tests.builders import TRADE_ID, Alert, at, cancelled, created, entry, exit_stop, send, the_signal, update

from .conftest import As

pytestmark = pytest.mark.django_db
LIST = "/console/signals/"
EXPORT = "/console/signals/export/"
PENDING, CANCELLED, COMPLETED = (f"20251211_09{minute}00000_BULLISH" for minute in ("41", "42", "43"))


@pytest.fixture
def four(db: None) -> None:
    """One signal of each status."""
    send(
        [
            *((created(trade_id), at(n + 1)) for n, trade_id in enumerate((TRADE_ID, PENDING, CANCELLED, COMPLETED))),
            (entry(), at(6)),
            (update(0.5, mae=-0.25), at(7)),
            (cancelled(CANCELLED), at(8)),
            (entry(COMPLETED), at(8)),
            (exit_stop(COMPLETED), at(9)),
        ]
    )


@pytest.fixture
def viewer(signed_in: As) -> Client:
    return signed_in("Viewer")


def many(count: int) -> Iterable[Alert]:
    for n in range(count):
        yield created(f"20251211_{10 + n // 60:02}{n % 60:02}00000_BULLISH"), at(21 + n)


def listed(client: Client, query: str = "", **headers: str) -> list[str]:
    answer = client.get(f"{LIST}{query}", headers=headers)
    assert answer.status_code == 200, answer
    return [row.signal.trade_id for row in answer.context["rows"]]


@pytest.mark.usefixtures("four")
def test_every_triangle_is_listed_newest_first(viewer: Client) -> None:
    assert listed(viewer) == [COMPLETED, CANCELLED, PENDING, TRADE_ID]


@pytest.mark.usefixtures("four")
@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("?status=PENDING", [PENDING]),
        ("?status=PENDING&status=CANCELLED", [CANCELLED, PENDING]),
        ("?search=094", [COMPLETED, CANCELLED, PENDING, TRADE_ID]),
        ("?direction=Bearish", []),
        ("?htf_h4=Neutral&status=CONFIRMED", [TRADE_ID]),
        ("?gap=no_mfe_update", [TRADE_ID]),
        ("?actionable=false&status=COMPLETED", [COMPLETED]),
        ("?date_from=2025-12-11&date_to=2025-12-11&status=PENDING", [PENDING]),
        ("?date_from=2025-12-12", []),
        ("?date_to=2025-12-10", []),
        ("?source=default&status=PENDING", [PENDING]),
        ("?health_max=10", []),
    ],
)
def test_what_the_address_says_is_what_is_listed(viewer: Client, query: str, expected: list[str]) -> None:
    assert listed(viewer, query) == expected


@pytest.mark.usefixtures("four")
def test_signals_are_found_by_what_cannot_be_right_about_them(viewer: Client) -> None:
    AutomatedSignal.objects.filter(trade_id=TRADE_ID).update(mae="0.5")
    assert listed(viewer, "?finding=mae_above_zero") == [TRADE_ID]
    assert listed(viewer, "?finding=mae_above_zero&finding=negative_mfe") == [TRADE_ID]
    assert listed(viewer, "?finding=negative_mfe") == []


@pytest.mark.usefixtures("four")
def test_every_gap_and_every_finding_can_be_asked_for(viewer: Client) -> None:
    for name, kinds in (("gap", CATALOGUE), ("finding", [finding.name for finding in FINDINGS])):
        for kind in kinds:
            assert not viewer.get(f"{LIST}?{name}={kind}").context["asked"].wrong


def test_the_filters_stay_lists_to_tick_when_the_apis_schema_was_made(viewer: Client) -> None:
    SchemaGenerator().get_schema(request=None, public=True)
    page = viewer.get(LIST).content.decode()
    assert '<input type="checkbox" name="status" value="COMPLETED"' in page
    assert '<select name="status"' not in page


@pytest.mark.usefixtures("four")
def test_a_filter_that_is_not_understood_is_named_and_left_out(viewer: Client) -> None:
    shown = viewer.get(f"{LIST}?status=NOPE&ordering=secret")
    assert len(shown.context["rows"]) == 4
    assert "status was not understood" in shown.content.decode()
    assert "ordering was not understood" in shown.content.decode()


@pytest.mark.usefixtures("four")
@pytest.mark.parametrize("column", [each.ordering for each in COLUMNS if each.ordering and each.usual])
def test_each_heading_sorts_one_way_then_the_other_then_not(viewer: Client, column: str) -> None:
    def heading(query: str) -> dict[str, Any]:
        headings = viewer.get(f"{LIST}{query}").context["headings"]
        return next(each for each in headings if each["column"].ordering == column)

    first = heading("?status=COMPLETED")
    assert first["sort"] == ""
    second = heading(first["link"])
    assert second["sort"] == "descending"
    third = heading(second["link"])
    assert third["sort"] == "ascending"
    assert parse_qs(urlsplit(third["link"]).query) == {"status": ["COMPLETED"]}


@pytest.mark.usefixtures("four")
def test_sorting_by_a_value_orders_those_that_have_it(viewer: Client) -> None:
    assert listed(viewer, "?ordering=-be_mfe&status=CONFIRMED&status=COMPLETED") == [COMPLETED, TRADE_ID]
    assert listed(viewer, "?ordering=be_mfe&status=CONFIRMED&status=COMPLETED") == [TRADE_ID, COMPLETED]


@pytest.mark.usefixtures("four")
def test_counts_and_confirmation_rate_stand_above_and_lead_to_what_they_count(viewer: Client) -> None:
    shown = viewer.get(f"{LIST}?search=2025&page=2").context
    assert [(label, number) for label, number, _ in shown["tiles"]] == [
        ("Signals", 4), ("Pending", 1), ("Confirmed", 2), ("of which completed", 1), ("Cancelled", 1),
    ]  # fmt: skip
    assert shown["summary"]["confirmation_rate"] == 50.0
    assert listed(viewer, shown["tiles"][2][2]) == [COMPLETED, TRADE_ID]
    assert listed(viewer, shown["tiles"][3][2]) == [COMPLETED]


@pytest.mark.usefixtures("four")
def test_the_order_is_told_where_no_heading_marks_it(viewer: Client) -> None:
    assert "Newest first, by their first event" in viewer.get(LIST).content.decode()
    assert "Newest first" not in viewer.get(f"{LIST}?ordering=mae").content.decode()


@pytest.mark.usefixtures("four")
def test_the_self_tests_signals_are_listed_and_counted_only_when_asked_for(viewer: Client) -> None:
    signal = the_signal(TRADE_ID)
    AutomatedSignal.objects.filter(pk=signal.pk).update(source=self_test_source())
    whole = viewer.get(LIST)
    assert TRADE_ID not in listed(viewer)
    assert whole.context["summary"]["total"] == len(listed(viewer)) == 3
    assert listed(viewer, "?source=self-test") == [TRADE_ID]
    assert viewer.get(f"{LIST}?source=self-test").context["summary"]["total"] == 1
    assert TRADE_ID not in exported(viewer, "?format=csv")


@pytest.mark.usefixtures("four")
def test_values_are_written_as_traders_read_them_and_synthetic_ones_are_marked(viewer: Client) -> None:
    run_sync(now=at(12), trigger="command")
    shown = viewer.get(f"{LIST}?status=CONFIRMED").content.decode()
    assert "25,740.00" in shown
    assert "-0.25" in shown
    assert 'title="Reconciled from the signal&#x27;s own events or id, tier 0, confidence 1.00">R<' in shown


@pytest.mark.usefixtures("four")
def test_gaps_are_badges_that_lead_to_the_signals_own(viewer: Client) -> None:
    link = f"{reverse('console:signal', args=[the_signal().pk])}#gaps"
    assert (
        f'<a class="badge bad" href="{link}" title="No current MFE: actionable">MFE</a>'
        in viewer.get(f"{LIST}?status=CONFIRMED").content.decode()
    )


@pytest.mark.usefixtures("four")
def test_a_whole_trade_id_leads_to_its_signal(viewer: Client) -> None:
    answer = viewer.get(f"{LIST}?search=+{TRADE_ID}+")
    assert answer["Location"] == reverse("console:signal", args=[the_signal().pk])


@pytest.mark.usefixtures("four")
def test_where_sources_share_a_trade_id_both_are_listed(viewer: Client) -> None:
    other = Source.objects.create(name="other")
    send([(created(), at(1))], other)
    shown = viewer.get(f"{LIST}?search={TRADE_ID}").context
    assert {row.signal.source.name for row in shown["rows"]} == {"default", "other"}
    assert listed(viewer, f"?search={TRADE_ID}&source=other") == [TRADE_ID]


def test_inputs_left_empty_leave_the_address(viewer: Client) -> None:
    assert viewer.get(f"{LIST}?search=&status=PENDING&gap=")["Location"] == f"{LIST}?status=PENDING"


def test_a_list_is_paged_without_being_counted(viewer: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page, "ROWS", 5)
    send(many(12))
    first = viewer.get(LIST).context
    second = viewer.get(f"{LIST}{first['next']}").context
    third = viewer.get(f"{LIST}{second['next']}").context
    assert [len(each["rows"]) for each in (first, second, third)] == [5, 5, 2]
    assert (first["previous"], third["next"]) == ("", "")
    assert "The list ends before this page" in viewer.get(f"{LIST}?page=9").content.decode()
    assert len(viewer.get(f"{LIST}?page=junk").context["rows"]) == 5


def test_a_narrowed_list_looks_at_the_newest_signals_only_and_says_so(
    viewer: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (page, asked):
        monkeypatch.setattr(module, "REACH", 5)
    send(many(8))
    narrowed = viewer.get(f"{LIST}?status=PENDING")
    assert len(narrowed.context["rows"]) == 5
    assert "Looked at the newest 5 signals" in narrowed.content.decode()
    assert len(viewer.get(LIST).context["rows"]) == 8


def test_a_list_that_somebody_reads_keeps_its_rows_and_announces_new_ones(viewer: Client) -> None:
    send(many(3))
    upto = viewer.get(LIST).context["upto"]
    send([(created("20251211_120000000_BULLISH"), at(150))])
    asked = {"HX-Request": "true"}
    still = viewer.get(f"{LIST}?upto={upto}", headers=asked)
    assert len(still.context["rows"]) == 3
    assert "1 new signal<" in still.content.decode()
    assert listed(viewer, "?upto=", **asked)[0] == "20251211_120000000_BULLISH"


def test_a_fragment_does_not_pay_for_the_filters(viewer: Client) -> None:
    assert "form" not in viewer.get(LIST, headers={"HX-Request": "true"}).context


@pytest.mark.parametrize("query", ["", "?status=CONFIRMED&gap=no_mae&ordering=-mae&search=2025"])
def test_queries_do_not_grow_with_the_rows(viewer: Client, query: str, django_assert_max_num_queries: Any) -> None:
    for start in (0, 40):
        send(list(many(start + 40))[start:])
        with django_assert_max_num_queries(21):
            viewer.get(f"{LIST}{query}")


def test_an_empty_list_says_what_to_do(viewer: Client) -> None:
    assert "No signal is stored yet." in viewer.get(LIST).content.decode()
    assert "No signal matches." in viewer.get(f"{LIST}?status=PENDING").content.decode()


def exported(client: Client, query: str) -> str:
    answer = client.get(f"{EXPORT}{query}")
    assert answer.status_code == 200
    return b"".join(answer.streaming_content).decode()


@pytest.mark.usefixtures("four")
def test_what_is_filtered_is_what_is_exported(viewer: Client) -> None:
    links = dict(viewer.get(f"{LIST}?status=PENDING&ordering=-mae").context["exports"])
    lines = exported(viewer, links["JSON lines"].removeprefix(EXPORT)).splitlines()
    assert [json.loads(line)["trade_id"] for line in lines] == [PENDING]
    table = exported(viewer, "?format=csv&status=CANCELLED&status=PENDING").splitlines()
    assert table[0].startswith("id,source,trade_id,")
    assert len(table) == 3


def test_an_export_is_the_newest_of_what_matches(viewer: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page, "EXPORTED", 3)
    send(many(8))
    lines = exported(viewer, "?format=jsonl").splitlines()
    assert [json.loads(line)["signal_time_str"] for line in lines] == ["10:05:00", "10:06:00", "10:07:00"]
    assert "An export from here holds the newest 3" in viewer.get(LIST).content.decode()


@pytest.mark.parametrize("query", ["?format=exe", "?format=csv&status=NOPE", "?ordering=secret"])
def test_an_export_never_holds_more_than_was_asked_for(viewer: Client, query: str) -> None:
    assert viewer.get(f"{EXPORT}{query}").status_code == 400


def test_what_a_sender_wrote_is_escaped(viewer: Client) -> None:
    send([(created("<script>alert(1)</script>"), at(1))])
    assert "<script>alert" not in viewer.get(LIST).content.decode()


def test_the_list_stands_in_the_navigation() -> None:
    assert Signals.icon


def test_signals_of_one_id_are_told_apart(viewer: Client) -> None:
    send([(entry("Long"), at(3)), (exit_stop("Long"), at(9)), (entry("Long", entry_price=25800), at(20))])
    assert listed(viewer, "?search=Long") == ["Long", "Long"]
    assert b"<b>no. 2</b>" in viewer.get(f"{LIST}?search=Long").content
    second = viewer.get(reverse("console:signal", args=[AutomatedSignal.objects.get(life=2).pk])).content
    assert b"One of several signals of its id</a>: no. 2" in second

"""What each person chooses: the zone of times, columns of All Signals, and views of lists."""

import pytest
from django.http import QueryDict
from django.test import Client
from django.urls import reverse

from dashboard.console.personal import MOST_VIEWS, kept_query
from dashboard.console.roles import VIEWER
from dashboard.models import Preference, SavedView
from dashboard.telling.formats import clock, exact, wall
from dashboard.telling.reader import reading_in, zone_name
from tests.builders import at

from .conftest import As, person

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("trade")]
LIST, PREFERENCES = reverse("console:signals"), reverse("console:preferences")
KEEP, COLUMNS = reverse("console:keep-view"), reverse("console:choose-columns")
FILTERED = "?status=CONFIRMED&ordering=-be_mfe"


@pytest.fixture
def viewer(signed_in: As) -> Client:
    return signed_in(VIEWER)


def keep(client: Client, name: str = "Fine ones", query: str = FILTERED[1:], page: str = "signals") -> str:
    answer = client.post(KEEP, {"page": page, "name": name, "query": query, "next": LIST})
    return str(answer["Location"])


class TestZone:
    def test_times_are_the_markets_until_somebody_chooses(self, viewer: Client) -> None:
        assert ">2025-12-11 09:40<" in viewer.get(LIST).content.decode()

    @pytest.mark.parametrize(
        ("zone", "cookie", "shown"),
        [
            ("utc", "", "2025-12-11 14:40"),
            ("browser", "Europe/Berlin", "2025-12-11 15:40"),
            ("browser", "", "2025-12-11 09:40"),
            ("browser", "../etc/passwd", "2025-12-11 09:40"),
            ("market", "Europe/Berlin", "2025-12-11 09:40"),
        ],
    )
    def test_then_all_of_the_page_is_in_that_zone(self, viewer: Client, zone: str, cookie: str, shown: str) -> None:
        viewer.post(PREFERENCES, {"zone": zone})
        if cookie:
            viewer.cookies["zone"] = cookie
        assert f">{shown}<" in viewer.get(LIST).content.decode()
        assert f">{shown}<" in viewer.get(LIST, headers={"HX-Request": "true"}).content.decode()

    def test_one_persons_choice_is_no_other_ones(self, viewer: Client, signed_in: As) -> None:
        viewer.post(PREFERENCES, {"zone": "utc"})
        assert ">2025-12-11 14:40<" in viewer.get(LIST).content.decode()
        assert ">2025-12-11 09:40<" in signed_in("Operator").get(LIST).content.decode()

    def test_a_zone_that_is_none_of_them_is_refused(self, viewer: Client) -> None:
        viewer.post(PREFERENCES, {"zone": "mars"})
        assert not Preference.objects.exists()

    def test_every_way_of_telling_a_time_follows(self) -> None:
        moment = at(1)
        with reading_in("Asia/Tokyo"):
            assert (wall(moment), zone_name()) == ("2025-12-11 23:41", "Tokyo")
            assert ">2025-12-11 23:41<" in str(clock(moment))
            assert exact(moment) == (
                "Thu 11 Dec 2025, 23:41:00 JST · Thu 11 Dec 2025, 09:41:00 EST · 2025-12-11T14:41:00Z"
            )
        assert (wall(moment), zone_name()) == ("2025-12-11 09:41", "New York")


class TestViews:
    def test_a_view_is_kept_shown_on_its_page_and_leads_back(self, viewer: Client) -> None:
        kept = keep(viewer)
        assert kept == f"{LIST}?ordering=-be_mfe&status=CONFIRMED"
        shown = viewer.get(kept)
        assert 'aria-current="page">Fine ones</a>' in shown.content.decode()
        assert "Keep this view" not in shown.content.decode()
        assert "Fine ones" not in viewer.get(reverse("console:deliveries")).content.decode()

    def test_another_person_does_not_see_it(self, viewer: Client, signed_in: As) -> None:
        keep(viewer)
        other = signed_in("Operator")
        assert "Fine ones" not in other.get(LIST).content.decode()
        other.post(reverse("console:forget-view", args=[SavedView.objects.get().pk]))
        assert SavedView.objects.exists()

    def test_the_same_name_again_is_the_new_view(self, viewer: Client) -> None:
        keep(viewer)
        keep(viewer, query="status=PENDING")
        assert SavedView.objects.get().query == "status=PENDING"

    def test_deleted_it_is_gone(self, viewer: Client) -> None:
        keep(viewer)
        viewer.post(reverse("console:forget-view", args=[SavedView.objects.get().pk]))
        assert not SavedView.objects.exists()

    @pytest.mark.parametrize(("name", "page"), [("", "signals"), ("x" * 61, "signals"), ("a", "sources"), ("a", "?")])
    def test_what_is_no_view_is_not_kept(self, viewer: Client, name: str, page: str) -> None:
        keep(viewer, name, page=page)
        assert not SavedView.objects.exists()

    def test_there_is_an_end_to_them(self, viewer: Client) -> None:
        user = person(VIEWER)
        SavedView.objects.bulk_create(
            SavedView(user=user, page="signals", name=f"view {number}", query="") for number in range(MOST_VIEWS)
        )
        keep(viewer)
        assert SavedView.objects.count() == MOST_VIEWS
        keep(viewer, "view 1")
        assert SavedView.objects.get(name="view 1").query

    def test_where_in_the_list_somebody_was_is_not_kept(self) -> None:
        assert kept_query(QueryDict("page=3&upto=9&status=B&status=A&search=&gap=x")) == "gap=x&status=B&status=A"

    def test_nobody_is_led_to_another_site(self, viewer: Client) -> None:
        answer = viewer.post(KEEP, {"page": "signals", "name": "", "next": "https://evil.example/"})
        assert answer["Location"] == PREFERENCES


class TestColumns:
    def headings(self, client: Client) -> list[str]:
        return [each["column"].name for each in client.get(LIST).context["headings"]]

    def test_the_chosen_ones_are_shown_in_their_order_and_kept(self, viewer: Client) -> None:
        viewer.post(COLUMNS, {"column": ["confidence", "status", "nonsense"], "next": LIST})
        assert self.headings(viewer) == ["signal", "status", "confidence"]
        row = viewer.get(LIST).content.decode().split("<tbody>")[1].split("</tr>")[0]
        assert row.count("<td") == 3

    def test_every_column_has_its_cell(self, viewer: Client) -> None:
        chosen = viewer.get(LIST).context["columns"]
        viewer.post(COLUMNS, {"column": [column.name for column in chosen], "next": LIST})
        row = viewer.get(LIST).content.decode().split("<tbody>")[1].split("</tr>")[0]
        assert row.count("<td") == len(self.headings(viewer)) == len(chosen) + 1

    def test_the_usual_ones_come_back(self, viewer: Client) -> None:
        before = self.headings(viewer)
        viewer.post(COLUMNS, {"column": ["mae"]})
        viewer.post(COLUMNS, {"usual": "1"})
        assert self.headings(viewer) == before

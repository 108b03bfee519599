"""Every page of the console: who may open it, in which frame, and what it answers to HTMX."""

import re
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from dashboard.console.actions import ActionPage
from dashboard.console.navigation import in_order
from dashboard.console.page import Page
from dashboard.console.roles import SEE, roles
from dashboard.console.urls import PAGES

from .conftest import ANONYMOUS, NOBODY, ROLES, As, with_password
from .examples import EXAMPLES

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("trade")]
by_name = pytest.mark.parametrize("view", PAGES, ids=lambda view: view.name)
ACTIONS = [page for page in PAGES if issubclass(page, ActionPage)]
LIVE = [page for page in PAGES if page.fragment]


def address(page: type[Page]) -> str:
    return reverse(f"console:{page.name}", kwargs=EXAMPLES[page.name]() if "<" in page.route else {})


@pytest.mark.one_database
@by_name
def test_who_is_not_signed_in_is_sent_to_the_login_and_back(view: type[Page], signed_in: As) -> None:
    wanted = address(view)
    answer = signed_in(ANONYMOUS).get(wanted)
    assert (answer.status_code, answer["Location"]) == (302, f"/admin/login/?next={wanted}")


@pytest.mark.one_database
@by_name
def test_who_has_no_role_sees_nothing(view: type[Page], signed_in: As) -> None:
    answer = signed_in(NOBODY).get(address(view))
    assert answer.status_code == 403
    assert b"Ask an administrator for a role" in answer.content


@by_name
@pytest.mark.parametrize(
    "role",
    # Each holds all that the one before holds: the last asks all that the database is ever asked.
    [*(pytest.param(role, marks=pytest.mark.one_database) for role in ROLES[:-1]), ROLES[-1]],
)
def test_each_role_opens_what_its_permissions_say(view: type[Page], role: str, signed_in: As) -> None:
    allowed = {SEE, view.permission} <= roles()[role]
    answer = signed_in(role).get(address(view), follow=True)
    assert answer.status_code == (200 if allowed else 403)


@pytest.mark.one_database
@pytest.mark.parametrize(
    ("view", "role"),
    [(page, role) for page in ACTIONS for role in (NOBODY, *ROLES) if page.permission not in roles().get(role, ())],
    ids=lambda value: getattr(value, "name", value),
)
def test_no_action_is_done_without_its_permission(view: type[Page], role: str, signed_in: As) -> None:
    assert signed_in(role).post(address(view), {"confirm": "yes"}).status_code == 403


@pytest.mark.one_database
@pytest.mark.parametrize("view", ACTIONS, ids=lambda view: view.name)
def test_every_action_asks_for_more_than_looking_and_is_safe_against_forged_forms(
    view: type[Page], signed_in: As
) -> None:
    assert view.permission != SEE
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(User.objects.create_superuser("boss"))
    assert strict.post(address(view), {"confirm": "yes"}).status_code == 403


@pytest.mark.parametrize("view", LIVE, ids=lambda view: view.name)
def test_htmx_gets_the_part_alone(view: type[Page], signed_in: As) -> None:
    client, wanted = signed_in("Administrator"), address(view)
    whole, part = client.get(wanted), client.get(wanted, headers={"HX-Request": "true"})
    assert "HX-Request" in whole["Vary"]
    assert b"<html" in whole.content
    assert b"<html" not in part.content
    assert part.status_code == 200
    assert f'hx-get="{wanted}"'.encode() in whole.content


@pytest.mark.one_database
@pytest.mark.parametrize("view", LIVE, ids=lambda view: view.name)
def test_when_the_session_has_ended_htmx_leaves_the_page(view: type[Page], signed_in: As) -> None:
    answer = signed_in(ANONYMOUS).get(address(view), headers={"HX-Request": "true"})
    assert answer.status_code == 204
    assert answer["HX-Redirect"].startswith("/admin/login/")


def navigation(client: Client) -> str:
    shown = client.get(reverse("console:deliveries")).content.decode()
    return shown[shown.index('id="nav-sidebar"') : shown.index('id="main"')]


def links(client: Client) -> set[str]:
    return set(re.findall(r'href="(/[^"]*)"', navigation(client)))


def test_headings_stand_above_the_pages_from_their_place_on(signed_in: As) -> None:
    nav = navigation(signed_in("Administrator"))
    assert re.findall(r"<h2[^>]*>\s*([^<]+?)\s*</h2>.*?<span>([^<]+)</span>", nav, re.S) == [
        ("Console", "Overview"),
        ("Signals", "All Signals"),
        ("Reconciliation", "Gaps"),
        ("Intake", "Sources"),
        ("Programs", "Outbound"),
    ]


def test_the_navigation_has_the_pages_and_for_staff_the_admin_too(signed_in: As) -> None:
    client = signed_in("Viewer")
    pages = {address(page) for page in PAGES if page.icon and page.permission == SEE}
    assert pages <= links(client)
    assert reverse("admin:signals_automatedsignal_changelist") not in links(client)
    User.objects.update(is_staff=True)
    assert reverse("admin:signals_automatedsignal_changelist") in links(client)


def test_the_admin_has_the_same_navigation() -> None:
    boss = Client()
    boss.force_login(User.objects.create_superuser("boss"))
    shown = boss.get(reverse("admin:signals_automatedsignal_changelist")).content.decode()
    assert all(f'href="{address(page)}"' in shown for page in PAGES if page.icon)


@pytest.mark.parametrize("role", [NOBODY, *ROLES])
def test_people_sign_in_without_being_staff_and_sign_out_again(role: str) -> None:
    client = Client()
    answer = client.post("/admin/login/?next=/console/deliveries/", with_password(role))
    assert answer["Location"] == "/console/deliveries/"
    assert client.post(reverse("console:logout"))["Location"] == reverse("admin:login")
    assert client.get("/console/deliveries/").status_code == 302


def test_people_change_their_own_password(signed_in: As) -> None:
    typed = with_password("Viewer")
    client = signed_in("Viewer")
    assert client.get(reverse("console:password")).status_code == 200
    fresh = "an-0ther-long-one"
    given = {"old_password": typed["password"], "new_password1": fresh, "new_password2": fresh}
    assert client.post(reverse("console:password"), given).status_code == 302
    assert User.objects.get(username=typed["username"]).check_password(fresh)


def test_names_and_routes_are_of_one_page_each() -> None:
    assert len({page.name for page in PAGES}) == len({page.route for page in PAGES}) == len(PAGES)


def test_the_document_lists_the_pages_of_the_navigation_in_its_order() -> None:
    document = (Path(__file__).resolve().parents[3] / "docs" / "console.md").read_text()
    rows = re.findall(r"^\| ([^|]+) \| `(/[^`]*)` \|", document, re.M)
    assert rows == [(page.title, address(page)) for page in in_order()]


def test_no_two_pages_have_the_same_place() -> None:
    places = [page.place for page in in_order()]
    assert len(set(places)) == len(places)
    assert min(places) > 0

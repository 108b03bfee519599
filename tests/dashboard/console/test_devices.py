"""Strangers' wrong passwords do not lock out whoever signs in with a known device."""

from typing import Any

import pytest
from axes.models import AccessAttempt, AccessLog
from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from dashboard.console.devices import AGENT, COOKIE

pytestmark = pytest.mark.django_db
PASSWORD = "correct horse battery"
LIMIT = settings.AXES_FAILURE_LIMIT


@pytest.fixture(autouse=True)
def operator() -> User:
    return User.objects.create_superuser("operator", password=PASSWORD)


def sign_in(client: Client, password: str = PASSWORD, username: str = "operator", **headers: Any) -> int:
    answer = client.post(reverse("admin:login"), {"username": username, "password": password}, **headers)
    return answer.status_code


def strangers_try(times: int = LIMIT, username: str = "operator", **headers: Any) -> None:
    for _ in range(times):
        sign_in(Client(), "wrong", username, **headers)


@pytest.fixture
def known() -> Client:
    """A browser that has signed in once, and out again."""
    client = Client()
    assert sign_in(client) == 302
    client.post(reverse("console:logout"))
    assert client.cookies[COOKIE]["httponly"]
    return client


def test_a_known_device_gets_in_however_often_strangers_at_its_address_were_wrong(known: Client) -> None:
    strangers_try()
    assert sign_in(Client()) == 429, "the address is locked, for the right password too"
    assert sign_in(known) == 302


def test_a_known_device_has_a_count_of_its_own(known: Client) -> None:
    for _ in range(LIMIT):
        sign_in(known, "wrong")
    assert sign_in(known) == 429


def test_a_browser_that_calls_itself_a_device_does_not_fill_that_ones_count(known: Client) -> None:
    sign_in(known, "wrong")
    name = AccessAttempt.objects.get().user_agent
    assert name.startswith(AGENT)
    strangers_try(HTTP_USER_AGENT=name)
    assert sign_in(known) == 302


def test_a_changed_browser_name_starts_no_new_count(known: Client) -> None:
    for number in range(LIMIT):
        sign_in(known, "wrong", HTTP_USER_AGENT=f"browser {number}")
    assert sign_in(known, HTTP_USER_AGENT="another") == 429


def test_a_device_is_known_for_its_own_account_only(known: Client) -> None:
    User.objects.create_superuser("second", password=PASSWORD)
    strangers_try(username="second")
    assert sign_in(known, username="second") == 429


def test_a_device_is_unknown_once_the_password_has_changed(known: Client, operator: User) -> None:
    operator.set_password("another horse battery")
    operator.save()
    strangers_try()
    assert sign_in(known, "another horse battery") == 429


def test_whoever_changes_the_password_stays_known(known: Client) -> None:
    sign_in(known)
    new = "another horse battery"
    changed = {"old_password": PASSWORD, "new_password1": new, "new_password2": new}
    assert known.post(reverse("console:password"), changed).status_code == 302
    known.post(reverse("console:logout"))
    strangers_try()
    assert sign_in(known, new) == 302


@pytest.mark.parametrize("cookie", ["", "x", "WyJ4Il0:1:x", "\x00"])
def test_a_cookie_that_is_not_ours_makes_no_device(cookie: str) -> None:
    stranger = Client()
    stranger.cookies[COOKIE] = cookie
    strangers_try()
    assert sign_in(stranger) == 429


def test_who_came_in_keeps_the_address(known: Client) -> None:
    sign_in(known, REMOTE_ADDR="192.0.2.7")
    came = AccessLog.objects.latest("pk")
    assert (came.username, came.ip_address) == ("operator", "192.0.2.7")
    assert came.user_agent.startswith(AGENT)

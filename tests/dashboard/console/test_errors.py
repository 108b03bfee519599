"""What is answered when something fails: a page that says what it means, JSON below /api/, asking no database."""

from typing import Any

import pytest
from django.db import OperationalError
from django.test import Client

from dashboard.console.pages.overview import Overview
from reconciliation.management.commands import serve


def broken(*_: Any) -> None:
    raise OperationalError("the database does not answer")


@pytest.mark.django_db
def test_a_page_that_fails_says_what_that_means_and_what_to_do(
    admin_user: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = Client(raise_request_exception=False)
    client.force_login(admin_user)
    monkeypatch.setattr(Overview, "content", broken)
    answer = client.get("/")
    assert answer.status_code == 500
    assert "Alerts that arrive" in answer.content.decode()
    assert "manage.py doctor" in answer.content.decode()


@pytest.mark.django_db
def test_the_api_fails_as_json(admin_user: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    client = Client(raise_request_exception=False)
    client.force_login(admin_user)
    monkeypatch.setattr("dashboard.api.sync.Gaps.get", broken)
    answer = client.get("/api/sync/gaps")
    assert (answer.status_code, answer["Content-Type"]) == (500, "application/problem+json")
    assert "its log says what" in answer.json()["detail"]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("path", "says", "back"),
    [
        ("/console/runs/9999/", "old runs are forgotten", '<a href="/console/runs/">Runs</a>'),
        (f"/console/alert-log/{'0' * 32}/", "files are kept for a day", '<a href="/console/alert-log/">Alert log</a>'),
        ("/nowhere/<b>/", "/nowhere/&lt;b&gt;/", '<a href="/">Overview</a>'),
    ],
)
def test_a_page_that_is_not_there_says_what_is_meant_and_leads_back(
    path: str, says: str, back: str, admin_client: Client
) -> None:
    answer = admin_client.get(path)
    assert answer.status_code == 404
    assert says in answer.content.decode()
    assert back in answer.content.decode()


def test_browsers_find_an_icon_where_they_look_for_one(client: Client) -> None:
    assert client.get("/favicon.ico")["Location"].endswith("dashboard/icon.svg")


@pytest.mark.parametrize(("given", "meant"), [("90000", 25_000), ("5000", 5000), ("0", 25_000)])
def test_a_statement_of_a_page_ends_before_its_worker_is_ended(
    given: str, meant: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_STATEMENT_TIMEOUT", given)
    assert serve.statement_timeout() == meant

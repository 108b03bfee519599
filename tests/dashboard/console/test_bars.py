"""The pages about price bars: what there is by day, and the import of files, at once or by the worker."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from pytest_django.fixtures import DjangoAssertNumQueries

from dashboard import jobs
from dashboard.console.pages import bars as pages
from dashboard.models import Job
from signals.bars import importing
from signals.models import PriceBar
from tests.signals.bars.test_import_bars import HEADER, calm

from .conftest import As
from .test_actions import previewed

pytestmark = pytest.mark.django_db
LINES = [HEADER, *calm(60)]


@pytest.fixture
def tasks(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    queued: list[int] = []
    monkeypatch.setattr(jobs, "async_task", lambda _, key, **__: queued.append(key))
    return queued


def uploaded(client: Client, lines: list[str]) -> str:
    file = SimpleUploadedFile("bars.csv", "\n".join(lines).encode())
    return str(client.post(reverse("console:bars"), {"file": file})["Location"])


def imported(client: Client, page: str, symbol: str = "MNQ1!") -> str:
    given = {"symbol": symbol, "times": "open"}
    shown = client.post(page, given)
    answer = client.post(page, {**given, "confirm": "yes", "previewed": previewed(shown.content)}, follow=True)
    return answer.content.decode()


def test_a_file_is_looked_at_then_imported_and_its_day_is_shown(signed_in: As) -> None:
    client = signed_in("Operator")
    page = uploaded(client, LINES)
    assert "60 new bars" in client.post(page, {"symbol": "mnq1!", "times": "open"}).content.decode()
    assert not PriceBar.objects.exists()
    shown = imported(client, page)
    assert "60 bars stored" in shown
    assert PriceBar.objects.count() == 60


def test_what_is_wrong_with_a_file_is_told_with_the_way_out(signed_in: As) -> None:
    client = signed_in("Operator")
    page = uploaded(client, LINES)
    said = client.post(page, {"symbol": "", "times": "open"}).content.decode()
    assert "does not name its symbol: name it below." in said
    assert 'name="confirm"' not in said


def test_a_long_file_is_imported_by_the_worker_in_slices(
    signed_in: As, tasks: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "ROWS_AT_ONCE", 10)
    monkeypatch.setattr(importing, "AT_ONCE", 25)
    monkeypatch.setattr(jobs, "SLICE", -1.0)  # a slice is a batch
    client = signed_in("Operator")
    imported(client, uploaded(client, [*LINES, "nonsense"]))
    said = []
    while tasks:
        said.append(jobs.work(tasks.pop(0)))
    assert said[:-1] == ["goes on"] * (len(said) - 1)
    assert len(said) > 2
    assert said[-1].startswith("61 rows: 60 bars stored, 0 were there, 1 refused")
    assert Job.objects.get().state == Job.State.FINISHED


def test_a_viewer_cannot_upload(signed_in: As) -> None:
    assert signed_in("Viewer").post(reverse("console:bars")).status_code == 403


def test_a_day_shows_its_holes(signed_in: As) -> None:
    client = signed_in("Operator")
    imported(client, uploaded(client, [HEADER, *calm(10), *calm(10, start=15)]))
    day = client.get(reverse("console:bars")).content.decode().split("console/bars/20")[1][:8]
    shown = client.get(f"/console/bars/20{day}/?symbol=MNQ1%21").content.decode()
    assert '<td class="num">5</td>' in shown


def test_the_page_costs_the_same_however_many_symbols_and_bars(
    signed_in: As, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    client = signed_in("Operator")
    for symbol in ("MNQ1!", "ES1!", "CL1!"):
        imported(client, uploaded(client, LINES), symbol)
    with django_assert_max_num_queries(20):
        client.get(reverse("console:bars"))

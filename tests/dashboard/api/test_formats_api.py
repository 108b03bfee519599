"""Formats by API: those in use, as the console would import them again; tried, taught and taken back."""

from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.utils import timezone

from dashboard import jobs
from dashboard.console.roles import ADMINISTRATOR
from dashboard.models import Job
from signals.dialects.builtin import BUILTIN
from signals.models import Format
from signals.receiving.senders import default_source
from signals.teaching.saving import retire, save
from tests.builders import at, send

from .conftest import bearer, person, quarantined
from .test_receiving_api import post

pytestmark = pytest.mark.django_db


def test_the_versions_in_use_are_told_and_no_others(admin_client: Client) -> None:
    now, spec = timezone.now(), BUILTIN["traderspost"].spec
    save(spec, source=default_source(), by=None, now=now)
    save(spec, source=default_source(), by=None, now=now)
    retire(save(BUILTIN["openalgo"].spec, source=None, by=None, now=now), now=now)
    (told,) = admin_client.get("/api/formats").json()["results"]
    assert (told["name"], told["version"], told["source"], told["spec"]) == ("traderspost", 2, "default", dict(spec))


def test_formats_are_shown_to_nobody_without_an_account(client: Client) -> None:
    assert client.get("/api/formats").status_code == 401


SHAPED = b'{"deal": "buy", "ticker": "MNQ1!", "at": 25740}'
SPEC = {
    "name": "mine",
    "values": {"action": "deal", "symbol": "ticker", "price": "at"},
    "recognise": {"has": ["deal"]},
    "trade_id": ["symbol"],
    "events": [{"if": {"action": ["buy"]}, "then": ["turn long"]}],
}


@pytest.fixture
def teacher(db: None) -> Client:
    return Client(headers=bearer(person(ADMINISTRATOR), scope=ADMINISTRATOR))


class TestTeaching:
    def test_a_format_is_tried_on_what_waits_and_nothing_is_stored(self, teacher: Client) -> None:
        row = quarantined(SHAPED)
        told = post(teacher, "formats/preview", spec=SPEC, shape=row.shape).json()
        assert (told["problem"], told["read"], told["unread"]) == ("", 1, 0)
        assert told["bodies"] == [{"delivery": str(row.delivery_id), "events": 2, "bars": 0, "reason": ""}]
        [signal] = told["signals"]
        assert (signal["direction"], [step["type"] for step in signal["steps"]]) == ("Bullish", ["ENTRY"])
        assert not Format.objects.exists()

    def test_it_is_taught_in_the_persons_name_and_what_waits_is_read_again(self, teacher: Client) -> None:
        row = quarantined(SHAPED)
        told = post(teacher, "formats", spec=SPEC, source="default", shape=row.shape).json()
        assert (told["name"], told["version"], told["state"], told["creator"]) == (
            "mine", 1, "active", "administrator-person",
        )  # fmt: skip
        assert Job.objects.get(pk=told["job"]).kind == jobs.TEACH
        noted = LogEntry.objects.get()
        assert (noted.user.username, noted.is_addition()) == ("administrator-person", True)
        assert teacher.get(f"/api/formats/{told['id']}").json()["spec"] == SPEC

    def test_without_a_shape_it_is_tried_on_what_it_has_read(self, teacher: Client) -> None:
        save(SPEC, source=None, by=None, now=timezone.now())
        send([(SHAPED, at(6))])
        told = post(teacher, "formats/preview", spec={**SPEC, "recognise": {"has": ["other"]}}).json()
        assert (told["read"], told["unread"]) == (0, 1)
        assert told["problem"]

    @pytest.mark.parametrize("spec", [{}, {**SPEC, "events": "no list"}, {**SPEC, "name": "not a name"}])
    def test_one_that_cannot_be_used_is_refused_with_the_place(self, teacher: Client, spec: dict[str, Any]) -> None:
        assert post(teacher, "formats/preview", spec=spec).json()["problem"]
        answer = post(teacher, "formats", spec=spec)
        assert (answer.status_code, list(answer.json()["errors"])) == (400, ["spec"])

    def test_one_that_reads_nothing_of_what_waits_is_refused(self, teacher: Client) -> None:
        row = quarantined(SHAPED)
        answer = post(teacher, "formats", spec={**SPEC, "recognise": {"has": ["other"]}}, shape=row.shape)
        assert answer.status_code == 400
        assert not Format.objects.exists()

    def test_a_version_is_retired_and_comes_back_as_the_newest(self, teacher: Client) -> None:
        first = post(teacher, "formats", spec=SPEC).json()["id"]
        assert post(teacher, f"formats/{first}/restore").status_code == 409
        assert post(teacher, f"formats/{first}/retire").json()["state"] == "retired"
        assert post(teacher, f"formats/{first}/retire").status_code == 409
        assert [row["id"] for row in teacher.get("/api/formats?state=retired").json()["results"]] == [first]
        told = post(teacher, f"formats/{first}/restore").json()
        assert (told["version"], told["state"], told["note"]) == (2, "active", "version 1 again")

    def test_operators_look_and_do_not_teach(self, acting: Client) -> None:
        row = save(SPEC, source=None, by=None, now=timezone.now())
        assert acting.get(f"/api/formats/{row.pk}").status_code == 200
        for action in ("formats", "formats/preview", f"formats/{row.pk}/retire", f"formats/{row.pk}/restore"):
            assert post(acting, action, spec=SPEC).status_code == 403

"""Passkeys: they stand for the code at a sign-in, answer one question of this site each, and nobody is locked out."""

import json
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connection
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from dashboard import second_factor as factors
from dashboard.console.roles import ADMINISTRATOR, OPERATOR, VIEWER
from dashboard.models import Passkey, SecondFactor
from dashboard.passkeys import site_of
from dashboard.second_factor import FREE
from reconciliation.models import SyncAuditLog
from tests.dashboard.passkeys import Device

from .conftest import PASSWORD, with_password
from .test_second_factor import CODE, NOW, OWN, SECRET, SET_UP, code, half, said, with_factor

ADD = "/account/passkeys/add/"
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("quick_hashes")]


@pytest.fixture(autouse=True)
def clock() -> Any:
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


def added(client: Client, device: Device, name: str = "phone", **given: str) -> Any:
    """What the page answers when this device's passkey is added."""
    asked = client.get(ADD).context["asked"]
    return client.post(ADD, {"password": PASSWORD, "name": name, "passkey": device.make(asked)} | given)


def inside(role: str = OPERATOR, name: str = "phone") -> tuple[Client, dict[str, str], Device]:
    """A browser in which somebody is signed in by a code, who has an app and a passkey."""
    typed, device = with_factor(role)[0], Device()
    client = half(typed)
    assert said(client, code(NOW)) == ""
    assert added(client, device, name).status_code == 302
    return client, typed, device


def without_app(role: str = OPERATOR) -> tuple[Client, dict[str, str], Device, list[str]]:
    """A browser of somebody who has a passkey alone; and his recovery codes."""
    typed, device = with_password(role), Device()
    client = half(typed)
    return client, typed, device, added(client, device).context["codes"]


def answered(client: Client, answer: str, path: str = CODE, **given: str) -> Any:
    return client.post(path, {"code": "", "passkey": answer} | given)


def asked(client: Client, path: str = CODE) -> str:
    found: str = client.get(path).context["asked"]
    return found


def left(person: str) -> int:
    return SecondFactor.objects.get(user__username=person).failures


class TestSigningIn:
    def test_the_password_and_a_passkey_open_what_was_wanted(self) -> None:
        _, typed, device = inside()
        client = half(typed)
        before = client.session.session_key
        answer = client.post(f"{CODE}?next=/console/runs/", {"code": "", "passkey": device.answer(asked(client))})
        assert answer["Location"] == "/console/runs/"
        assert client.get("/console/runs/").status_code == 200
        assert client.session.session_key != before
        assert Passkey.objects.get().last_used_at == NOW

    def test_so_does_a_code_as_ever(self, clock: Any) -> None:
        _, typed, _ = inside()
        clock.move_to(NOW + timedelta(seconds=60))
        assert said(half(typed), code(NOW + timedelta(seconds=60))) == ""

    def test_an_answer_counts_once(self) -> None:
        _, typed, device = inside()
        client = half(typed)
        answer = device.answer(asked(client))
        assert answered(client, answer).status_code == 302
        assert answered(half(typed), answer).status_code == 200
        again = half(typed)
        asked(again)
        assert answered(again, answer).status_code == 200

    @pytest.mark.parametrize("origin", ["https://evil.example", "http://testserver:8001", "https://testserver"])
    def test_nor_does_one_that_was_given_to_another_page(self, origin: str) -> None:
        _, typed, device = inside()
        device.origin = origin
        client = half(typed)
        assert answered(client, device.answer(asked(client))).status_code == 200

    def test_nor_one_for_another_host(self) -> None:
        _, typed, device = inside()
        client = half(typed)
        options = json.loads(asked(client)) | {"rpId": "evil.example"}
        assert answered(client, device.answer(json.dumps(options))).status_code == 200

    def test_nor_somebody_elses(self) -> None:
        _, typed, _ = inside()
        client, other = half(typed), Device(name=b"another")
        added(half(with_password(VIEWER)), other)
        assert answered(client, other.answer(asked(client))).status_code == 200

    def test_nor_another_key_under_its_name(self) -> None:
        _, typed, _ = inside()
        client = half(typed)
        assert answered(client, Device().answer(asked(client))).status_code == 200

    def test_nor_a_copy_that_has_counted_less(self) -> None:
        _, typed, device = inside()
        Passkey.objects.update(counter=7)
        client = half(typed)
        assert answered(client, device.answer(asked(client))).status_code == 200
        device.count = 7
        assert answered(client, device.answer(asked(client))).status_code == 302

    @pytest.mark.parametrize("nonsense", ["x", "[]", "{}", '{"rawId": "eA", "response": {}}', "9" * 30_000])
    def test_nonsense_opens_nothing(self, nonsense: str) -> None:
        _, typed, _ = inside()
        client = half(typed)
        asked(client)
        assert b"did not confirm" in answered(client, nonsense).content

    def test_neither_does_nothing(self) -> None:
        _, typed, _ = inside()
        assert answered(half(typed), "").context["form"].errors["code"] == ["Type a code."]
        assert left(typed["username"]) == 0

    def test_who_has_none_for_this_host_is_asked_for_a_code_alone(self) -> None:
        _, typed, _ = inside()
        Passkey.objects.update(host="elsewhere.example")
        assert asked(half(typed)) == ""


class TestLockOut:
    def test_wrong_answers_are_counted_with_the_codes(self) -> None:
        _, typed, device = inside()
        client = half(typed)
        for _ in range(FREE):
            assert answered(client, Device().answer(asked(client))).status_code == 200
        assert left(typed["username"]) == FREE
        assert "Too many" in said(client, "000000")
        assert answered(client, device.answer(asked(client))).status_code == 302
        assert left(typed["username"]) == 0

    def test_who_has_the_password_cannot_keep_the_owner_out(self) -> None:
        _, typed, device = inside()
        SecondFactor.objects.update(failures=10**6, failed_at=NOW)
        client = half(typed)
        assert "Too many" in said(client, code(NOW + timedelta(seconds=30)))
        assert answered(client, device.answer(asked(client))).status_code == 302


class TestAdding:
    def test_several_have_names_and_it_is_audited(self) -> None:
        client, typed, _ = inside()
        assert added(client, Device(name=b"blue"), "blue key").status_code == 302
        shown = client.get(OWN).content.decode()
        assert ("phone" in shown, "blue key" in shown, "never" in shown) == (True, True, True)
        notes = SyncAuditLog.objects.filter(note__contains="Added the passkey").values_list("actor", "note")
        assert {*notes} == {(typed["username"], f"Added the passkey {name}.") for name in ("phone", "blue key")}

    def test_not_without_the_password(self) -> None:
        client, _, _ = inside()
        answer = added(client, Device(name=b"blue"), password="not-the-password")
        assert answer.context["form"].errors.keys() == {"password"}
        assert Passkey.objects.count() == 1

    def test_nor_by_a_browser_that_has_not_confirmed(self) -> None:
        typed = with_factor()[0]
        client = half(typed)
        assert client.get(ADD)["Location"] == CODE
        assert client.post(ADD, {"password": PASSWORD, "name": "x", "passkey": "x"})["Location"] == CODE
        assert not Passkey.objects.exists()

    def test_nor_without_a_browsers_answer_to_this_page(self) -> None:
        client, _, _ = inside()
        old = client.get(ADD).context["asked"]
        assert added(client, Device(name=b"blue")).status_code == 302
        client.get(ADD)
        assert added(client, Device(), passkey=Device(name=b"red").make(old)).status_code == 200
        assert added(client, Device(), passkey="").status_code == 200
        assert Passkey.objects.count() == 2

    def test_the_same_is_not_added_twice(self) -> None:
        client, _, device = inside()
        assert added(client, device, "again").status_code == 200

    def test_it_may_be_all_of_the_second_factor(self, settings: Any) -> None:
        settings.TWO_FACTOR = "all"
        client, typed, device, codes = without_app(VIEWER)
        assert len(codes) == 10
        assert client.get("/console/signals/").status_code == 200
        another = half(typed)
        assert "wrong" in said(another, code(NOW))
        assert answered(another, device.answer(asked(another))).status_code == 302
        assert said(half(typed), codes[0]) == ""


class TestManaging:
    def removed(self, client: Client, password: str = PASSWORD) -> int:
        path = f"/account/passkeys/{Passkey.objects.earliest('pk').pk}/remove/"
        return int(client.post(path, {"password": password}).status_code)

    def test_it_is_removed_with_the_password_and_that_is_audited(self) -> None:
        client, typed, device = inside()
        assert self.removed(client, "not-the-password") == 200
        another = half(typed)
        question = asked(another)
        assert self.removed(client) == 302
        assert answered(another, device.answer(question)).status_code == 200
        assert SyncAuditLog.objects.filter(note="Removed the passkey phone.", actor=typed["username"]).exists()

    def test_not_by_others_and_not_by_who_has_not_confirmed(self) -> None:
        _, typed, _ = inside()
        assert self.removed(half(with_password(ADMINISTRATOR))) == 302
        assert self.removed(half(typed)) == 302
        assert Passkey.objects.exists()

    def test_the_last_one_stays_where_there_is_no_app(self) -> None:
        client, _, _, _ = without_app()
        assert self.removed(client) == 200
        assert added(client, Device(name=b"blue")).status_code == 302
        assert self.removed(client) == 302
        assert Passkey.objects.count() == 1

    def test_the_app_can_be_given_up_and_come_again(self, clock: Any) -> None:
        client, typed, device = inside()
        assert answered(client, device.answer(asked(client, OWN)), OWN, app="1")["Location"] == OWN
        clock.move_to(NOW + timedelta(seconds=60))
        assert "wrong" in said(half(typed), code(NOW + timedelta(seconds=60)))
        offered = client.get(SET_UP).context["typed"]
        assert offered != factors.typed_secret(SECRET)
        assert factors.enrol(User.objects.get(), SECRET, code(NOW), NOW) is not None
        assert said(half(typed), code(NOW + timedelta(seconds=60))) == ""
        assert Passkey.objects.exists()

    def test_not_where_no_passkey_would_be_left(self) -> None:
        typed, codes = with_factor(OPERATOR)
        client = half(typed)
        assert said(client, code(NOW)) == ""
        assert client.post(OWN, {"code": codes[0], "app": "1"}).status_code == 200
        assert SecondFactor.objects.get().sealed

    def test_a_passkey_confirms_what_a_code_does(self) -> None:
        client, _, device = inside()
        assert len(answered(client, device.answer(asked(client, OWN)), OWN).context["codes"]) == 10
        assert answered(client, device.answer(asked(client, OWN)), OWN, remove="1").status_code == 302
        assert not Passkey.objects.exists()

    def test_the_command_resets_them_too(self) -> None:
        _, typed, _, _ = without_app()
        out = StringIO()
        call_command("second_factor", stdout=out)
        assert "no app, 1 passkey," in out.getvalue()
        call_command("second_factor", typed["username"], "--reset", stdout=out)
        assert not Passkey.objects.exists()
        assert half(typed).get("/console/signals/").status_code == 200


class TestTheSite:
    def test_it_is_the_pages_host_unless_a_setting_names_another(self, settings: Any) -> None:
        settings.ALLOWED_HOSTS, settings.CSRF_TRUSTED_ORIGINS = ["*"], ["https://signals.example.org"]
        request = RequestFactory().get("/", headers={"host": "signals.example.org:8000"})
        site = site_of(request)
        assert site is not None
        assert site.host == "signals.example.org"
        assert site.origins == {"http://signals.example.org:8000", "https://signals.example.org"}
        settings.PASSKEY_HOST = "example.org"
        assert site_of(request) == type(site)("example.org", site.origins)

    @pytest.mark.parametrize("host", ["127.0.0.1:8000", "[::1]:8000"])
    def test_under_an_address_in_numbers_there_is_none_and_the_page_says_so(self, host: str) -> None:
        client, _, _ = inside()
        for path in (ADD, OWN):
            assert b"for names only" in client.get(path, headers={"host": host}).content


def test_a_request_reads_account_second_factor_and_preferences_at_once() -> None:
    client, _, _ = inside()
    with CaptureQueriesContext(
        connection,
    ) as queries:
        assert client.get(reverse("console:preferences")).status_code == 200
    asked_of = [
        each["sql"] for each in queries if "second_factors" in each["sql"] or "console_preferences" in each["sql"]
    ]
    assert len(asked_of) == 1

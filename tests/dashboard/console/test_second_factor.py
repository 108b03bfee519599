"""A second factor: who has typed a password alone is nobody, wherever he goes, and codes count once."""

import json
from base64 import b32decode, b64encode
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
import time_machine
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from hypothesis import given
from hypothesis import strategies as st

from dashboard import second_factor as factors
from dashboard.console.roles import ADMINISTRATOR, OPERATOR, VIEWER
from dashboard.models import SecondFactor
from dashboard.second_factor import FREE, LONGEST, Outcome
from reconciliation.models import SyncAuditLog
from tests.dashboard.api.conftest import bearer

from .conftest import PASSWORD, with_password

NOW = datetime(2026, 3, 2, 12, 0, 5, tzinfo=UTC)
SECRET = "3132333435363738393031323334353637383930"  # RFC 6238's
pytestmark = pytest.mark.usefixtures("quick_hashes")
CODE, SET_UP, OWN = "/account/code/", "/account/second-factor/", "/account/second-factor/own/"


def code(at: datetime, secret: str = SECRET) -> str:
    """What the app shows."""
    return TOTP(bytes.fromhex(secret), 6, SHA1(), 30).generate(int(at.timestamp())).decode()


@pytest.fixture
def clock() -> Any:
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


def with_factor(role: str = ADMINISTRATOR) -> tuple[dict[str, str], list[str]]:
    """What somebody types who has one, and his recovery codes."""
    typed = with_password(role)
    earlier = NOW - timedelta(days=1)
    codes = factors.enrol(User.objects.get(username=typed["username"]), SECRET, code(earlier), earlier)
    assert codes is not None
    return typed, codes


def half(typed: dict[str, str], path: str = "/") -> Client:
    """A browser in which the password was typed."""
    client = Client()
    assert client.post(reverse("admin:login") + f"?next={path}", typed).status_code == 302
    return client


def said(client: Client, typed: str, path: str = CODE) -> str:
    """What the page answers to this code; empty when it was taken."""
    answer = client.post(path, {"code": typed})
    return "" if answer.status_code == 302 else answer.context["form"].errors["code"][0]


class TestCodes:
    @pytest.mark.parametrize(
        ("seconds", "shown"),
        [
            (59, "287082"),
            (1111111109, "081804"),
            (1111111111, "050471"),
            (1234567890, "005924"),
            (2000000000, "279037"),
        ],
    )
    def test_they_are_those_of_the_rfc(self, seconds: int, shown: str) -> None:
        assert factors.matched(SECRET, shown, datetime.fromtimestamp(seconds, UTC)) == seconds // 30

    @given(off=st.integers(-600, 600))
    def test_a_phone_may_be_off_by_half_a_minute_and_no_more(self, off: int) -> None:
        shown = code(NOW + timedelta(seconds=off))
        near = abs(int(NOW.timestamp() + off) // 30 - int(NOW.timestamp()) // 30) <= 1
        assert (factors.matched(SECRET, shown, NOW) is not None) == near

    @given(failures=st.integers(0, 10**6))
    def test_waiting_grows_and_stays_bounded(self, failures: int) -> None:
        until = factors.held_until(failures, NOW)
        assert (until is None) == (failures < FREE)
        assert until is None or NOW < until <= NOW + LONGEST
        assert (until or NOW) <= (factors.held_until(failures + 1, NOW) or NOW)


@pytest.mark.django_db
@pytest.mark.usefixtures("clock")
class TestSigningIn:
    @pytest.mark.parametrize("path", ["/", "/console/signals/", "/admin/", "/account/password/", "/console/tokens/"])
    def test_the_password_alone_leads_to_the_code_and_nowhere_else(self, path: str) -> None:
        client = half(with_factor()[0])
        answer = client.get(path, follow=True)
        assert answer.redirect_chain[-1][0].startswith(CODE)
        assert answer.context["form"].fields.keys() == {"code"}

    def test_nor_to_the_api(self) -> None:
        client = half(with_factor()[0])
        assert client.get("/api/me").status_code == 401
        assert client.post("/api/sync/run", {}, content_type="application/json").status_code == 401

    def test_a_page_that_asks_for_its_fragment_is_led_out_of_it(self) -> None:
        answer = half(with_factor()[0]).get("/console/signals/", headers={"hx-request": "true"})
        assert (answer.status_code, answer["HX-Redirect"].startswith(reverse("admin:login"))) == (204, True)

    def test_a_code_opens_what_was_wanted(self) -> None:
        client = half(with_factor()[0])
        answer = client.post(f"{CODE}?next=/console/runs/", {"code": code(NOW)})
        assert answer["Location"] == "/console/runs/"
        assert client.get("/console/runs/").status_code == 200
        assert client.get("/api/me").status_code == 200

    def test_only_here(self) -> None:
        client = half(with_factor()[0])
        assert client.post(f"{CODE}?next=https://evil.example/", {"code": code(NOW)})["Location"] == "/"

    def test_it_gives_the_session_another_key(self) -> None:
        client = half(with_factor()[0])
        before = client.session.session_key
        assert said(client, code(NOW)) == ""
        assert client.session.session_key != before

    def test_it_counts_once(self) -> None:
        typed, _ = with_factor()
        assert said(half(typed), code(NOW)) == ""
        assert "used already" in said(half(typed), code(NOW))

    def test_nor_does_one_from_before_it(self) -> None:
        typed, _ = with_factor()
        assert said(half(typed), code(NOW)) == ""
        assert "used already" in said(half(typed), code(NOW - timedelta(seconds=30)))

    def test_the_one_that_set_it_up_opens_nothing(self) -> None:
        typed = with_password(VIEWER)
        factors.enrol(User.objects.get(username=typed["username"]), SECRET, code(NOW), NOW)
        assert "used already" in said(half(typed), code(NOW))

    def test_another_session_of_the_account_is_asked_as_well(self) -> None:
        typed, _ = with_factor()
        first, second = half(typed), half(typed)
        assert said(first, code(NOW)) == ""
        assert second.get("/", follow=True).redirect_chain[-1][0].startswith(CODE)

    def test_a_recovery_code_opens_once_and_is_noted(self) -> None:
        typed, codes = with_factor()
        assert said(half(typed), codes[0].lower().replace("-", " ")) == ""
        assert "wrong" in said(half(typed), codes[0])
        assert said(half(typed), codes[1]) == ""
        assert SyncAuditLog.objects.filter(note__contains="recovery code").count() == 2

    def test_a_name_and_a_password_do_not_open_the_api_and_a_token_does(self) -> None:
        typed, _ = with_factor(OPERATOR)
        basic = b64encode(f"{typed['username']}:{PASSWORD}".encode()).decode()
        refused = Client().get("/api/me", headers={"authorization": f"Basic {basic}"})
        assert (refused.status_code, "token" in refused.json()["detail"]) == (401, True)
        person = User.objects.get(username=typed["username"])
        assert Client().get("/api/me", headers=bearer(person)).status_code == 200

    def test_logging_out_ends_it(self) -> None:
        client = half(with_factor()[0])
        client.post(reverse("console:logout"))
        assert client.get(CODE)["Location"].startswith(reverse("admin:login"))


@pytest.mark.django_db
class TestWrongCodes:
    def test_after_some_the_right_one_has_to_wait(self, clock: Any) -> None:
        typed, _ = with_factor()
        client = half(typed)
        for _ in range(FREE):
            assert "wrong" in said(client, "000000")
        assert "Too many" in said(client, code(NOW))
        clock.move_to(NOW + timedelta(seconds=2))
        assert said(client, code(NOW)) == ""

    def test_who_has_the_password_cannot_keep_the_owner_out(self, clock: Any) -> None:
        typed, codes = with_factor()
        SecondFactor.objects.update(failures=10**6, failed_at=NOW)
        assert "Too many" in said(half(typed), code(NOW))
        assert said(half(typed), codes[3]) == ""

    def test_strangers_at_the_same_address_do_not_hold_it_up(self, clock: Any, settings: Any) -> None:
        settings.BAD_LOGIN_RATE = "2/min"
        typed, _ = with_factor()
        client = half(typed)
        for _ in range(settings.AXES_FAILURE_LIMIT):
            Client().post(reverse("admin:login"), typed | {"password": "wrong"})
        assert said(client, code(NOW)) == ""

    def test_the_key_is_sealed_and_recovery_codes_are_hashed(self) -> None:
        _, codes = with_factor()
        row = json.dumps(SecondFactor.objects.values().get(), default=str)
        assert not [secret for secret in (SECRET, factors.typed_secret(SECRET), *codes) if secret in row]

    def test_under_another_secret_key_recovery_codes_still_open(self, settings: Any) -> None:
        _, codes = with_factor()
        person = SecondFactor.objects.get().user
        settings.SECRET_KEY = "another" * 8
        assert factors.confirm(person, code(NOW), NOW) is Outcome.WRONG
        assert factors.confirm(person, codes[0], NOW) is Outcome.RECOVERED


@pytest.mark.django_db
@pytest.mark.usefixtures("clock")
class TestSettingUp:
    def enrol(self, client: Client, password: str = PASSWORD, **given: str) -> Any:
        secret = b32decode(client.get(SET_UP).context["typed"]).hex()
        return client.post(SET_UP, {"password": password, "code": code(NOW, secret)} | given)

    @pytest.mark.parametrize(
        ("required", "asked"),
        [("optional", set()), ("administrators", {ADMINISTRATOR}), ("all", {VIEWER, OPERATOR, ADMINISTRATOR})],
    )
    def test_who_must_have_one_is_led_to_it(self, required: str, asked: set[str], settings: Any) -> None:
        settings.TWO_FACTOR = required
        led = set()
        for role in (VIEWER, OPERATOR, ADMINISTRATOR):
            chain = half(with_password(role)).get("/console/signals/", follow=True).redirect_chain
            led |= {role} if chain and chain[-1][0].startswith(SET_UP) else set()
        assert led == asked

    def test_without_one_its_password_does_not_open_the_api(self, settings: Any) -> None:
        settings.TWO_FACTOR = "all"
        basic = b64encode(f"{with_password(VIEWER)['username']}:{PASSWORD}".encode()).decode()
        assert Client().get("/api/me", headers={"authorization": f"Basic {basic}"}).status_code == 401

    def test_it_is_set_up_with_password_and_code_and_the_codes_are_shown_once(self, settings: Any) -> None:
        settings.TWO_FACTOR = "all"
        client = half(with_password(VIEWER))
        assert b"data:image/svg+xml" in client.get(SET_UP).content
        codes = self.enrol(client).context["codes"]
        assert (len(set(codes)), {len(each) for each in codes}) == (10, {19})
        assert client.get("/console/signals/").status_code == 200
        assert codes[0] not in client.get(OWN).content.decode()
        assert "10 recovery codes" in client.get(OWN).content.decode()
        assert SyncAuditLog.objects.get(note__contains="Set up").actor == "viewer-person"

    @pytest.mark.parametrize("wrong", [{"password": "not-the-password"}, {"code": "000000"}])
    def test_not_without_either(self, wrong: dict[str, str]) -> None:
        client = half(with_password(VIEWER))
        assert self.enrol(client, **wrong).context["form"].errors.keys() == wrong.keys()
        assert not SecondFactor.objects.exists()

    def test_a_half_signed_in_browser_cannot_replace_it(self) -> None:
        client = half(with_factor()[0])
        assert client.get(SET_UP)["Location"] == CODE
        assert client.post(SET_UP, {"password": PASSWORD, "code": code(NOW)})["Location"] == CODE
        assert client.post(OWN, {"code": code(NOW), "remove": "1"})["Location"] == SET_UP
        assert SecondFactor.objects.count() == 1

    def test_it_is_removed_with_a_code(self) -> None:
        typed, codes = with_factor(OPERATOR)
        client = half(typed)
        assert said(client, code(NOW)) == ""
        assert client.post(OWN, {"code": "000000", "remove": "1"}).status_code == 200
        assert SecondFactor.objects.exists()
        assert client.post(OWN, {"code": codes[0], "remove": "1"}).status_code == 302
        assert not SecondFactor.objects.exists()

    def test_not_by_who_must_have_one(self, settings: Any) -> None:
        settings.TWO_FACTOR = "administrators"
        typed, codes = with_factor(ADMINISTRATOR)
        client = half(typed)
        assert said(client, code(NOW)) == ""
        assert client.post(OWN, {"code": codes[0], "remove": "1"}).status_code == 200
        assert SecondFactor.objects.exists()

    def test_new_recovery_codes_end_the_old(self) -> None:
        typed, codes = with_factor(OPERATOR)
        client = half(typed)
        assert said(client, code(NOW)) == ""
        made = client.post(OWN, {"code": codes[0]}).context["codes"]
        person = SecondFactor.objects.get().user
        assert factors.confirm(person, codes[1], NOW) is Outcome.WRONG
        assert factors.confirm(person, made[1], NOW) is Outcome.RECOVERED


@pytest.mark.django_db
class TestTheCommand:
    def run(self, *arguments: str) -> Any:
        out = StringIO()
        call_command("second_factor", *arguments, "--json", stdout=out)
        return json.loads(out.getvalue())

    def test_it_resets_a_lost_one_and_that_is_audited(self, settings: Any) -> None:
        settings.TWO_FACTOR = "administrators"
        typed, _ = with_factor()
        assert self.run(typed["username"], "--reset")[0]["reset"]
        assert not SecondFactor.objects.exists()
        entry = SyncAuditLog.objects.get(note__contains="Reset")
        assert (entry.actor, entry.evidence["name"]) == ("manage.py", typed["username"])
        assert half(typed).get("/", follow=True).redirect_chain[-1][0].startswith(SET_UP)

    def test_it_tells_who_has_one_and_who_must(self, settings: Any) -> None:
        with_factor()
        with_password(VIEWER)
        assert {each["account"]: each["has"] for each in self.run()} == {
            "administrator-person": True, "viewer-person": False,
        }  # fmt: skip
        settings.TWO_FACTOR = "all"
        with pytest.raises(SystemExit):
            self.run()

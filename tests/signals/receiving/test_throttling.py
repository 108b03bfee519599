"""Floods are cheap to refuse: nobody's hash is computed for an address that has failed too often."""

import base64
from typing import Any

import pytest
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.contrib.auth.models import User
from django.test import Client

pytestmark = pytest.mark.django_db
HEALTH = "/api/sync/health"


@pytest.fixture
def hashes(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The passwords that a hash was computed of."""
    computed: list[str] = []
    encode = PBKDF2PasswordHasher.encode

    def counted(self: Any, password: str, *args: Any, **options: Any) -> str:
        computed.append(password)
        return encode(self, password, *args, **options)

    monkeypatch.setattr(PBKDF2PasswordHasher, "encode", counted)
    return computed


def ask(name: str, password: str = "x", address: str = "203.0.113.7") -> int:
    basic = base64.b64encode(f"{name}:{password}".encode()).decode()
    return Client().get(HEALTH, HTTP_AUTHORIZATION=f"Basic {basic}", REMOTE_ADDR=address).status_code


def test_random_names_cost_a_hash_each_only_up_to_the_limit(settings: Any, hashes: list[str]) -> None:
    settings.BAD_LOGIN_RATE = "3/min"
    assert {ask(f"nobody-{n}") for n in range(10)} == {401}
    assert len(hashes) == 3


def test_another_address_is_not_held_up(settings: Any) -> None:
    settings.BAD_LOGIN_RATE = "3/min"
    User.objects.create_superuser("ann", password="correct-horse")
    for n in range(5):
        ask(f"nobody-{n}")
    assert ask("ann", "correct-horse", "198.51.100.1") == 200
    assert ask("ann", "correct-horse") == 401


def test_who_succeeds_may_ask_as_often_as_they_like(settings: Any) -> None:
    settings.BAD_LOGIN_RATE = "3/min"
    User.objects.create_superuser("ann", password="correct-horse")
    assert {ask("ann", "correct-horse") for _ in range(8)} == {200}


def test_the_login_page_is_limited_as_well(settings: Any, hashes: list[str]) -> None:
    settings.BAD_LOGIN_RATE = "3/min"
    for n in range(6):
        Client().post("/admin/login/", {"username": f"nobody-{n}", "password": "x"}, REMOTE_ADDR="203.0.113.7")
    assert len(hashes) == 3


def test_a_device_that_has_signed_in_before_is_not_held_up(settings: Any) -> None:
    settings.BAD_LOGIN_RATE = "3/min"
    User.objects.create_superuser("ann", password="correct-horse")
    given = {"username": "ann", "password": "correct-horse"}
    known = Client(REMOTE_ADDR="203.0.113.7")
    known.post("/admin/login/", given)
    for n in range(5):
        ask(f"nobody-{n}")
    assert known.post("/admin/login/", given).status_code == 302
    assert Client(REMOTE_ADDR="203.0.113.7").post("/admin/login/", given).status_code == 200

"""The formats in use, as the console would import them again."""

import pytest
from django.test import Client
from django.utils import timezone

from signals.dialects.builtin import BUILTIN
from signals.receiving.senders import default_source
from signals.teaching.saving import retire, save

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

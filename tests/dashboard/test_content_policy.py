"""Every answer says what may run in it, and no page needs more than that."""

import re

import pytest
from django.contrib import admin
from django.test import Client
from django.urls import reverse

from dashboard.console.navigation import in_order
from dashboard.telling.addresses import address
from tests.builders import at, created, entry, send

pytestmark = pytest.mark.django_db
SCRIPT = re.compile(r"<script(?![^>]*\bsrc=)(?![^>]*application/json)[^>]*>\s*\S", re.I)
HANDLER = re.compile(r"<[^>]+\son[a-z]+=", re.I)


def pages() -> list[str]:
    lists = [f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist" for model in admin.site._registry]
    return ["/admin/", "/api/docs", *map(reverse, lists), *(address(page.name) for page in in_order())]


@pytest.mark.parametrize(
    "path",
    ["/", "/admin/login/", "/api/docs", "/api/schema", "/api/sync/health", "/healthz", "/nowhere", "/api/nowhere"],
)
def test_every_answer_has_a_policy_that_lets_no_script_of_a_sender_run(client: Client, path: str) -> None:
    policy = client.get(path)["Content-Security-Policy"]
    (scripts,) = [part for part in policy.split("; ") if part.startswith("script-src")]
    assert "'unsafe-inline'" not in scripts
    assert "default-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy


def test_no_page_of_console_admin_and_docs_has_a_script_in_its_text(admin_client: Client) -> None:
    send([(created(), at(1)), (entry(), at(3))])
    wrong = {}
    for path in pages():
        text = admin_client.get(path, follow=True).content.decode()
        if found := SCRIPT.search(text) or HANDLER.search(text):
            wrong[path] = found[0][:200]
    assert wrong == {}

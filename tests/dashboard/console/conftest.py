"""People of each role, signed in; and some alerts to look at."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from django.utils import timezone
from playwright.sync_api import Browser
from pytest_django.live_server_helper import LiveServer

from dashboard.console.roles import ADMINISTRATOR, OPERATOR, VIEWER
from signals.intake import take_in
from signals.models import Quarantine
from signals.parcels import Incoming
from signals.receiving.senders import default_source
from signals.vocabulary import Channel
from tests.builders import at, created, entry, send, update

if TYPE_CHECKING:
    from .browser import Visitor

ROLES = (VIEWER, OPERATOR, ADMINISTRATOR)
PASSWORD = "long-enough-for-tests"
NOBODY, ANONYMOUS = "nobody", "anonymous"
UNREADABLE = b'{"event_type":"ENTRY","trade_id":"20251211_094500000_BULLISH","entry_price":25740,"stop_loss":2573'
MENDED = UNREADABLE.decode() + "0}"

As = Callable[[str], Client]

HERE = Path(__file__).parent
# Pages of forms and words: test_pages opens each of them on both databases, which asks what there is to be asked.
OF_WORDS = {
    "test_activation_page", "test_devices", "test_mail", "test_notifications", "test_outbound", "test_passkeys",
    "test_preferences", "test_quarantine_page", "test_second_factor", "test_sources_page", "test_start",
    "test_unknown_formats",
}  # fmt: skip


@pytest.hookimpl(tryfirst=True)  # before the database's pass chooses
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.parent == HERE and item.path.stem in OF_WORDS:
            item.add_marker(pytest.mark.one_database)


def person(role: str) -> User:
    """Somebody of this role, who is not staff; NOBODY has none."""
    user, made = User.objects.get_or_create(username=f"{role.lower()}-person")
    if made and role in ROLES:
        user.groups.add(Group.objects.get(name=role))
    return user


def with_password(role: str) -> dict[str, str]:
    """What somebody of this role types to sign in."""
    user = person(role)
    user.set_password(PASSWORD)
    user.save()
    return {"username": user.username, "password": PASSWORD}


@pytest.fixture(autouse=True)
def _own_uploads(settings: Any, tmp_path: Path) -> None:
    settings.VAR_DIR = tmp_path


@pytest.fixture
def quick_hashes(settings: Any) -> None:
    """For tests that sign in again and again, and are about something else than how long a password takes."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def signed_in(db: None) -> As:
    """A browser in which somebody of the role is signed in."""

    def browser(role: str) -> Client:
        client = Client()
        if role != ANONYMOUS:
            client.force_login(person(role))
        return client

    return browser


@pytest.fixture
def trade(db: None) -> None:
    """A signal with three events."""
    send([(created(), at(1)), (entry(), at(3)), (update(0.5), at(4))])


def quarantined(body: bytes = UNREADABLE, minute: float = 6) -> Quarantine:
    """A body that arrived by webhook and could not be read."""
    item = Incoming(body=body, received_at=at(minute), channel=Channel.WEBHOOK)
    outcome = take_in(default_source(), [item], now=timezone.now()).outcomes[0]
    return Quarantine.objects.get(delivery=outcome.delivery_id)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    from .browser import launched  # which signs people in with what is above

    yield from launched()


@pytest.fixture
def visitor(chromium: Browser, live_server: LiveServer) -> "Iterator[Visitor]":
    """Somebody at a desk. Whatever the browser complains about fails the test."""
    from .browser import Visitor

    context = chromium.new_context(viewport={"width": 1400, "height": 900})
    somebody = Visitor(context.new_page(), live_server.url)
    yield somebody
    context.close()
    assert somebody.problems == []

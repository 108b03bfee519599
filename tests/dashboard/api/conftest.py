"""Who asks: a reader, people of each role, their programs; and some of what is asked about."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.test import Client
from django.utils import timezone

from dashboard.api.tokens import make
from dashboard.console.roles import OPERATOR, VIEWER
from signals.intake import take_in
from signals.models import Quarantine
from signals.parcels import Incoming
from signals.receiving.senders import default_source
from signals.vocabulary import Channel
from tests.builders import at

UNREADABLE = b'{"event_type":"ENTRY","trade_id":"20251211_094500000_BULLISH","entry_price":25740,"stop_loss":2573'
MENDED = UNREADABLE.decode() + "0}"


@pytest.fixture
def reader() -> User:
    """Somebody who may look at signals and do nothing else."""
    user = User.objects.create_user("reader", password="a-long-passphrase")
    user.user_permissions.add(Permission.objects.get(codename="view_automatedsignal"))
    return user


@pytest.fixture
def api(client: Client, reader: User) -> Client:
    client.force_login(reader)
    return client


def person(role: str) -> User:
    """Somebody of this role."""
    user, made = User.objects.get_or_create(username=f"{role.lower()}-person")
    if made:
        user.groups.add(Group.objects.get(name=role))
    return user


def bearer(user: User, scope: str = OPERATOR, days: int = 1) -> dict[str, str]:
    """The headers of a program with a token of this person."""
    now = timezone.now()
    _, secret = make(user, name="program", scope=scope, expires_at=now + timedelta(days=days), now=now)
    return {"authorization": f"Bearer {secret}"}


def quarantined(body: bytes = UNREADABLE, minute: float = 6) -> Quarantine:
    """A body that arrived by webhook and could not be read."""
    item = Incoming(body=body, received_at=at(minute), channel=Channel.WEBHOOK)
    outcome = take_in(default_source(), [item], now=timezone.now()).outcomes[0]
    return Quarantine.objects.get(delivery=outcome.delivery_id)


@pytest.fixture
def viewing(db: None) -> Client:
    return Client(headers=bearer(person(VIEWER), VIEWER))


@pytest.fixture
def acting(db: None) -> Client:
    return Client(headers=bearer(person(OPERATOR)))

"""Who asks: a reader, and a client that says so."""

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client


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

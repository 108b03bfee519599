"""A real streaming replica: pages are read there, nobody misses what he wrote, and its death costs nobody a page."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from .durability.postgres import PrivatePostgres, binaries
from .durability.web import ROOT

pytestmark = [
    pytest.mark.slow,
    pytest.mark.postgres,
    pytest.mark.skipif(binaries() is None, reason="no PostgreSQL binaries are installed (initdb, postgres)"),
]
# In a process of its own, whose settings name both. It prints what each step showed.
STORY = """
import re
import django; django.setup()
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connection, connections
from django.test import Client
from django.utils import timezone
from dashboard import replica
from dashboard.watching.checks import database
from tests.builders import TRADE_ID, at, created, send

def person(name):
    client = Client(SERVER_NAME="localhost")
    client.force_login(User.objects.create_superuser(name, password="a-long-passphrase"))
    return client

def tags(client):
    replica.COPY.good_until = 0.0
    rows = client.get("/api/automated-signals/signals/" + TRADE_ID)
    return rows.json()["tags"] if rows.status_code == 200 else rows.status_code

def sql(alias, text):
    with connections[alias].cursor() as cursor:
        cursor.execute(text)
        return cursor.fetchone()[0] if cursor.description else None

def caught_up():
    end = sql("default", "SELECT pg_current_wal_lsn()::text")
    while replica.look().reached < replica.lsn(end):
        pass

call_command("migrate", verbosity=0)
send([(created(), at(1))])
writer, reader = person("writer"), person("reader")
caught_up()
print("follows", tags(reader), database.read_replica(timezone.now()).ok)
sql("replica", "SELECT pg_wal_replay_pause()")
while sql("replica", "SELECT pg_get_wal_replay_pause_state()") != "paused":
    pass
from signals.models import AutomatedSignal
signal = AutomatedSignal.objects.get()
page = f"/console/signals/{signal.pk}/tags/"
shown = writer.post(page, {"tags": "seen"}).content.decode()
[previewed] = re.findall('name="previewed" value="([^"]*)"', shown)
answer = writer.post(page, {"tags": "seen", "confirm": "yes", "previewed": previewed})
print("wrote", answer.status_code)
print("writer", tags(writer), "reader", tags(reader))
sql("replica", "SELECT pg_wal_replay_resume()")
caught_up()
print("later", tags(writer), tags(reader))
connections["replica"].close()
connections["replica"].settings_dict["PORT"] = "1"
print("gone", tags(reader), database.read_replica(timezone.now()).ok)
"""


def test_pages_are_read_from_it_and_its_death_costs_nobody_a_page(tmp_path: Path) -> None:
    primary = PrivatePostgres(tmp_path)
    copy = None
    try:
        primary.start()
        copy = primary.replica(tmp_path)
        copy.start()
        environment = {**os.environ, "DATABASE_URL": primary.url, "DATABASE_REPLICA_URL": copy.url, "DEMO": "0"}
        environment |= {"VAR_DIR": str(tmp_path / "var"), "DJANGO_SETTINGS_MODULE": "signalsync_project.settings"}
        told = subprocess.run(
            [sys.executable, "-c", STORY], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
        )
        assert told.stdout.splitlines() == [
            "follows [] True",
            "wrote 302",
            "writer ['seen'] reader []",
            "later ['seen'] ['seen']",
            "gone ['seen'] False",
        ], told.stderr
    finally:
        if copy is not None:
            copy.remove()
        primary.remove()

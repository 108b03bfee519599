"""Settings: the documented table is the code's, production refuses unsafe defaults, and databases are set up alike."""

import os
import re
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import connection

from signalsync_project.variables import VARIABLES, value
from tests.processes import PATIENCE

ROOT = Path(__file__).resolve().parents[2]
SAFE = {
    "PRODUCTION": "1",
    "SECRET_KEY": "kV7w_2QpZr-9TyGm04LwPfVnKc7DsHrJ2aEuXb3x-Md8oYq1tNi5u",
    "ALLOWED_HOSTS": "signals.example.com",
    "WEBHOOK_TOKEN": "Zb3xq-9TyGm_04LwPfVnKc7D",
}


def start_with(tmp_path: Path, *options: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Load the settings in a process of its own, with these variables and no others of ours."""
    ours = {*VARIABLES, "DJANGO_ALLOW_ASYNC_UNSAFE"}  # the browser tests' plugin sets it
    inherited = {name: value for name, value in os.environ.items() if name not in ours}
    return subprocess.run(
        [sys.executable, "manage.py", "check", *options],
        cwd=ROOT, env={**inherited, "VAR_DIR": str(tmp_path), **variables}, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_the_documented_table_is_the_codes() -> None:
    table = (ROOT / "docs" / "settings.md").read_text()
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \| .*? \| (.*) \|$", table, re.M)
    assert rows == [(name, variable.kind.__name__, variable.meaning) for name, variable in VARIABLES.items()]


def test_no_variable_is_needed_outside_production(tmp_path: Path) -> None:
    assert start_with(tmp_path).returncode == 0


def test_the_made_secret_key_is_kept_and_private(tmp_path: Path) -> None:
    start_with(tmp_path)
    key = (tmp_path / "secret_key").read_text()
    start_with(tmp_path)
    assert (tmp_path / "secret_key").read_text() == key
    assert (tmp_path / "secret_key").stat().st_mode & 0o077 == 0


def test_processes_that_start_together_for_the_first_time_have_one_secret_key(tmp_path: Path) -> None:
    asking = [sys.executable, "-c", "from signalsync_project.settings import SECRET_KEY; print(SECRET_KEY)"]
    environment = {**os.environ, "VAR_DIR": str(tmp_path), "SECRET_KEY": "", "PRODUCTION": "0"}
    started = [subprocess.Popen(asking, cwd=ROOT, env=environment, stdout=subprocess.PIPE) for _ in range(4)]
    assert len({process.communicate(timeout=PATIENCE)[0] for process in started}) == 1


@pytest.mark.parametrize("missing", ["SECRET_KEY", "ALLOWED_HOSTS", "WEBHOOK_TOKEN"])
def test_production_refuses_to_start_without(missing: str, tmp_path: Path) -> None:
    given = {name: value for name, value in SAFE.items() if name != missing}
    result = start_with(tmp_path, **given)
    assert result.returncode != 0
    assert missing in result.stderr


def test_production_refuses_a_short_webhook_token(tmp_path: Path) -> None:
    result = start_with(tmp_path, **{**SAFE, "WEBHOOK_TOKEN": "short"})
    assert "24" in result.stderr


@pytest.mark.parametrize(
    ("name", "weak"),
    [
        ("SECRET_KEY", "a"),
        ("SECRET_KEY", "a" * 60),
        ("SECRET_KEY", "abcdefgh" * 8),
        ("WEBHOOK_TOKEN", "t" * 24),
        ("WEBHOOK_TOKEN", "0123456789ab" * 2),
        ("ALLOWED_HOSTS", "*"),
        ("ALLOWED_HOSTS", "signals.example.com,*"),
        ("OPERATOR_PASSWORD", "a"),
        ("OPERATOR_PASSWORD", "password123"),
        ("OPERATOR_PASSWORD", "operator1"),
    ],
)
def test_production_refuses_what_could_be_guessed(name: str, weak: str, tmp_path: Path) -> None:
    result = start_with(tmp_path, **{**SAFE, name: weak})
    assert result.returncode != 0
    assert f"{name}: " in result.stderr
    assert weak not in result.stderr or len(weak) < 3


def test_production_starts_with_all_of_them_and_django_has_nothing_to_say_of_it(tmp_path: Path) -> None:
    result = start_with(tmp_path, "--deploy", "--fail-level", "WARNING", **SAFE)
    assert result.returncode == 0, result.stderr


def test_redis_is_the_queue_where_it_is_named(tmp_path: Path) -> None:
    assert start_with(tmp_path, REDIS_URL="redis://127.0.0.1:1/0").returncode == 0, "before it answers, too"


def test_a_variable_of_the_wrong_type_is_named(tmp_path: Path) -> None:
    result = start_with(tmp_path, PORT="eighty")
    assert result.returncode != 0
    assert "PORT" in result.stderr


@pytest.mark.parametrize(
    ("name", "wrong", "told"),
    [
        ("LOG_LEVEL", "FOO", "DEBUG, INFO, WARNING, ERROR or CRITICAL"),
        ("PUBLIC_URL", "foo", "http:// or https:// and a host"),
        ("PUBLIC_URL", "https://", "http:// or https:// and a host"),
        ("PUBLIC_URL", "ftp://signals.example.com", "http:// or https:// and a host"),
        ("DATABASE_STATEMENT_TIMEOUT", "-1", "less than 0"),
        ("PASSKEY_HOST", "https://signals.example.com", "is no host name"),
        ("CLUSTER_WORKERS", "0", "less than 1"),
        ("SYNC_WORKERS", "-1", "less than 0"),
        ("REDIS_URL", "http://127.0.0.1:6379", "redis://, rediss:// or unix://"),
    ],
)
def test_a_variable_without_meaning_is_named_with_what_it_may_be(
    name: str, wrong: str, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, wrong)
    with pytest.raises(ImproperlyConfigured, match=f"^{name}: .*{told}"):
        value(name)


@pytest.mark.parametrize(
    ("name", "given", "meant"),
    [
        ("LOG_LEVEL", "info", "INFO"),
        ("PUBLIC_URL", "https://signals.example.com/", "https://signals.example.com"),
        ("PUBLIC_URL", "", ""),
        ("DATABASE_STATEMENT_TIMEOUT", "0", 0),
    ],
)
def test_a_variable_may_be_written_in_other_ways(
    name: str, given: str, meant: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, given)
    assert value(name) == meant


@pytest.mark.parametrize(
    "wrong", [{"LOG_LEVEL": "FOO"}, {"DATABASE_STATEMENT_TIMEOUT": "-1"}, {"DATABASE_URL": "postgres://root@x:port/y"}]
)
def test_a_bad_setting_stops_the_start_in_one_line(wrong: dict[str, str], tmp_path: Path) -> None:
    result = start_with(tmp_path, **wrong)
    assert result.returncode == 1
    (line,) = result.stderr.splitlines()
    assert line.startswith(f"{next(iter(wrong))}: ")


@pytest.mark.django_db
def test_sqlite_queues_writers_and_keeps_what_was_acknowledged() -> None:
    if connection.vendor != "sqlite":
        pytest.skip("this is about SQLite")
    with connection.cursor() as cursor:
        pragmas = {name: cursor.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous")}
        assert cursor.execute("PRAGMA foreign_keys").fetchone()[0] == 1
    assert pragmas == {"journal_mode": "wal", "synchronous": 2}
    assert settings.DATABASES["default"]["OPTIONS"]["transaction_mode"] == "IMMEDIATE"


def test_connections_are_kept_and_checked() -> None:
    database = settings.DATABASES["default"]
    assert database["CONN_MAX_AGE"] is None
    assert database["CONN_HEALTH_CHECKS"] is True


@pytest.mark.django_db
def test_postgresql_compiles_no_query_before_it_runs_it() -> None:
    if connection.vendor != "postgresql":
        pytest.skip("this is about PostgreSQL")
    with connection.cursor() as cursor:
        cursor.execute("SHOW jit")
        assert cursor.fetchone() == ("off",)


@pytest.mark.django_db
def test_a_connection_to_postgresql_ends_when_the_network_is_gone() -> None:
    if connection.vendor != "postgresql":
        pytest.skip("this is about PostgreSQL")
    connection.ensure_connection()
    with socket.socket(fileno=os.dup(connection.connection.fileno())) as link:
        if link.family == socket.AF_UNIX:
            pytest.skip("a Unix socket has no network")
        assert link.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 2000

"""What every test gets: its own spool, an empty cache, quick passwords, and Hypothesis that does not race the clock."""

import gc
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.core.cache import cache
from django.db import connection, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from hypothesis import HealthCheck, settings

from signalsync_project import start_quickly, started

# Where a change is judged, the same examples each time, and fewer: a rare one is for whoever works on the code.
JUDGED = os.environ.get("CI", "").lower() in {"1", "true"}
settings.register_profile(
    "signalsync",
    derandomize=JUDGED,
    deadline=None,
    max_examples=25 if JUDGED else 40,
    print_blob=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
# What a database may do otherwise shows in few of them; what is wrong in itself, the first pass has looked for.
settings.register_profile("second database", settings.get_profile("signalsync"), max_examples=10)
# For whoever has the time to look for what is rare: --hypothesis-profile=hunt
settings.register_profile("hunt", settings.get_profile("signalsync"), max_examples=600)
settings.load_profile("signalsync")

# A hash is made to take long, which tests who sign in are not about; that one is computed stays as it is.
PBKDF2PasswordHasher.iterations = 1

# What is collected, six thousand tests and all that they import, stays: going through it again and again was a third of
# the time of collecting.
start_quickly()

DATABASE_FIXTURES = {"db", "transactional_db", "live_server", "admin_client", "admin_user"}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--database-only",
        action="store_true",
        help="only what can differ between databases: tests that use one, but for the browser's and those marked so",
    )
    parser.addoption(
        "--quick",
        action="store_true",
        help="only what answers at once: no database, browser, server or other slow test",
    )


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--database-only"):
        settings.load_profile("second database")


def uses_database(item: pytest.Item) -> bool:
    return bool(item.get_closest_marker("django_db") or DATABASE_FIXTURES & set(getattr(item, "fixturenames", ())))


def can_differ(item: pytest.Item) -> bool:
    """On the second database, pure tests would only say again what they said on the first, and so would some others."""
    if item.get_closest_marker("second_database"):
        return True
    return uses_database(item) and not any(map(item.get_closest_marker, ("browser", "one_database")))


def is_quick(item: pytest.Item) -> bool:
    return not uses_database(item) and not any(map(item.get_closest_marker, ("browser", "postgres", "slow")))


def runs_processes(item: pytest.Item) -> bool:
    return bool(item.get_closest_marker("slow")) and not uses_database(item)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Tests of whole processes come first: they take longest, and mostly wait, beside which another worker computes."""
    for option, wanted in (("--database-only", can_differ), ("--quick", is_quick)):
        if config.getoption(option):
            left_out = [item for item in items if not wanted(item)]
            items[:] = [item for item in items if wanted(item)]
            config.hook.pytest_deselected(items=left_out)
    items.sort(key=runs_processes, reverse=True)  # which leaves the rest in its order


def pytest_collection_finish() -> None:
    gc.collect()
    started()  # as usual again: what tests leave in circles holds sockets and files open


SHARED = Path(__file__).resolve().parent.parent.parent / "shared"


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    django_db_modify_db_settings_parallel_suffix: None, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """SQLite in a file, with its write-ahead log, as it runs: a database in memory has no second connection."""
    database = connections.databases["default"]
    if database["ENGINE"] == "django.db.backends.sqlite3":
        database["TEST"]["NAME"] = str(tmp_path_factory.mktemp("database") / "test.sqlite3")


def emptying(database: BaseDatabaseWrapper) -> list[str]:
    """For the tables that hold something. PostgreSQL makes files anew for each that is truncated, empty or not; that
    rows go in any order it allows, as foreign keys are looked at in the end."""
    names = [database.ops.quote_name(name) for name in database.introspection.django_table_names(only_existing=True)]
    with database.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(f"(SELECT '{name}' FROM {name} LIMIT 1)" for name in names))
        return [f"DELETE FROM {name}" for (name,) in cursor.fetchall()]


@pytest.fixture(scope="session", autouse=True)
def _transactional_tests_empty_tables() -> Iterator[None]:
    """Emptying the tables after a transactional test is what the guards refuse: they are down meanwhile."""
    from django.db.backends.base.operations import BaseDatabaseOperations

    from reconciliation.guarding import triggers

    flush = BaseDatabaseOperations.execute_sql_flush

    def unguarded(self: BaseDatabaseOperations, statements: Sequence[str]) -> None:
        triggers.take_down(self.connection)
        flush(self, emptying(self.connection) if self.connection.vendor == "postgresql" else statements)
        triggers.after_migrating(self.connection.alias)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(BaseDatabaseOperations, "execute_sql_flush", unguarded)
        yield


@pytest.fixture(scope="session", autouse=True)
def _static_files_are_looked_for_once() -> Iterator[None]:
    """Each test client has a WhiteNoise of its own, which goes through two hundred files before the first answer."""
    from whitenoise.middleware import WhiteNoiseMiddleware

    look, found = WhiteNoiseMiddleware.add_files_from_finders, {}

    def once(self: WhiteNoiseMiddleware) -> None:
        asked = (self.static_prefix, self.max_age, frozenset(self.files))
        if asked not in found:
            look(self)
            found[asked] = dict(self.files)
        self.files.update(found[asked])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(WhiteNoiseMiddleware, "add_files_from_finders", once)
        yield


@pytest.fixture
def unguarded(db: None) -> None:
    """As whoever may change the tables' triggers finds them: the hand that the proofs are about."""
    from reconciliation.guarding import triggers

    triggers.take_down(connection)


@pytest.fixture(autouse=True)
def _own_spool_and_cache(settings: Any, tmp_path: Path) -> Iterator[None]:
    from signals.receiving.outage import breaker

    settings.SPOOL_DIR = tmp_path / "spool"
    settings.PROXY_NOTE = tmp_path / "uncounted_proxy"
    cache.clear()
    breaker.worked()
    yield
    cache.clear()


@pytest.fixture(autouse=True)
def _test_client_is_on_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Django's test client calls this machine so."""
    from signals.receiving import senders

    monkeypatch.setattr("signals.receiving.senders.LOCAL_NAMES", senders.LOCAL_NAMES | {"testserver"})


@pytest.fixture(autouse=True)
def _sources_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """Unless a test says otherwise, a source is a one-minute chart of MNQ1!, as a person would set it."""
    from signals.markets import CME
    from signals.models import Source

    for name, value in {"symbol": "MNQ1!", "bar_minutes": 1, "calendar": CME}.items():
        monkeypatch.setitem(Source._meta.get_field(name).__dict__, "_get_default", lambda value=value: value)


@pytest.fixture(autouse=True)
def _patient_webhook(monkeypatch: pytest.MonkeyPatch) -> None:
    """However busy the machine is, an alert is stored and not spooled; tests of the limit set it again."""
    monkeypatch.setattr("signals.receiving.webhook.WAIT_MS", 600_000)


@pytest.fixture(scope="session")
def recorded_logs() -> list[Path]:
    """The recorded alert logs; tests that need them skip where they are not."""
    logs = sorted((SHARED / "recorded").glob("*.csv"))
    if not logs:
        pytest.skip("no recorded alert logs: there is no shared/recorded beside the project")
    return logs

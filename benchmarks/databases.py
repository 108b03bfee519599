"""Databases made for a benchmark and dropped after it, and the project's processes that work on them."""

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg2
from psycopg2 import sql

ROOT = Path(__file__).resolve().parent.parent
SERVER = os.environ.get("BENCH_POSTGRES_URL") or "postgres://root@127.0.0.1:5432/postgres"
NAME = "signalsync_bench"


@dataclass(frozen=True, slots=True)
class Database:
    """A migrated database of its own, and a directory beside it for what processes leave."""

    url: str
    directory: Path

    @property
    def environment(self) -> dict[str, str]:
        own = {
            "DATABASE_URL": self.url,
            "VAR_DIR": str(self.directory),
            "PYTHONPATH": str(ROOT),
            "LOG_LEVEL": "WARNING",
        }
        return {**os.environ, **own, "DJANGO_SETTINGS_MODULE": "signalsync_project.settings"}

    def run(self, *arguments: str, **environment: str) -> str:
        """Run Python with these arguments and return what it prints. Raises RuntimeError with what went wrong."""
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=ROOT,
            env={**self.environment, **environment},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"{' '.join(arguments)[:200]} failed:\n{done.stderr[-2000:]}")
        return done.stdout

    def manage(self, *arguments: str) -> str:
        return self.run("manage.py", *arguments)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """What a connection of its own sees."""
        if self.url.startswith("postgres"):
            return execute(self.url, query)
        with closing(sqlite3.connect(self.directory / "signalsync.sqlite3", timeout=10)) as connection:
            return connection.execute(query).fetchall()

    def tidy(self) -> None:
        """Do now what autovacuum would do sooner or later."""
        if self.url.startswith("postgres"):
            execute(self.url, "VACUUM ANALYZE")


def execute(url: str, statement: str | sql.Composed) -> list[tuple[Any, ...]]:
    connection = psycopg2.connect(url, connect_timeout=5)
    connection.autocommit = True
    try:
        with connection.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchall() if cursor.description else []
    finally:
        connection.close()


Databases = Callable[[str], AbstractContextManager[Database]]


@contextmanager
def postgres(purpose: str, server: str = SERVER, template: str = "") -> Iterator[Database]:
    """A new database of the server, perhaps a copy; one that an interrupted run left is replaced."""
    name = f"{NAME}_{purpose}"
    try:
        with made(name, server, template) as database:
            yield database
    finally:
        drop(name, server)


@contextmanager
def made(name: str, server: str = SERVER, template: str = "") -> Iterator[Database]:
    """A new database of this name, in the place of any that there is, migrated or copied from one that is. It stays."""
    drop(name, server)
    create = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
    execute(server, create.format(sql.Identifier(name), sql.Identifier(template or "template1")))
    with found(name, server) as database:
        if not template:
            database.manage("migrate", "--verbosity=0")
        yield database


@contextmanager
def found(name: str, server: str = SERVER) -> Iterator[Database]:
    """A database that is there."""
    with TemporaryDirectory(prefix=f"signalsync-{name}-") as directory:
        yield Database(urlunsplit(urlsplit(server)._replace(path=f"/{name}")), Path(directory))


def drop(name: str, server: str = SERVER) -> None:
    execute(server, sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def note(database: Database, told: Any) -> None:
    """Write down what is to be known of a database that stays, as JSON in its comment."""
    name = sql.Identifier(urlsplit(database.url).path[1:])
    execute(database.url, sql.SQL("COMMENT ON DATABASE {} IS {}").format(name, sql.Literal(json.dumps(told))))


def noted(database: Database) -> Any:
    """What was written down. Raises RuntimeError where nothing was."""
    asked = "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = current_database()"
    [[told]] = execute(database.url, asked)
    if told is None:
        raise RuntimeError("this database was not filled to its end")
    return json.loads(told)


@contextmanager
def sqlite(purpose: str) -> Iterator[Database]:
    with TemporaryDirectory(prefix=f"signalsync-{purpose}-") as directory:
        database = Database(f"sqlite:///{directory}/signalsync.sqlite3", Path(directory))
        (database.directory / "signalsync.sqlite3").write_bytes(migrated())
        yield database


@cache
def migrated() -> bytes:
    """The file of an empty database, migrated once for all."""
    with TemporaryDirectory(prefix="signalsync-migrated-") as directory:
        file = Path(directory) / "signalsync.sqlite3"
        Database(f"sqlite:///{file}", Path(directory)).manage("migrate", "--verbosity=0")
        return file.read_bytes()

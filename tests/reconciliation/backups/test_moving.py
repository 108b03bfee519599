"""Moving: from PostgreSQL to SQLite and back nothing is lost, of any model."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
from django.db import connection

from reconciliation.backups import making, restoring
from reconciliation.backups.file import MANIFEST

from .rows import fill, stored

pytestmark = [pytest.mark.django_db, pytest.mark.slow]
ROOT = Path(__file__).resolve().parents[3]


def on_sqlite(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "DATABASE_URL": "", "VAR_DIR": str(folder), "LOG_LEVEL": "WARNING"}
    command = [sys.executable, "manage.py", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


def tables_of(file: Path) -> dict[str, Any]:
    with ZipFile(file) as archive:
        return {each["name"]: each for each in json.loads(archive.read(MANIFEST))["tables"]}


def test_from_postgresql_to_sqlite_and_back_every_row_of_every_model_is_the_same(tmp_path: Path) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("this is about PostgreSQL, too")
    fill()
    before = stored()
    there, back = tmp_path / "there", tmp_path / "back"
    making.make(there, datetime(2026, 1, 2, tzinfo=UTC))
    assert on_sqlite(tmp_path, "migrate").returncode == 0
    moved = on_sqlite(tmp_path, "restore", str(there))
    assert "rows restored in" in moved.stdout, moved.stderr  # of invented rows the proofs find fault with many
    assert on_sqlite(tmp_path, "backup", str(back)).returncode == 0
    assert tables_of(back) == tables_of(there)
    restoring.restore(back, replace=True)
    assert stored() == before

"""The examples of docs/api.md work as they stand there, and the page names every endpoint."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from pytest_django.live_server_helper import LiveServer

from reconciliation.cycle.run import run_sync
from signals.dialects.builtin import BUILTIN
from signals.models import Fill
from tests.builders import at, created, entry, send

from .conftest import MENDED, bearer, person, quarantined

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "api.md").read_text()
SCHEMA = (Path(__file__).resolve().parents[3] / "docs" / "openapi.yaml").read_text()
FIRST, *REST = re.findall(r"^```sh\n(.*?)^```$", PAGE, re.M | re.S)


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("curl"), reason="no curl here")
@pytest.mark.django_db(transaction=True)
def test_every_example_works(live_server: LiveServer, tmp_path: Path) -> None:
    send([(entry(), at(3)), (created("20251211_094100000_BEARISH"), at(2))])
    run_sync(now=at(60), trigger="command")
    fill, row = Fill.objects.filter(state="active").earliest("pk").pk, quarantined().pk
    token = bearer(person("Administrator"), scope="Administrator")["authorization"].removeprefix("Bearer ")
    given = {"TOKEN": token, "FILL": str(fill), "ROW": str(row), "MENDED": json.dumps(MENDED)}
    given["SPEC"] = json.dumps(BUILTIN["traderspost"].spec)
    examples = sum(block.count("api ") for block in REST)
    assert examples > 20
    script = "\n".join([FIRST, *REST]).replace("http://127.0.0.1:8000", live_server.url)
    done = subprocess.run(
        ["sh", "-eu", "-c", script], cwd=tmp_path, env={**os.environ, **given}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, (done.stdout[-600:], done.stderr[-600:])
    assert (tmp_path / "signals.csv").read_text().startswith("trade_id,")


def test_every_endpoint_is_named() -> None:
    addresses = [re.sub(r"\{.*?\}", "<", path) for path in re.findall(r"^  (/api/\S+):$", SCHEMA, re.M)]
    named = re.sub(r"<\w+>", "<", PAGE)
    # Told beside those that they take back.
    elsewhere = re.compile(r"/webhook|/sync/requests/|/(allow|reopen|restore)$")
    assert [path for path in addresses if path not in named and not elsewhere.search(path)] == []

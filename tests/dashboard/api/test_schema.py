"""The committed schema is what the endpoints say, and the client that is generated from it works."""

import importlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import OpenApiYamlRenderer
from pytest_django.live_server_helper import LiveServer

from reconciliation.cycle.run import run_sync
from reconciliation.models import SyncAuditLog
from signals.models import Fill
from tests.builders import TRADE_ID, at, entry, send, the_signal

from .conftest import MENDED, bearer, person, quarantined

ROOT = Path(__file__).resolve().parents[3]
COMMITTED = ROOT / "docs" / "openapi.yaml"


def test_the_committed_schema_is_the_codes() -> None:
    schema = SchemaGenerator().get_schema(request=None, public=True)
    told = OpenApiYamlRenderer().render(schema, renderer_context={}).decode()
    assert COMMITTED.read_text() == told, "run `make schema` and commit docs/openapi.yaml"


@pytest.fixture(scope="module")
def client_package(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The client as `make client` generates it, to be imported."""
    folder = tmp_path_factory.mktemp("client")
    subprocess.run(
        [sys.executable, "-m", "openapi_python_client", "generate", "--path", str(COMMITTED), "--config",
         str(ROOT / ".ci" / "client.yaml"), "--meta", "setup", "--output-path", str(folder), "--overwrite"],
        check=True, capture_output=True,
    )  # fmt: skip
    sys.path.insert(0, str(folder))
    yield "signalsync_client"
    sys.path.remove(str(folder))


@pytest.fixture
def call(client_package: str, live_server: LiveServer) -> Any:
    """Calls an endpoint by its group and name, as a program of an operator does."""
    token = bearer(person("Operator"))["authorization"].removeprefix("Bearer ")
    client = importlib.import_module(client_package).AuthenticatedClient(base_url=live_server.url, token=token)

    def called(endpoint: str, *args: Any, **given: Any) -> Any:
        return importlib.import_module(f"{client_package}.api.{endpoint}").sync(*args, client=client, **given)

    return called


def model(name: str, **values: Any) -> Any:
    return getattr(importlib.import_module("signalsync_client.models"), name)(**values)


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_a_program_reads_undoes_and_mends_by_the_generated_client(call: Any) -> None:
    send([(entry(), at(3))])
    run_sync(now=at(60), trigger="command")
    [signal] = call("automated_signals.all_signals", search=TRADE_ID).results
    assert (signal.trade_id, signal.entry_price) == (TRADE_ID, 25740)
    assert call("automated_signals.all_signals", gap=["no_htf_alignment"]).summary.total == 1

    fill = Fill.objects.filter(state="active").earliest("pk")
    told = call("fills.undo_fill", fill.pk, body=model("Reason", reason="wrong"), idempotency_key="once")
    again = call("fills.undo_fill", fill.pk, body=model("Reason", reason="wrong"), idempotency_key="once")
    assert (told.state, again.state) == ("undone", "undone")
    assert SyncAuditLog.objects.get(action="undone").actor == "operator-person"
    refused = call("fills.undo_fill", fill.pk, body=model("Reason", reason="wrong"))
    assert (refused.status, type(refused).__name__) == (409, "Problem")

    row = quarantined()
    call("quarantine.replay_quarantined", row.pk, body=model("MendedText", text=MENDED))
    assert the_signal("20251211_094500000_BULLISH").status == "CONFIRMED"

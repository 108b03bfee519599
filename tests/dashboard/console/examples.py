"""For every page whose address has parameters: something to open it with. A new page adds its line."""

from collections.abc import Callable, Mapping
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from dashboard.models import Job
from reconciliation.cycle.run import run_sync
from signals.dialects.builtin import BUILTIN
from signals.models import Delivery
from signals.receiving import uploads
from signals.receiving.senders import default_source, new_token
from signals.teaching.saving import save
from tests.builders import at, the_signal

from .conftest import quarantined

HEADER = "Alert ID,Ticker,Name,Description,Time\n"


def upload(text: str = HEADER) -> str:
    return uploads.keep(SimpleUploadedFile("log.csv", text.encode()), timezone.now()).key


def token() -> int:
    new_token(default_source(), label="first")
    return default_source().tokens.get().pk


def filled() -> int:
    """A fill of the signal, put in by a cycle."""
    run_sync(now=at(6), trigger="command")
    return the_signal().fills.earliest("pk").pk


def run() -> int:
    return run_sync(now=at(6), trigger="command").run_id or 0


def job() -> int:
    now = timezone.now()
    asked = {"run": 1, "reason": "wrong"}
    return Job.objects.create(
        kind="undo", title="Undoing run 1", arguments=asked, total=10, started_by="mia", created_at=now, updated_at=now
    ).pk


def format() -> int:
    spec = BUILTIN["traderspost"].spec
    return save(spec, source=default_source(), by=None, now=timezone.now()).pk


EXAMPLES: Mapping[str, Callable[[], dict[str, Any]]] = {
    "delivery": lambda: {"pk": Delivery.objects.order_by("pk")[0].pk},
    "mend": lambda: {"pk": quarantined().pk},
    **dict.fromkeys(
        ("teach", "read-shape", "dismiss-shape"), lambda: {"shape": quarantined(b"BTCUSDT Crossing 65,000").shape}
    ),
    **dict.fromkeys(("format", "change-format", "retire-format", "restore-format"), lambda: {"pk": format()}),
    "use-format": lambda: {"built_in": "traderspost"},
    "ledger": lambda: {"key": upload()},
    "bars-import": lambda: {"key": upload("time,open,high,low,close\n")},
    "bars-day": lambda: {"day": "2025-12-11"},
    "source": lambda: {"pk": default_source().pk},
    "rotate-token": lambda: {"pk": default_source().pk},
    "revoke-token": lambda: {"pk": token()},
    "change-source": lambda: {"pk": default_source().pk},
    **dict.fromkeys(
        ("signal", "each-tier", "reconcile-signal", "ask-indicator", "rebuild-signal"), lambda: {"pk": the_signal().pk}
    ),
    **dict.fromkeys(("undo-fill", "allow-fill", "approve-fill"), lambda: {"pk": the_signal().pk, "fill": filled()}),
    **dict.fromkeys(("dismiss-gap", "reopen-gap"), lambda: {"pk": the_signal().pk, "gap": "no_mfe_update"}),
    **dict.fromkeys(("run", "undo-run"), lambda: {"pk": run()}),
    "gap": lambda: {"gap": "no_mfe_update"},
    **dict.fromkeys(("job", "resume-job"), lambda: {"pk": job()}),
}

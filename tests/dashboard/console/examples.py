"""For every page whose address has parameters: something to open it with. A new page adds its line."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from dashboard.api.tokens import make
from dashboard.models import Incident, Job, MaintenanceWindow
from reconciliation.annotating import tag, write_note
from reconciliation.cycle.run import run_sync
from signals.dialects.builtin import BUILTIN
from signals.models import Delivery, Mailbox
from signals.receiving import uploads
from signals.receiving.senders import default_source, new_token
from signals.teaching.saving import save
from tests.builders import at, the_signal
from tests.dashboard.notifying.cases import destination
from tests.dashboard.outbound.build import endpoint

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


def note() -> int:
    return write_note(the_signal(), "Entered by hand.", actor="mia", now=at(9)).pk


def tag_of_it() -> int:
    tag(the_signal(), ["news"], actor="mia", now=at(9))
    return the_signal().tags.get().pk


def mailbox() -> int:
    made, _ = Mailbox.objects.get_or_create(name="alerts", host="imap.gmail.com", username="a@b.example", server="mx")
    return made.pk


def run() -> int:
    return run_sync(now=at(6), trigger="command").run_id or 0


def job() -> int:
    now = timezone.now()
    asked = {"run": 1, "reason": "wrong"}
    return Job.objects.create(
        kind="undo", title="Undoing run 1", arguments=asked, total=10, started_by="mia", created_at=now, updated_at=now
    ).pk


def api_token() -> int:
    """Of whoever came last."""
    now, person = timezone.now(), User.objects.order_by("-pk").first() or User.objects.create_user("somebody")
    return make(person, name="export", scope="Viewer", expires_at=now + timedelta(days=1), now=now)[0].pk


def format() -> int:
    spec = BUILTIN["traderspost"].spec
    return save(spec, source=default_source(), by=None, now=timezone.now()).pk


def incident() -> int:
    now = timezone.now()
    return Incident.objects.create(
        key="worker-stopped", rule="worker-stopped", severity="bad", says="It stopped.", opened_at=now, seen_at=now
    ).pk


def maintenance() -> int:
    now = timezone.now()
    return MaintenanceWindow.objects.create(starts_at=now, ends_at=now + timedelta(hours=1), reason="moving").pk


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
    "first-alert": lambda: {"pk": default_source().pk},
    "forget-view": lambda: {"pk": 1},
    "source": lambda: {"pk": default_source().pk},
    "rotate-token": lambda: {"pk": default_source().pk},
    "revoke-token": lambda: {"pk": token()},
    "change-source": lambda: {"pk": default_source().pk},
    **dict.fromkeys(
        (
            "signal",
            "each-tier",
            "reconcile-signal",
            "ask-indicator",
            "rebuild-signal",
            "approve-found",
            "refuse-found",
            "write-note",
            "add-tags",
        ),
        lambda: {"pk": the_signal().pk},
    ),
    "remove-note": lambda: {"pk": the_signal().pk, "note": note()},
    "remove-tag": lambda: {"pk": the_signal().pk, "tag": tag_of_it()},
    **dict.fromkeys(("undo-fill", "allow-fill", "approve-fill"), lambda: {"pk": the_signal().pk, "fill": filled()}),
    **dict.fromkeys(("dismiss-gap", "reopen-gap"), lambda: {"pk": the_signal().pk, "gap": "no_mfe_update"}),
    **dict.fromkeys(("run", "undo-run"), lambda: {"pk": run()}),
    **dict.fromkeys(("test-mailbox", "change-mailbox", "remove-mailbox"), lambda: {"pk": mailbox()}),
    "gap": lambda: {"gap": "no_mfe_update"},
    "revoke-api-token": lambda: {"pk": api_token()},
    **dict.fromkeys(
        (
            "endpoint",
            "change-endpoint",
            "switch-endpoint",
            "rotate-secret",
            "reveal-secret",
            "test-endpoint",
            "replay-events",
            "remove-endpoint",
        ),
        lambda: {"pk": endpoint().pk},
    ),
    **dict.fromkeys(("job", "resume-job"), lambda: {"pk": job()}),
    **dict.fromkeys(("incident", "acknowledge-incident", "snooze-incident"), lambda: {"pk": incident()}),
    **dict.fromkeys(("test-destination", "change-destination", "remove-destination"), lambda: {"pk": destination().pk}),
    **dict.fromkeys(("mute-source", "unmute-source"), lambda: {"pk": default_source().pk}),
    "change-rule": lambda: {"rule": "health-low"},
    "end-maintenance": lambda: {"pk": maintenance()},
}

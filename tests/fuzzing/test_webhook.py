"""The webhook and what comes of it: bodies are posted, and whatever was accepted is shown, exported and rebuilt.

Some hundred in CI; `make fuzz ARGS="--target webhook --inputs 20000"` asks for more by FUZZ_INPUTS and FUZZ_SEED.
"""

import json
import os
from datetime import UTC, datetime, timedelta
from io import StringIO
from random import Random

import pytest
from django.core.cache import cache
from django.core.management import call_command
from django.test import Client

from reconciliation.cycle.run import run_sync
from signals.exporting import as_csv, jsonl
from signals.models import AutomatedSignal, Delivery, SignalEvent
from signals.receiving.senders import new_token
from signalsync_project.front.alerts import ARRIVED
from tests.posting import WEBHOOK, open_source, rows_with

from .mutating import hidden_somewhere, mutated
from .seeds import bodies

INPUTS = int(os.environ.get("FUZZ_INPUTS", "400"))
SEED = int(os.environ.get("FUZZ_SEED", "7"))
AT_ONCE = 200  # bodies between two looks at what came of them
BEGIN = datetime(2025, 12, 11, 14, 41, tzinfo=UTC)
LISTS = (
    "/", "/console/signals/", "/console/deliveries/", "/console/deliveries/quarantine/", "/console/deliveries/unknown/",
    "/console/gaps/", "/console/runs/", "/api/automated-signals/all-signals",
)  # fmt: skip


@pytest.mark.django_db
@pytest.mark.slow
def test_whatever_is_posted_can_be_shown_exported_and_rebuilt(admin_client: Client) -> None:
    random, seeds, token = Random(SEED), bodies(), new_token(open_source(), label="fuzzed")
    cache.clear()
    seen = 0
    for start in range(0, INPUTS, AT_ONCE):
        for number in range(start, min(start + AT_ONCE, INPUTS)):
            body = hidden_somewhere(mutated(seeds, random), token, random)
            moment = (BEGIN + timedelta(seconds=20 * number)).timestamp()
            answer = Client().generic("POST", WEBHOOK, body, content_type="application/json", **{ARRIVED: moment})
            assert answer.status_code in (200, 202), (answer.status_code, body)
        seen = show(admin_client, seen, BEGIN + timedelta(seconds=20 * (start + AT_ONCE)))
    assert Delivery.objects.count() == INPUTS
    assert SignalEvent.objects.exists()
    assert rows_with(token) == []


def show(client: Client, seen: int, now: datetime) -> int:
    """Everything that shows signals shows them; a rebuild gives the same. Returns the last key that was shown."""
    run_sync(now=now, trigger="command")
    news = list(AutomatedSignal.objects.filter(pk__gt=seen).order_by("pk").values_list("pk", flat=True))
    for page in (*LISTS, *(f"/console/signals/{key}/" for key in news)):
        answer = client.get(page)
        assert answer.status_code == 200, (page, answer.status_code)
    lines = list(jsonl(AutomatedSignal.objects.all()))
    assert len([json.loads(line) for line in lines]) == AutomatedSignal.objects.count()
    assert len(list(as_csv(AutomatedSignal.objects.all()))) == len(lines) + 1
    said = StringIO()
    call_command("rebuild_signals", "--check", stdout=said)
    assert not AutomatedSignal.objects.exclude(rebuild_error="").exists()
    return max([seen, *news])

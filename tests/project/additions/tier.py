"""A tier that is declared is asked, fills, is named everywhere, and can be undone and switched off."""

import json
from io import StringIO
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from reconciliation.models import GapRecord
from signals.models import Fill, Source
from tests.builders import at, created, send, the_signal

AS_OF = at(5).isoformat()


def runsync(*options: str) -> dict[str, object]:
    out = StringIO()
    call_command("runsync", "--as-of", AS_OF, "--json", *options, stdout=out)
    return json.loads(out.getvalue())


@pytest.fixture
def _lost(db: None) -> None:
    """A signal that nothing else tells the alignment of."""
    send([(created(htf_alignment=None), at(1))])


@pytest.mark.usefixtures("_lost")
def test_a_cycle_fills_by_it_and_the_next_changes_nothing() -> None:
    assert runsync()["fills_by_tier"] == {"4": 1}
    signal, fill = the_signal(), Fill.objects.get()
    assert signal.htf_alignment == {"m1": "Bullish"}
    assert (fill.tier, fill.gap, float(fill.confidence)) == ("4", "no_htf_alignment", 0.3)
    told = signal.provenance["htf_alignment"]
    assert (told["tier"], told["confidence"], told["source"]) == (4, 0.3, "backend_inferred")
    assert not GapRecord.objects.filter(gap="no_htf_alignment", state=GapRecord.State.OPEN).exists()
    assert runsync()["fills"] == 0


@pytest.mark.usefixtures("_lost")
def test_pages_name_it(client: Client) -> None:
    runsync()
    client.force_login(User.objects.create_superuser("boss"))
    signal = the_signal()
    assert "tier 4" in client.get(reverse("console:signal", args=[signal.pk])).content.decode()
    each = client.get(reverse("console:each-tier", args=[signal.pk])).content.decode()
    assert "4: The signal&#x27;s direction" in each
    assert "same direction" in client.get(reverse("console:audit"), {"tier": "4"}).content.decode()
    assert client.get(reverse("admin:signals_fill_changelist"), {"tier": "4"}).status_code == 200


@pytest.mark.usefixtures("_lost")
def test_what_it_filled_is_undone(settings: Any) -> None:
    runsync("--tier", "4")
    since = ("--since", "2020-01-01T00:00:00Z", "--reason", "a guess", "--by", "ann")
    call_command("undosync", "--tier", "4", *since, stdout=StringIO())
    assert the_signal().htf_alignment is None


@pytest.mark.usefixtures("_lost")
def test_a_source_can_do_without_it() -> None:
    Source.objects.update(tiers_off=["4"])
    assert runsync()["fills"] == 0


@pytest.mark.usefixtures("_lost")
def test_settings_change_its_confidence(settings: Any) -> None:
    settings.TIER_CONFIDENCE = "4=0.25"
    runsync()
    assert float(Fill.objects.get().confidence) == 0.25

"""Provenance as it is stored: once per origin, and the same when read back."""

import pytest
from django.db import connection

from signals.management.commands.rebuild_signals import texts
from signals.models import AutomatedSignal
from signals.models.provenance import packed, unpacked
from signals.receiving.senders import default_source
from signals.signal.rebuilding import Difference
from tests.posting import FIRED

OWNER = {"source": "indicator_realtime", "tier": None, "confidence": 1.0, "evidence": {"event": "a:0"}, "at": "x"}
FILL = {"source": "reconciled", "tier": 2, "confidence": 0.8, "evidence": {"fill": "ladder"}, "at": ""}


def test_fields_of_one_origin_share_one_entry() -> None:
    assert packed({"direction": OWNER, "targets_extended": FILL, "entry_price": {**OWNER}}) == [
        {**OWNER, "fields": ["direction", "entry_price"]},
        {**FILL, "fields": ["targets_extended"]},
    ]


def test_unpacking_gives_every_field_its_origin_again() -> None:
    provenance = {"direction": OWNER, "targets_extended": FILL, "entry_price": OWNER}
    assert unpacked(packed(provenance)) == provenance
    assert unpacked(packed({})) == {}


@pytest.mark.django_db
def test_a_signal_is_read_back_with_the_provenance_that_it_was_saved_with() -> None:
    provenance = {"direction": OWNER, "targets_extended": FILL, "entry_price": OWNER}
    AutomatedSignal.objects.create(**born(), provenance=provenance)
    assert AutomatedSignal.objects.get().provenance == provenance


@pytest.mark.django_db
def test_provenance_that_was_stored_before_packing_is_read_as_it_is() -> None:
    AutomatedSignal.objects.create(**born())
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE automated_signals SET provenance = %s",
            ['{"mae": {"source": "polling", "tier": 1, "confidence": 1.0, "evidence": {}, "at": ""}}'],
        )
    assert AutomatedSignal.objects.get().provenance["mae"]["source"] == "polling"


def born() -> dict[str, object]:
    return {
        "source": default_source(),
        "trade_id": "T",
        "first_event_at": FIRED,
        "last_event_at": FIRED,
        "created_at": FIRED,
        "updated_at": FIRED,
    }


def test_a_rebuild_names_the_entries_that_differ_and_no_others() -> None:
    said = texts([Difference("T", "provenance", {"mae": OWNER, "direction": OWNER}, {"mae": FILL, "direction": OWNER})])
    assert said == [f"T provenance: stored {{'mae': {OWNER!r}}}, derived {{'mae': {FILL!r}}}"]

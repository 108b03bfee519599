"""Reading: keys as one value of a query, and documents parsed from their text."""

import json
import math
from typing import Any

import pytest

from signals.models import AutomatedSignal, Fill, SignalEvent
from signals.storage.documents import as_text, parsed
from signals.storage.queries import Among
from tests.builders import TRADE_ID, at, created, entry, send

OTHER_ID = "20251211_095500000_BULLISH"


@pytest.mark.django_db
def test_keys_among_others_are_one_value() -> None:
    send([(created(), at(1)), (entry(), at(3)), (created(OTHER_ID), at(16))])
    one, other = AutomatedSignal.objects.order_by("trade_id")
    assert {one.trade_id, other.trade_id} == {TRADE_ID, OTHER_ID}
    for keys in ([], [one.pk], [other.pk, -1], [one.pk, other.pk]):
        found = AutomatedSignal.objects.filter(Among("pk", keys))
        assert {row.pk for row in found} == {key for key in keys if key > 0}
        events = SignalEvent.objects.filter(Among("signal_id", keys))
        assert set(events.values_list("pk")) == set(SignalEvent.objects.filter(signal__in=keys).values_list("pk"))
    assert len(AutomatedSignal.objects.filter(Among("pk", range(3_000))).query.sql_with_params()[1]) < 10
    Fill.objects.filter(Among("signal_id", [one.pk])).delete()


@pytest.mark.django_db
def test_a_document_is_what_django_reads() -> None:
    send([(created(), at(1)), (entry(), at(3))])
    rows = SignalEvent.objects.values_list("facts", as_text("facts"))
    assert all(facts == parsed(text) for facts, text in rows)
    [(nothing,)] = AutomatedSignal.objects.values_list(as_text("flips"))
    assert (nothing, parsed(nothing)) == (None, None)


@pytest.mark.parametrize(
    "value",
    [None, True, "1e400", {"a": [1, -0.5, "é"]}, 10**400, {"a": "x" * 400, "b": 2**70}, float("inf"), 1e-7, 2**63],
)
def test_documents_are_parsed_as_the_standard_library_does(value: Any) -> None:
    assert parsed(json.dumps(value)) == value


def test_what_is_no_number_stays_none() -> None:
    assert math.isnan(parsed("NaN"))

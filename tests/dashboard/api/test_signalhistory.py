"""`signalhistory`: one signal told for people and for machines, and what is said when it is not one."""

import io
import json
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from signals.models import Source
from tests.builders import TRADE_ID, at, created, entry, send, the_signal, update

pytestmark = pytest.mark.django_db


def history(*arguments: str) -> str:
    out = io.StringIO()
    call_command("signalhistory", *arguments, stdout=out)
    return out.getvalue()


def told(*arguments: str) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(history(*arguments, "--json"))
    return answer


def test_machines_get_signal_provenance_events_gaps_and_audit() -> None:
    send([(update(0.5), at(4)), (entry(), at(3))])
    answer = told(TRADE_ID)
    assert answer.keys() >= {"signal", "provenance", "events", "gaps", "audit"}
    assert answer["signal"]["entry_price"] == 25740
    assert "provenance" not in answer["signal"]
    assert answer["provenance"]["entry_price"]["evidence"]["type"] == "ENTRY"
    assert [event["at"] for event in answer["events"]] == ["2025-12-11T14:43:00Z", "2025-12-11T14:44:00Z"]
    assert "no_htf_alignment" in {gap["gap"] for gap in answer["gaps"]}


def test_people_get_values_with_their_origin_events_in_order_and_what_is_missing() -> None:
    send([(update(0.5), at(4)), (entry(), at(3))])
    text = history(TRADE_ID)
    assert f"{TRADE_ID} of default: CONFIRMED" in text
    assert "ENTRY at 2025-12-11T14:43:00Z" in text
    assert text.index("ENTRY: ") < text.index("MFE_UPDATE: ")
    assert str(the_signal().events.get(type="ENTRY").delivery_id) in text
    assert "No higher-timeframe alignment (no_htf_alignment, actionable" in text


def test_an_unknown_signal_is_an_error_with_advice() -> None:
    with pytest.raises(CommandError, match="import the alert log") as error:
        history("nobody")
    assert error.value.returncode == 1


def test_an_ambiguous_one_is_exit_status_2_with_the_candidates() -> None:
    send([(created(), at(1))])
    send([(created(), at(1))], Source.objects.create(name="second"))
    with pytest.raises(CommandError, match="default, second") as error:
        history(TRADE_ID)
    assert error.value.returncode == 2
    assert told(TRADE_ID, "--source", "second")["signal"]["source"] == "second"


def test_symbol_and_number_pick_among_signals_of_one_id() -> None:
    send([(entry("Long", symbol="ES1!"), at(1)), (entry("Long", symbol="NQ1!"), at(1))])
    with pytest.raises(CommandError, match="by symbol: ES1!, NQ1!"):
        history("Long")
    assert "Symbol NQ1!" in history("Long", "--symbol", "CME:NQ1!")

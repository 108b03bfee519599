"""Replay in the console: what the bars show of what was heard, and a signal that nobody heard of."""

import pytest

from tests.reconciliation.replay.test_cycle import found, replayed

from .conftest import As

pytestmark = pytest.mark.django_db


def test_completeness_and_a_found_signal_are_shown(signed_in: As) -> None:
    replayed()
    signal, client = found(), signed_in("Operator")
    assert signal is not None
    assert b"signals that the bars show" in client.get("/").content
    assert b"Heard of what the bars show" in client.get("/console/replay/").content
    assert b"Found by replay" in client.get(f"/console/signals/{signal.pk}/").content

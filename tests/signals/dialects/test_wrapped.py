"""`wrapped`: another dialect inside `attributes`."""

import pytest

from .payloads import Payload, plain, read, refusal, telemetry


@pytest.mark.parametrize("inner", [telemetry("ENTRY"), plain("EXIT_SL")])
def test_the_payload_within_is_read_as_itself(inner: Payload):
    wrapped = read({"type": "alert", "id": 7, "direction": "sideways", "attributes": inner})

    assert wrapped.dialect == "wrapped"
    assert wrapped.events == read(inner).events


def test_an_unknown_payload_within_is_refused_by_its_own_keys():
    assert "'colour'" in refusal({"event_type": "ENTRY", "trade_id": "A", "attributes": {"colour": 1}})


def test_attributes_that_are_no_object_wrap_nothing():
    assert read(plain("ENTRY", attributes="none")).dialect == "plain"

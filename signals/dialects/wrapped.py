"""`wrapped`: a payload of another dialect inside `attributes`, beside what the forwarding service adds."""

from signals.dialects.base import Payload

NAME = "wrapped"


def unwrapped(payload: Payload) -> Payload | None:
    """The payload within, None when there is none. What stands around it belongs to the forwarder and is not read."""
    inner = payload.get("attributes")
    return inner if isinstance(inner, dict) else None

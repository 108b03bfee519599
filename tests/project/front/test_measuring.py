"""By which word an answer to an alert is measured, whoever wrote it: the application, or the front door itself."""

import json

import pytest

from signalsync_project.front.worker import in_a_word

HEAD = b"HTTP/1.1 %d OK\r\nContent-Type: application/json\r\n\r\n"


@pytest.mark.parametrize("separators", [(", ", ": "), (",", ":")])
def test_what_was_spooled_is_told_from_what_was_stored(separators: tuple[str, str]) -> None:
    def answer(body: dict[str, object]) -> bytes:
        return HEAD % 200 + json.dumps(body, separators=separators).encode()

    assert in_a_word(answer({"status": "accepted", "spooled": True, "delivery": None})) == "spooled"
    assert in_a_word(answer({"status": "accepted", "delivery": "1", "events": 1})) == "200"


def test_any_other_answer_is_its_status() -> None:
    assert in_a_word(HEAD % 503 + b'{"status": "refused"}') == "503"

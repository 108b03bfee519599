"""docs/outbound.md says what the code does."""

import re
from pathlib import Path

from dashboard.outbound import endpoints, replaying, sending
from dashboard.outbound.building import ENDED, HOW
from dashboard.outbound.kinds import Kind
from signals.storage.marks import PATIENCE

TEXT = (Path(__file__).resolve().parents[3] / "docs" / "outbound.md").read_text()


def test_every_type_is_explained_and_no_other() -> None:
    assert re.findall(r"^\| `((?:signal|gap)\.\w+|test)` \|", TEXT, re.M) == [kind.value for kind in Kind]


def test_every_word_of_a_field_is_explained() -> None:
    assert [word for word in (*ENDED.values(), *HOW.values()) if f"`{word}`" not in TEXT] == []


def test_the_figures_are_the_codes() -> None:
    said = " ".join(TEXT.split())
    assert f"within {sending.DEADLINE:.0f} s ({sending.TIMEOUT.connect:.0f} s to connect)" in said
    assert sending.SENDER.most_attempts == 20
    assert f"Up to {sending.SENDER.per_minute} events a minute" in said
    assert f"so do {endpoints.FAILS_FOR.days} days" in said
    assert f"the first {sending.BODY_KEPT:,} bytes" in said
    assert f"at most {replaying.MOST:,} events" in said
    assert PATIENCE == 6 * 3600


def test_the_signature_that_it_computes_by_hand_is_the_standards() -> None:
    code = next(block for block in re.findall(r"```python\n(.*?)```", TEXT, re.S) if "import base64" in block)
    from datetime import UTC, datetime

    from signals.signing import new_secret, signed

    secret, body = new_secret(), b'{"type":"test"}'
    for headers, fits in (
        (signed([new_secret(), secret], "evt_1", body, datetime.now(tz=UTC)), True),
        (signed([new_secret()], "evt_1", body, datetime.now(tz=UTC)), False),
    ):
        names = {"headers": headers, "body": body}
        exec(code.replace("whsec_…", secret), names)
        assert names["genuine"] is fits

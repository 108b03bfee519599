"""The figures in docs/tier1.md are the code's."""

from datetime import timedelta
from pathlib import Path

from reconciliation.asking import companion, delivery, requesting, rules
from reconciliation.models import SyncRequest
from reconciliation.models.requests import MIN_SECRET

TEXT = " ".join((Path(__file__).resolve().parents[3] / "docs" / "tier1.md").read_text().split())


def test_the_figures_are_the_codes() -> None:
    hour, day = timedelta(hours=1), timedelta(days=1)
    pauses = [rules.FIRST_PAUSE // hour * 2**n for n in range(rules.MAX_TIMES - 1)]
    for said in (
        f"at most {requesting.BATCH}, of one source",
        f"at most {requesting.OPEN_AT_MOST:,}, the newest first",
        f"after {rules.EXPIRES_AFTER // hour} hours",
        f"{pauses[0]}, {pauses[1]} and {pauses[2]} hours after the ask before it ended; four times in all",
        f"a confidence under {rules.ASK_BELOW}",
        f"at most {rules.KNOWN_FOR // day} days ago",
        f"{companion.TIMEOUT.connect:.0f} s to connect, {companion.TIMEOUT.read:.0f} s for each step and"
        f" {companion.DEADLINE:.0f} s in all",
        f"tried again after {rules.FIRST_RETRY.seconds} s",
        "eight attempts",
        f"oldest first, at most {delivery.AT_ONCE},",
        f"at least {MIN_SECRET} characters",
    ):
        assert said in TEXT
    assert (4, 8, hour) == (rules.MAX_TIMES, rules.MAX_ATTEMPTS, rules.LAST_RETRY)


def test_every_state_is_explained() -> None:
    assert [state for state in SyncRequest.State.values if f"| `{state}` |" not in TEXT] == []

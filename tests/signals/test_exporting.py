"""What senders choose runs in no spreadsheet."""

import pytest

from signals.lines import cell

FULL_WIDTH = "\uff1d\uff0b\uff0d\uff20"


@pytest.mark.parametrize("start", [*"=+-@|;", *FULL_WIDTH, "\n=", "\r=", "\t=", " =", "\xa0="])
def test_a_text_that_could_be_a_formula_is_marked_as_text(start: str) -> None:
    assert cell(f"{start}cmd|' /C calc'!A0").startswith("'")


@pytest.mark.parametrize("text", ["-12.5", "+1e-3", "Bullish", "a=b", "25740.25", ""])
def test_numbers_and_plain_texts_stay_as_they_are(text: str) -> None:
    assert cell(text) == text

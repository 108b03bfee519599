"""docs/formats.md names what there is: parts, steps, built-in formats, and an example that can be used."""

import json
import re
from pathlib import Path

from reconciliation.gaps import CATALOGUE
from signals.dialects.builtin import BUILTIN
from signals.dialects.spec import PARTS, compiled
from signals.dialects.translation import MOVES, NOTHING

TEXT = (Path(__file__).resolve().parents[3] / "docs" / "formats.md").read_text()
DEVELOPERS = TEXT.split("## For developers")[1]


def first_column(text: str) -> set[str]:
    rows = re.findall(r"^\| (`[^|]*) \|", text, re.MULTILINE)
    return {name for row in rows for name in re.findall(r"`([^`]+)`", row)}


def test_every_format_that_comes_with_the_system_has_a_row() -> None:
    assert first_column(TEXT.split("## For developers")[0]) == BUILTIN.keys()


def test_every_part_and_every_step_has_a_row() -> None:
    assert first_column(DEVELOPERS.split("**Steps**")[0]) == PARTS
    assert first_column(DEVELOPERS.split("**Steps**")[1]) == {*MOVES, NOTHING}


def test_the_example_is_a_format() -> None:
    example = re.search(r"^    (\{\"name\".*?\})\n\n", DEVELOPERS, re.MULTILINE | re.DOTALL)
    assert example is not None
    compiled(json.loads(example[1]))


def test_gaps_that_formats_switch_off_exist() -> None:
    assert {gap for each in BUILTIN.values() for gap in each.spec.get("gaps_off", ())} <= CATALOGUE.keys()

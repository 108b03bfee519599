"""The mapper's form and the format's JSON: each says the same as the other."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.console.mapper import (
    as_conditions,
    as_translations,
    conditions,
    initial_of,
    spec_of,
    translations,
)
from signals.dialects.builtin import BUILTIN
from signals.dialects.spec import compiled

WORD = st.text(st.characters(exclude_characters='"\r', exclude_categories=("Cs",)), max_size=12)
NAME = st.from_regex(r"[a-z_]{1,8}(\.[a-z]{1,5})?", fullmatch=True)


def plain(spec: dict[str, Any]) -> dict[str, Any]:
    """Without what says no more than its absence does."""
    pairs = spec.get("text", {}).get("pairs")
    if pairs:
        marks = "".join(sorted(pairs.get("between", ",")))
        spec = spec | {"text": {"pairs": {"equals": "=", "first": []} | pairs | {"between": marks}}}
    if "numbers" in spec:
        spec = spec | {"numbers": {"decimal": "."} | spec["numbers"]}
    return spec


@pytest.mark.parametrize("name", BUILTIN)
def test_the_fields_say_all_that_a_built_in_format_says(name: str) -> None:
    spec = dict(BUILTIN[name].spec)
    again = spec_of(initial_of(spec), {})
    assert plain(again | {"about": spec["about"]}) == plain(spec)
    compiled(again)


def test_what_the_fields_cannot_say_is_kept() -> None:
    spec = dict(BUILTIN["traderspost"].spec)
    rule = {"if": {"action": ["buy"]}, "then": ["open long"]}
    base = spec | {"about": "kept", "events": [rule] * 20}
    made = spec_of(initial_of(base), base)
    assert made["about"] == "kept"
    assert made["events"] == base["events"]


@given(st.dictionaries(NAME, st.lists(WORD, min_size=1, max_size=4), min_size=1, max_size=3))
def test_conditions_are_read_as_they_were_written(found: dict[str, list[str]]) -> None:
    assert conditions(as_conditions(found)) == found


@given(st.dictionaries(NAME, st.dictionaries(WORD, WORD, min_size=1, max_size=3), min_size=1, max_size=3))
def test_translations_are_read_as_they_were_written(found: dict[str, dict[str, str]]) -> None:
    assert translations(as_translations(found)) == found


def test_conditions_are_written_as_people_write_them() -> None:
    assert as_conditions({"action": ["buy", "long"], "position": [">0", ""]}) == 'action = buy, long; position = >0, ""'
    assert conditions("action=buy,long ; position = flat") == {"action": ["buy", "long"], "position": ["flat"]}

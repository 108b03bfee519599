"""Tiers: told in order of trust, each under one name everywhere."""

from pathlib import Path

from reconciliation.tiers.table import PROPOSE, TABLE, choices
from signals.tiers import TIERS, named


def test_they_stand_in_order_of_trust() -> None:
    ranks = [tier.rank for tier in TIERS.values()]
    assert ranks == sorted(ranks, reverse=True)
    assert list(PROPOSE) == [key for key in TIERS if key in PROPOSE]


def test_each_has_its_line_in_the_table_and_only_the_indicator_is_asked_otherwise() -> None:
    assert set(TABLE) == set(TIERS.values())
    assert TIERS.keys() - PROPOSE.keys() == {"1"}


def test_a_tier_is_named_by_its_key_and_as_provenance_tells_it() -> None:
    assert (named("2"), named(2), named("inference")) == ("tier 2", "tier 2", "inference")
    assert named("9") == "tier 9"


def test_lists_offer_them_by_key_and_title() -> None:
    assert choices(["0", "inference"]) == [
        ("0", "0: The signal's own events"),
        ("inference", "Inference: the alternation of directions"),
    ]


def test_the_documentation_lists_every_tier_with_its_source_and_confidence() -> None:
    text = (Path(__file__).parents[2] / "docs" / "architecture.md").read_text()
    table = text.split("Trust, best first:", 1)[1].split("\n###", 1)[0]
    rows = [line.strip("| ").split(" | ") for line in table.splitlines() if line.startswith("| ")]
    told = [(key, source, float(confidence.split()[0])) for key, _, source, confidence in rows if key in TIERS]
    assert told == [(key, tier.data_source.value, float(tier.confidence)) for key, tier in TIERS.items()]

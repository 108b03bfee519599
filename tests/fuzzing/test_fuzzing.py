"""A hundred thousand inputs, always the same: each is refused as it is declared, or what it gives can be stored."""

import pytest

from .campaign import SLICE, Failure, State, failure_of, run_slice, slices_of
from .targets import TARGETS

INPUTS = {"dialects": 30_000, "formats": 20_000, "logs": 25_000, "bars": 25_000}
SEED = 7


def said(failures: list[Failure]) -> list[str]:
    return [f"{each.where}: {each.error}: {each.input[:300]!r}" for each in failures]


@pytest.mark.slow
@pytest.mark.parametrize("target", TARGETS)
def test_every_input_is_refused_as_declared_or_can_be_stored(target: str) -> None:
    done = run_slice(target, 0, SEED, size=INPUTS[target])
    assert said(done.failures) == []
    assert done.inputs == INPUTS[target]
    assert 0 < done.accepted < done.inputs


def test_a_run_that_was_stopped_makes_all_the_same_as_many_inputs_as_were_asked_for() -> None:
    stopped = State(1, slices={"bars": 3}, inputs={"bars": 2 * SLICE})  # the third was under way
    assert list(slices_of(["bars"], 5 * SLICE, stopped)) == [("bars", 3), ("bars", 4), ("bars", 5)]
    assert list(slices_of(["bars"], 2 * SLICE, State(1, inputs={"bars": 2 * SLICE}))) == []


def test_a_hundred_thousand_in_all() -> None:
    assert sum(INPUTS.values()) == 100_000
    assert INPUTS.keys() == TARGETS.keys()


@pytest.mark.parametrize("target", TARGETS)
def test_an_input_that_breaks_its_reader_is_told_with_the_place(target: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What would be a bug is seen as one, also where it is that it takes too long."""
    one = TARGETS[target]

    def breaks(content: bytes) -> bool:
        raise ZeroDivisionError("a bug")

    monkeypatch.setitem(TARGETS, target, type(one)(one.name, breaks, one.seeds, one.share))
    failure = failure_of(target, b"x")
    assert failure is not None
    assert failure.error == "ZeroDivisionError: a bug"
    assert failure.where.startswith("test_fuzzing.py:")

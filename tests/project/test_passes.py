"""`make test` has a pass for each database; what their exit statuses mean together."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="module")
def passes() -> ModuleType:
    path = Path(__file__).resolve().parents[2] / ".ci" / "test.py"
    spec = importlib.util.spec_from_file_location("ci_test", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("statuses", "status", "why"),
    [
        ([0, 0], 0, "both passed"),
        ([0, 5], 0, "the selection holds nothing that uses a database"),
        ([5, 0], 0, "nothing failed before on the first, and the second is mended"),
        ([5, 5], 5, "a name that no test has"),
        ([1, 5], 1, "failed on the first, nothing on the second"),
        ([5, 1], 1, "nothing on the first, failed on the second"),
        ([1, 4], 4, "the second did not even start"),
    ],
)
def test_a_pass_without_tests_is_no_failure_unless_both_are(
    passes: ModuleType, statuses: list[int], status: int, why: str
) -> None:
    assert passes.overall(statuses) == status, why

"""What a reader of figures chooses beside the signals: a target, and which filled values to count."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

TARGETS = (0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 7.0, 10.0, 15.0, 20.0)  # R
END = "end"
TARGET_CHOICES: Mapping[str, str] = {f"{each:g}": f"{each:g} R" for each in TARGETS} | {END: "none, to its end"}
USUAL_TARGET = "2"
# The least confidence of a filled value that counts. The usual one is what is declared of exits that price bars prove:
# those that bars only make likely lie below it.
FILL_CHOICES: Mapping[str, str] = {
    "0": "all of them", "0.7": "of confidence 0.7 and more", "0.8": "of confidence 0.8 and more",
    "0.9": "of confidence 0.9 and more", "1": "only the certain ones", "none": "none: heard values only",
}  # fmt: skip
USUAL_FILLS = "0.7"


@dataclass(frozen=True, slots=True)
class Choice:
    """A target in R, None for none, and the least confidence of fills that count, None where none does."""

    target: float | None = float(USUAL_TARGET)
    confidence: float | None = float(USUAL_FILLS)

    @classmethod
    def of(cls, asked: Mapping[str, Any]) -> "Choice":
        """As an address says it; what it does not say, or says of none of these, is as usual."""
        target, fills = asked.get("target", ""), asked.get("fills", "")
        target = target if target in TARGET_CHOICES else USUAL_TARGET
        fills = fills if fills in FILL_CHOICES else USUAL_FILLS
        return cls(None if target == END else float(target), None if fills == "none" else float(fills))

    @property
    def target_name(self) -> str:
        return END if self.target is None else f"{self.target:g}"

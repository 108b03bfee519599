"""Numbers as people write them: "65,000.5" and "65.000,5". A format says which, as one text may be either."""

import re
from typing import Any, NamedTuple

from signals.dialects.values import FaultError
from signals.formats import quoted

POINTS = (".", ",", "'")
GROUPS = ("", *POINTS, " ")


class Numbers(NamedTuple):
    """How a format's numbers are written. `shape` is None where they are written as in JSON."""

    decimal: str = "."
    group: str = ""
    shape: re.Pattern[str] | None = None

    def read(self, name: str, value: Any) -> Any:
        """A number's text as JSON has it; what is no text stays. Raises FaultError where it is written otherwise."""
        if self.shape is None or not isinstance(value, str):
            return value
        if not self.shape.fullmatch(value.strip()):
            raise FaultError(f"{name} {quoted(value)} is not written like {self.example}")
        plain = value.strip().replace(self.group, "") if self.group else value.strip()
        return plain.replace(self.decimal, ".")

    @property
    def example(self) -> str:
        return f"1{self.group}234{self.decimal}5"


def numbers(spec: Any) -> Numbers:
    """What a spec says of its numbers. Raises FaultError."""
    if not isinstance(spec, dict) or not spec.keys() <= {"decimal", "group"}:
        raise FaultError('must be {"decimal": ",", "group": "."}')
    decimal, group = spec.get("decimal", "."), spec.get("group", "")
    if decimal not in POINTS or group not in GROUPS or decimal == group:
        raise FaultError("needs two different marks: decimal is one of . , ' and group one of . , ' or a space")
    if decimal == "." and not group:
        return Numbers()
    point, between = re.escape(decimal), re.escape(group)
    whole = rf"\d{{1,3}}(?:{between}\d{{3}})+|\d+" if group else r"\d+"
    return Numbers(decimal, group, re.compile(rf"[+-]?(?:{whole})(?:{point}\d+)?", re.ASCII))

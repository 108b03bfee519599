"""Paths into a payload, as formats write them: JMESPath, without what could cost more than reading the payload once.

Fields, indexes, filters and `||` are taken. Functions and the making of lists and objects are not: a chain of these
can double its result at every step.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import jmespath
from jmespath.exceptions import JMESPathError

from signals.formats import quoted

MAX_LENGTH = 200
REFUSED = {
    "function_expression": "functions",
    "expref": "functions",
    "multi_select_list": "lists in brackets with several parts",
    "multi_select_dict": "objects in braces",
}
Found = Callable[[Mapping[str, Any]], Any]


class PathError(ValueError):
    """It is no path that can be used. The message says why."""


@lru_cache(maxsize=1024)
def path(text: str) -> Found:
    """What finds the value at this path in a payload, None where there is none. Raises PathError."""
    if len(text) > MAX_LENGTH:
        raise PathError(f"is longer than {MAX_LENGTH} characters")
    try:
        compiled = jmespath.compile(text)  # type: ignore[no-untyped-call]  # it has no types
    except (JMESPathError, RecursionError, ValueError) as error:
        reason = str(error).split("\n", 1)[0].rstrip(":. ")
        raise PathError(f"is no path that can be read ({quoted(reason)}). Write it as price or bar.close") from None
    used = kinds_in(compiled.parsed)
    for kind, called in REFUSED.items():
        if kind in used:
            raise PathError(f"uses {called}, which formats may not")
    if compiled.parsed["type"] == "field":
        name = compiled.parsed["value"]
        return lambda payload: payload.get(name)
    search: Found = compiled.search
    return search


def kinds_in(node: Any) -> set[str]:
    """The kinds of node in a parsed expression."""
    return {node["type"]}.union(*map(kinds_in, filter(lambda child: isinstance(child, dict), node["children"])))

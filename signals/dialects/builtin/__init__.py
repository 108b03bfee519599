"""Formats of others that come with the system, as data: one JSON file each, a sample of its messages beside its spec.

Those in ALWAYS are tried for everything, as nothing else can be meant by what they recognise. The others are offered
where they fit, and used once somebody says so: the same message means other things to other people.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from signals.dialects.base import Dialect
from signals.dialects.spec import compiled

ORDER = (
    "traderspost",
    "openalgo",
    "bar-strategy",
    "strategy-text",
    "pineconnector",
    "key-value",
    "crossing",
    "ohlc",
    "discord",
    "slack",
    "price-bar",
)


class Builtin(NamedTuple):
    """`samples` are whole messages, as they are sent; `offered` says that it is used only once somebody says so.

    `message` is what to write into an alert in TradingView for it, placeholders and all; "" where a program writes it.
    """

    spec: Mapping[str, Any]
    samples: tuple[str, ...]
    offered: bool
    message: str = ""


def loaded(name: str) -> Builtin:
    told = json.loads((Path(__file__).parent / f"{name}.json").read_text())
    return Builtin(told["spec"], tuple(told["samples"]), told["offered"], told.get("message", ""))


BUILTIN: Mapping[str, Builtin] = {name: loaded(name) for name in ORDER}
ALWAYS: tuple[Dialect, ...] = tuple(compiled(each.spec) for each in BUILTIN.values() if not each.offered)

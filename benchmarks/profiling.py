"""Where a webhook request's time goes: cProfile over the WSGI handler, in one process without gunicorn."""

import json
from typing import Any

from benchmarks.databases import Databases, postgres
from benchmarks.report import Section, table
from benchmarks.sizes import Size


def measure(size: Size, databases: Databases = postgres) -> Section:
    with databases("profile") as database:
        done = json.loads(database.run("-m", "benchmarks.profiled", str(size.profiled)))
    parts = [described(kind, one) for kind, one in done.items()]
    text = (
        f"{size.profiled:,} posts of each kind through the WSGI handler, one after the other, under cProfile. What the"
        " library's and C functions cost counts for whoever called them. The profile slows Python down and the database"
        " not: the shares say where to look, and the first figure of each kind what it costs without a profile."
    )
    return Section("Where a webhook request goes", "\n\n".join((text, *parts)))


def described(kind: str, done: dict[str, Any]) -> str:
    total = sum(done["parts"].values())
    rows = [(name, spent, f"{spent / total:.0%}") for name, spent in sorted(done["parts"].items(), key=lambda g: -g[1])]
    head = f"{kind}: {done['plain_ms']:.2f} ms a request without the profile, {done['statements']:.0f} statements."
    return f"{head}\n\n{table(('part', 'ms a request', 'share'), rows)}"

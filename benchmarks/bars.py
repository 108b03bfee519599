"""A year of one-minute bars of twenty symbols: stored, and asked for by pages, charts, cycles and replay."""

import json
from collections.abc import Iterator, Mapping, Sequence
from statistics import median

from benchmarks.databases import Database, Databases, execute, postgres
from benchmarks.pages import LIMIT, MAKE_ACCOUNT, Timed, first_byte, signed_in
from benchmarks.report import Section, Target, table
from benchmarks.sizes import Size
from benchmarks.web import serving_all

SYMBOLS = 20
PAGES: Mapping[str, Sequence[str]] = {
    "Bars": (
        "/console/bars/", "/console/bars/?symbol=S07", "/console/bars/?symbol=S07&until={old}",
        "/console/bars/{old}/?symbol=S07",
    ),
    "Signal, with its chart": ("/console/signals/{short}/", "/console/signals/{long}/"),
    "Replay": ("/console/replay/",),
    "Overview": ("/",),
    "Admin's list": ("/admin/signals/pricebar/", "/admin/signals/pricebar/?symbol=S07"),
}  # fmt: skip
TEXT = (
    "One-minute bars of {symbols} symbols, {days} days of trading each, {stored:,} rows in all. {files:,} of them come"
    " by the import of a file (read, judged, stored); the others are made by SQL. Then VACUUM ANALYZE. Two trades have"
    " their bars at the end of the year: *short* ran for two hours, *long* has been open for two weeks. Pages are asked"
    " as those of the section Pages; questions in a process of their own, {asked} times each, of which CPU is that"
    " process's, without the database's. Replay's week has {week:,} bars."
)


def measure(size: Size, databases: Databases = postgres) -> Section:
    with databases("bars") as database:
        found = json.loads(database.run("-m", "benchmarks.barkeeper", "store", str(size.bar_days), str(size.file_bars)))
        database.tidy()
        disk = execute(database.url, "SELECT pg_total_relation_size('signals_pricebar')")[0][0]
        asked = json.loads(database.run("-m", "benchmarks.barkeeper", "ask", str(size.asked)))
        timed = served(database, size, found)
    head = TEXT.format(
        symbols=SYMBOLS, days=size.bar_days, stored=found["stored"], files=found["file_bars"], asked=size.asked,
        week=asked["week"],
    )  # fmt: skip
    pages = [(t.page, f"`{t.address}`", t.median, max(t.times)) for t in timed]
    queries = [
        (name, median(wall for wall, _ in times), max(wall for wall, _ in times), median(cpu for _, cpu in times))
        for name, times in asked["times"].items()
    ]
    sizes = f"The table takes {disk / 2**20:,.0f} MiB with its indexes, {disk / found['stored']:.0f} bytes a bar."
    body = "\n\n".join((
        head, sizes, table(("question", "median ms", "most", "CPU ms"), queries),
        table(("page", "address", "median ms", "most"), pages),
    ))  # fmt: skip
    return Section("A year of bars", body, [*targets(timed), rate(found)])


def rate(found: Mapping[str, float]) -> Target:
    per_second = found["file_bars"] / found["file_seconds"]
    return Target("bars of a file stored a second", "over 5,000", f"{per_second:,.0f}", per_second > 5000)


def served(database: Database, size: Size, found: Mapping[str, str]) -> list[Timed]:
    database.manage("shell", "--verbosity=0", "-c", MAKE_ACCOUNT)
    with serving_all(database, size.web_workers) as address:
        client = signed_in(address)
        return [
            Timed(page, path, False, [first_byte(client, path.format(**found), False) for _ in range(size.asked)])
            for page, path in asked_for()
        ]


def asked_for() -> Iterator[tuple[str, str]]:
    for page, paths in PAGES.items():
        yield from ((page, path) for path in paths)


def targets(timed: Sequence[Timed]) -> list[Target]:
    found = []
    for page in PAGES:
        slowest = max((t for t in timed if t.page == page), key=lambda t: t.median)
        met = slowest.median < LIMIT
        found.append(Target(f"{page}: slowest", f"under {LIMIT:.0f} ms", f"{slowest.median:.0f} ms", met))
    return found

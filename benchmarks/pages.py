"""The console's pages with a million signals stored: time to the first byte, through the server as `serve` runs it."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from statistics import median
from time import perf_counter

import httpx

from benchmarks.databases import Database, Databases, execute, postgres
from benchmarks.populate import clone_runs, clone_signals, seed
from benchmarks.report import Section, Target, table
from benchmarks.sizes import Size
from benchmarks.web import Address, serving_all

LIMIT = 300.0  # milliseconds
PASSWORD = "benchmark-of-the-pages"  # of an account in a database that is dropped afterwards
MAKE_ACCOUNT = (
    "from django.contrib.auth.models import User;"
    "user, _ = User.objects.get_or_create(username='bench', is_staff=True, is_superuser=True);"
    f"user.set_password('{PASSWORD}'); user.save()"
)
# What the worker would do of itself, which is not running here.
COUNT_FIGURES = (
    "from dashboard.analysis.counting import work;from dashboard.models import AnalysisCount;"
    "[work(key) for key in list(AnalysisCount.objects.values_list('pk', flat=True))]"
)
TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="(\w+)"')
FRAGMENT = {"HX-Request": "true"}

# Every page, its filters and its sort orders: by page, addresses of which `{…}` stands for a row of the database.
SIGNALS = (
    "", "status=CONFIRMED", "status=CANCELLED&status=PENDING", "session=LONDON", "direction=Bearish",
    "source={source}", "data_source=backend_calculated", "gap=no_htf_alignment", "gap=no_entry_price",
    "actionable=true", "actionable=false", "finding=mae_above_zero", "health_max=80", "htf_h4=Bearish",
    "date_from={old}&date_to={old}",
    "date_to={old}", "search={part}", "search=nothing-like-it", "ordering=-be_mfe", "ordering=signal_time",
    "ordering=-health_score&session=LONDON&gap=no_htf_alignment", "page=20",
)  # fmt: skip
AUDIT = (
    "", "period=all", "period=all&tier=1", "period=all&tier=2", "period=all&action=conflict",
    "period=month&action=filled", "period=all&person=nobody", "period=all&people=on", "period=all&gap=no_entry_price",
    "signal={trade}", "run=1",
    "since={old}T00:00&before={old}T23:00", "page=20",
)  # fmt: skip
LIST = "/api/automated-signals/all-signals"
NARROWED = (
    "gap=no_htf_alignment", "actionable=false", "health_max=80&ordering=-be_mfe", "htf_h4=Bearish&page_size=500",
    "search={part}", "search=nothing-like-it", "weekday=1&hour=10", "date_from={old}&date_to={old}",
    "be_end=stopped&before={old}T00:00:00Z",
)  # fmt: skip
ADDRESSES: Mapping[str, Sequence[str]] = {
    "Overview": ("/", "/?trend=30d"),
    "Activation": ("/console/activation/",),
    "All Signals": tuple(f"/console/signals/?{query}" for query in SIGNALS),
    "Analysis": (
        "/console/analysis/", "/console/analysis/?session=LONDON&target=3", "/console/analysis/?finding=mae_above_zero",
        "/console/analysis/?date_from={old}&date_to={old}",
    ),
    "Signal": ("/console/signals/{signal}/", "/console/signals/{bare}/"),
    "Gaps": (
        "/console/gaps/", "/console/gaps/of/no_htf_alignment/", "/console/gaps/of/no_htf_alignment/?page=200",
        "/console/gaps/of/no_entry_price/", "/console/gaps/of/no_mfe_update/",
        "/console/gaps/of/no_mfe_update/?state=waiting", "/console/gaps/of/no_mae/?state=dismissed",
        "/console/gaps/approvals/", "/console/gaps/set-aside/",
    ),
    "Runs": (
        "/console/runs/", "/console/runs/?trigger=console", "/console/runs/?filled=on&page=20", "/console/runs/1/",
        "/console/runs/compare/?pick=1&pick=2",
    ),
    "Deliveries": (
        "/console/deliveries/", "/console/deliveries/?period=month&channel=log", "/console/deliveries/{delivery}/",
        "/console/deliveries/?period=month&status=quarantined", "/console/deliveries/quarantine/",
    ),
    "Alert log": ("/console/alert-log/",),
    "Audit": (*(f"/console/audit/?{query}" for query in AUDIT), "/console/audit/changes/?period=all"),
    "Sources": ("/console/sources/", "/console/sources/1/"),
    "API, narrowed": tuple(f"{LIST}?{query}" for query in NARROWED),
    "API": (
        "/api/automated-signals/all-signals", "/api/automated-signals/all-signals?search={trade}",
        "/api/automated-signals/cancelled-signals", "/api/sync/health", "/api/sync/gaps", "/api/sync/runs",
        "/api/sync/audit", "/api/analysis", "/api/datasets/signals.jsonl",
    ),
}  # fmt: skip
LIVE = ("/", "/console/activation/", "/console/signals/?", "/console/analysis/", "/console/signals/{signal}/",
        "/console/gaps/", "/console/gaps/of/no_htf_alignment/", "/console/runs/", "/console/deliveries/",
        "/console/audit/?", "/console/sources/", "/console/trends/?trend=30d",
        "/console/deliveries/quarantine/")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Timed:
    """Milliseconds to the first byte of one address, warm; `fragment` where only the live part was asked for."""

    page: str
    address: str
    fragment: bool
    times: Sequence[float]

    @property
    def median(self) -> float:
        return median(self.times)


def measure(size: Size, databases: Databases = postgres) -> Section:
    with databases("pages") as database:
        seed(database, datetime.now(UTC), size.seed_hours)
        stored = clone_signals(database, size.stored_signals)
        clone_runs(database)
        database.tidy()
        timed = served(database, size)
    return Section("Pages", f"{explained(stored, size)}\n\n{times(timed)}", targets(timed))


def times(timed: Sequence[Timed]) -> str:
    rows = [(t.page, f"`{t.address}`", "part" if t.fragment else "page", t.median, max(t.times)) for t in timed]
    return table(("page", "address", "", "median ms", "most"), rows)


def served(database: Database, size: Size) -> list[Timed]:
    database.manage("shell", "--verbosity=0", "-c", MAKE_ACCOUNT)
    named = examples(database)
    with serving_all(database, size.web_workers) as address:
        client = signed_in(address)
        for path in ADDRESSES["Analysis"]:
            client.get(path.format(**named))
        database.manage("shell", "--verbosity=0", "-c", COUNT_FIGURES)
        return [
            Timed(page, path, fragment, [first_byte(client, path.format(**named), fragment) for _ in range(size.asked)])
            for page, path, fragment in asked()
        ]


def asked() -> Iterator[tuple[str, str, bool]]:
    for page, paths in ADDRESSES.items():
        yield from ((page, path, False) for path in paths)
    yield from (("Live parts", path, True) for path in LIVE)


def signed_in(address: Address) -> httpx.Client:
    host, port = address[:2]
    client = httpx.Client(base_url=f"http://{host}:{port}", timeout=60)
    token = TOKEN.search(client.get("/admin/login/").text)
    assert token
    typed = {"username": "bench", "password": PASSWORD, "csrfmiddlewaretoken": token[1]}
    if client.post("/admin/login/", data=typed).status_code != 302:
        raise RuntimeError("could not sign in")
    return client


def first_byte(client: httpx.Client, path: str, fragment: bool) -> float:
    """Milliseconds until the answer begins; asked once before, so that caches and connections are warm.

    Raises RuntimeError unless the page is there.
    """
    client.get(path, headers=FRAGMENT if fragment else {})
    start = perf_counter()
    with client.stream("GET", path, headers=FRAGMENT if fragment else {}) as answer:
        next(answer.iter_raw(1))
        took = 1000 * (perf_counter() - start)
        if answer.status_code != httpx.codes.OK:
            raise RuntimeError(f"{path} answered {answer.status_code}")
    return took


def examples(database: Database) -> dict[str, str]:
    """Rows to ask for: a signal with events and one without, a trade id, a part of one, a delivery, an old date."""
    questions = {
        "signal": "SELECT signal_id FROM signal_events WHERE id < 100000 GROUP BY 1 ORDER BY count(*) DESC LIMIT 1",
        "bare": "SELECT max(id) FROM automated_signals",
        "trade": "SELECT trade_id FROM automated_signals ORDER BY id DESC LIMIT 1",
        "part": "SELECT substr(trade_id, 1, 12) FROM automated_signals ORDER BY first_event_at DESC LIMIT 1 OFFSET 50",
        "delivery": "SELECT id FROM deliveries ORDER BY id DESC LIMIT 1",
        "source": "SELECT name FROM signals_source WHERE is_default",
        "old": "SELECT to_char(min(signal_date) + 7, 'YYYY-MM-DD') FROM automated_signals",
    }
    return {name: str(execute(database.url, question)[0][0]) for name, question in questions.items()}


def targets(timed: Sequence[Timed]) -> list[Target]:
    found = []
    for page in dict.fromkeys(t.page for t in timed):
        slowest = max((t for t in timed if t.page == page), key=lambda t: t.median)
        what = f"{page}: slowest of {sum(t.page == page for t in timed)}"
        found.append(Target(what, f"under {LIMIT:.0f} ms", f"{slowest.median:.0f} ms", slowest.median < LIMIT))
    return found


def explained(stored: int, size: Size) -> str:
    return (
        f"{stored:,} signals: a simulated week with losses, imported and synced, and its clones in the weeks before"
        " (`benchmarks/populate.py`), of which two in five lack one gap's value; then VACUUM ANALYZE. gunicorn with"
        f" {size.web_workers} sync workers over loopback, a signed-in session, {size.asked} requests of each address,"
        " each after one that warms up. `{…}` stands for a stored row; part: what HTMX asks for every few seconds."
        " Figures of very many signals were counted before, as the worker counts them once somebody has asked."
    )

"""The lists of what adding something takes are right: each is followed, to the letter, in a copy of the project.

Exactly the files that a list names are touched. With all of it added to one copy, the tests of the additions
(tests/project/additions) pass there, and so do the project's own about what was added to: `TESTS` of each.
"""

from collections.abc import Callable
from pathlib import Path

import pytest

from .additions.copying import Copy, listed

pytestmark = pytest.mark.slow


GAP = """        Gap(
            name="no_direction",
            title="No direction",
            short="direction",
            weight=4,
            fields=("direction",),
            condition=empty("direction", owing=False),
            tiers=("1", "3", "2"),
            closed_by=carried_at_birth("direction"),
        ),
"""


def add_gap(copy: Copy) -> set[str]:
    copy.insert("reconciliation/gaps.py", GAP, before='        Gap(\n            name="no_targets",\n')
    tests = "tests/reconciliation/test_gaps.py"
    copy.insert(tests, '        direction=draw(maybe("Bullish")),\n', before='        session=draw(maybe("NY AM")),\n')
    copy.insert(tests, '        ("no_direction", 4),\n', before='        ("no_targets", 5),\n')
    copy.replace(tests, "== 100 - 89\n", "== 100 - 93\n")
    row = "| `no_direction` | 4 | always | 1, 3, 2 |\n"
    copy.insert("docs/reconciliation.md", row, before="| `no_targets` | 5 |")
    told = "| `no_direction` | 4 | long or short | births were lost | the trade id (3) |\n"
    copy.insert("docs/gaps.md", told, before="| `no_targets` | 5 |")
    return listed("reconciliation.md", "Adding a gap", "no_direction")


TIER = '''"""Tier 4, the signal's direction: the lowest timeframe points where the signal does."""

from collections.abc import Iterator

from signals.tiers import HINT

from .base import misses, propose
from .proposals import Case, Proposal


def from_direction(case: Case, gaps: frozenset[str]) -> Iterator[Proposal]:
    direction, gap = case.signal.direction, "no_htf_alignment"
    if gap in gaps and direction is not None and misses(case.signal, "htf_alignment"):
        yield propose(HINT, "htf_alignment", {"m1": direction}, "same_direction", {"direction": direction}, gap=gap)
'''
TIER_TEST = '''"""Tier 4: the signal's direction."""

from .build import case, created, values


def test_the_lowest_timeframe_points_where_the_signal_does() -> None:
    assert values("4", case(created())) == {"htf_alignment": {"m1": "Bullish"}}


def test_a_stated_alignment_is_left() -> None:
    assert values("4", case(created(htf_alignment={"m1": "Bearish"})), gaps=()) == {}
'''


def add_tier(copy: Copy) -> set[str]:
    tiers = "signals/tiers.py"
    copy.insert(tiers, "    HINTED = 15\n", before="    CALCULATED = 20\n")
    made = 'HINT = Tier("4", "The signal\'s direction", Rank.HINTED, DataSource.INFERRED, Decimal("0.3"))\n'
    copy.insert(tiers, made, before="INFERENCE = Tier(")
    copy.replace(tiers, "CALCULATION, INFERENCE)}", "CALCULATION, HINT, INFERENCE)}")
    copy.write("reconciliation/tiers/hint.py", TIER)
    table = "reconciliation/tiers/table.py"
    copy.replace(table, "import ASKING, CALCULATION, INFERENCE,", "import ASKING, CALCULATION, HINT, INFERENCE,")
    copy.insert(table, "from .hint import from_direction\n", before="from .inference import")
    copy.insert(table, "    HINT: from_direction,\n", before="    # Last: it looks at times")
    condition = '            condition=empty("htf_alignment", owing=False),\n            tiers=("0", "1", "2"'
    copy.replace("reconciliation/gaps.py", f"{condition})", f'{condition}, "4")')
    copy.replace("docs/reconciliation.md", "| 5 | always | 0, 1, 2 |\n", "| 5 | always | 0, 1, 2, 4 |\n")
    copy.write("tests/reconciliation/tiers/test_hint.py", TIER_TEST)
    row = "| 4 | `hint` | `htf_alignment` | the signal's direction | `same_direction` | 0.3 |\n"
    copy.insert("docs/tiers.md", row, before="| inference | `inference` |")
    row = "| 4 | the signal's direction | backend_inferred | 0.3 |\n"
    copy.insert("docs/architecture.md", row, before="| inference | the alternation")

    return listed("tiers.md", "Adding a tier", "hint")


DIALECT = '''"""`terse`: one event, its kind a word of its own; `at` is ENTRY's price."""

from signals.dialects import values
from signals.dialects.base import Dialect, Entry, Payload, closes
from signals.dialects.spellings import TABLE, row
from signals.dialects.values import FaultError
from signals.formats import quoted
from signals.vocabulary import EventType

_KINDS = {"new": EventType.SIGNAL_CREATED, "in": EventType.ENTRY}


def _entries(payload: Payload) -> list[Entry]:
    kind = _KINDS.get(str(payload["kind"]))
    if kind is None:
        raise FaultError(f"the kind {quoted(payload['kind'])} is not one of {', '.join(_KINDS)}")
    return [(kind, payload)]


TERSE = Dialect(
    name="terse",
    keys=frozenset({"kind", "trade_id"}),
    entries=_entries,
    table=TABLE.with_rows(row("entry_price", "at", convert=values.price, at={EventType.ENTRY})),
    bars=closes,
)
'''
PAYLOAD = """

def terse(kind: str = "in", **fields: Any) -> Payload:
    own = {"trade_id": "20251212_144000000_BULLISH", "bias": "LONG", "at": 25740, "stop": 25730}
    return {"kind": kind, **own, **fields}
"""
DIALECT_TEST = '''"""`terse`: kinds of its own."""

from .payloads import read, refusal, terse, values


def test_an_entry_is_read_under_its_own_names() -> None:
    assert read(terse()).dialect == "terse"
    assert values(terse()) == {"direction": "Bullish", "entry_price": "25740", "stop_loss": "25730"}


def test_an_unknown_kind_is_refused_by_name() -> None:
    assert "'out'" in refusal(terse("out"))
'''


def add_dialect(copy: Copy) -> set[str]:
    copy.write("signals/dialects/terse.py", DIALECT)
    dialects = "signals/dialects/__init__.py"
    copy.insert(
        dialects, "from signals.dialects.terse import TERSE\n", before="from signals.dialects.wrapped import NAME"
    )
    copy.replace(dialects, "TELEMETRY, PLAIN)", "TELEMETRY, TERSE, PLAIN)")
    copy.append("tests/signals/dialects/payloads.py", PAYLOAD)
    repair = "tests/signals/dialects/test_repair.py"
    copy.insert(repair, "    terse,\n", before=")\n\nSTRAY = (")
    copy.insert(repair, "    st.builds(terse, at=PRICES),\n", before="    st.builds(snapshot),\n")
    copy.write("tests/signals/dialects/test_terse.py", DIALECT_TEST)
    row = "| terse | `kind` + `trade_id` | one | a close, where `current_price` is stated | `terse.py` |\n"
    copy.insert("docs/dialects.md", row, before="| plain | `event_type` + `trade_id` |")

    return listed("dialects.md", "Adding a dialect", "terse")


def add_field(copy: Copy) -> set[str]:
    copy.insert("signals/facts.py", '    "spread": "price",  # in points, at ENTRY\n', before='    "tp1": "price",\n')
    row = '    row("spread", "spread", "entry_spread", at={EventType.ENTRY}),\n'
    copy.insert("signals/dialects/spellings.py", row, before='    row("be_price", "be_price", at=MEASURED),\n')
    tests = "tests/signals/dialects/test_spellings.py"
    line = '        ({"entry_spread": 0.5}, "spread", "0.5"),\n'
    copy.insert(tests, line, before='        ({"target_1r": 25750}, "tp1", "25750"),\n')
    copy.insert("docs/dialects.md", "| spread | `spread`, `entry_spread` | |\n", before="| be_price, exit_price |")
    column = '    spread = price(help_text="Between bid and ask, at ENTRY.")\n'
    copy.insert("signals/models/signal.py", column, before="    confirmation_time = moment(")
    copy.insert("signals/signal/registers.py", '    "spread": Rule(ENTRY_ONLY),\n', before='    "be_price": Rule(')
    copy.insert("dashboard/telling/fields.py", '"spread": "Spread", ', before='"be_price": "Break-even price"')
    copy.run("manage.py", "makemigrations", "signals", "-n", "spread")
    (migration,) = (str(file.relative_to(copy.root)) for file in copy.root.glob("signals/migrations/*_spread.py"))
    copy.touched.add(migration)

    files = listed("architecture.md", "Adding a field of the signal", "spread")
    return {migration if "<number>" in file else file for file in files}


PAGE = '''"""Weights: what each gap costs a signal's health."""

from datetime import datetime
from typing import Any

from dashboard.console.page import Page
from reconciliation.gaps import CATALOGUE


class Weights(Page):
    name = "weights"
    route = "console/weights/"
    title = "Weights"
    icon = "balance"
    place = 45
    template_name = "dashboard/weights/page.html"

    def content(self, now: datetime) -> dict[str, Any]:
        return {"gaps": CATALOGUE.values()}
'''
TEMPLATE = """{% extends "dashboard/base.html" %}
{% block page %}<ul>{% for gap in gaps %}<li>{{ gap.title }}: {{ gap.weight }}</li>{% endfor %}</ul>{% endblock %}
"""
PAGE_TEST = '''"""Weights: what each gap costs."""

from django.urls import reverse

from .conftest import As


def test_it_lists_every_gap_and_stands_in_the_navigation(signed_in: As) -> None:
    shown = signed_in("Viewer").get(reverse("console:weights")).content.decode()
    assert "No MAE: 10" in shown
    nav = shown[shown.index('id="nav-sidebar"') : shown.index('id="main"')]
    assert nav.index("/console/gaps/") < nav.index('href="/console/weights/"') < nav.index("/console/runs/")
'''


def add_page(copy: Copy) -> set[str]:
    copy.write("dashboard/console/pages/weights.py", PAGE)
    copy.write("templates/dashboard/weights/page.html", TEMPLATE)
    copy.write("tests/dashboard/console/test_weights.py", PAGE_TEST)
    row = "| Weights | `/console/weights/` | what each gap costs |\n"
    copy.insert("docs/console.md", row, before="| Runs | `/console/runs/` |")

    return listed("console.md", "Adding a page", "weights")


TESTS: dict[Callable[[Copy], set[str]], tuple[str, ...]] = {
    add_gap: ("project/additions/gap.py", "reconciliation/test_gaps.py"),
    add_tier: ("project/additions/tier.py", "reconciliation/tiers/test_hint.py", "signals/test_tiers.py"),
    add_dialect: (
        "project/additions/dialect.py", "signals/dialects/test_terse.py", "signals/dialects/test_repair.py",
        "signals/dialects/test_reading.py",
    ),
    add_field: (
        "project/additions/field.py", "signals/dialects/test_spellings.py", "signals/signal/test_registers.py",
        "signals/test_sameness.py::test_whatever_comes_at_once_about_a_new_signal_adds_up_to_one",
    ),
    add_page: (
        "dashboard/console/test_weights.py",
        "dashboard/console/test_pages.py::test_who_has_no_role_sees_nothing[weights]",
        *(
            f"dashboard/console/test_pages.py::test_each_role_opens_what_its_permissions_say[{role}-weights]"
            for role in ("Viewer", "Operator", "Administrator")
        ),
    ),
}  # fmt: skip


@pytest.mark.parametrize("add", TESTS)
def test_a_list_names_every_file_that_adding_takes(add: Callable[[Copy], set[str]], tmp_path: Path) -> None:
    copy = Copy(tmp_path)
    named = add(copy)
    assert copy.touched == named


def test_what_was_added_works(tmp_path: Path) -> None:
    """All of it in one copy, and one run: nothing that is added stands in another's way."""
    copy = Copy(tmp_path)
    for add in TESTS:
        add(copy)
    copy.run("manage.py", "makemigrations", "--check", "--dry-run")
    copy.passes(*(f"tests/{file}" for files in TESTS.values() for file in files), "tests/test_docs.py")

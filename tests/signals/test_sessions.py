"""Sessions as a table: the usual one of New York, and those that people make."""

from datetime import UTC, datetime
from typing import Any

import pytest

from signals.sessions import new_york_sessions, problem_of, sessions_of

RTH = {"name": "rth", "from": "09:30", "to": "16:00", "days": ["Mon", "Tue", "Wed", "Thu", "Fri"]}
REST = {"name": "out", "from": "00:00", "to": "24:00"}


def test_the_first_row_that_fits_counts_by_the_markets_clock_and_day() -> None:
    sessions = sessions_of([RTH, REST], "America/New_York")
    friday, saturday = (datetime(2026, 11, day, 15, tzinfo=UTC) for day in (20, 21))
    assert (sessions.of(friday), sessions.of(saturday)) == ("RTH", "OUT")
    assert sessions.of(friday.replace(hour=14, minute=29)) == "OUT"
    assert sessions_of([RTH, REST], "Europe/London").of(friday) == "RTH"


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ([RTH], "No session holds Mon 00:00"),
        ([{**REST, "to": "23:00"}], "No session holds Mon 23:00"),
        ([{**RTH, "from": "9:30"}, REST], "no time of day"),
        ([{**RTH, "to": "09:00"}, REST], "past midnight it takes two rows"),
        ([{**RTH, "days": ["Monday"]}, REST], "days of rth are none"),
        ([{**RTH, "name": ""}, REST], "needs a name"),
        ({}, "Give a list"),
        (["RTH"], "Give rows as"),
    ],
)
def test_a_table_that_is_not_whole_is_refused(rows: Any, says: str) -> None:
    assert says in problem_of(rows)


def test_the_usual_table_is_whole() -> None:
    assert problem_of(new_york_sessions()) == ""
    assert problem_of([RTH, REST]) == ""

"""Reading from a copy: what goes there, and when the database is asked instead."""

from base64 import b64encode
from datetime import timedelta
from hashlib import sha256

import pytest
from django.contrib.auth.models import User
from django.db import OperationalError
from django.http import HttpRequest
from django.test import RequestFactory, override_settings

from dashboard.models import ApiToken
from dashboard.replica import AWAY_FOR, DEFAULT, LOOKED_FOR, REPLICA, Copy, Position, Router, lsn, reading, who
from reconciliation.models import SyncRun
from signals.models import AutomatedSignal

BASIC = "Basic " + b64encode(b"operator:summer2024").decode()


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def copy_at(*reached: int | Exception | Position) -> tuple[Copy, Clock, list[int]]:
    """A copy that is found so, one look after the other; with its clock, and how often it was looked at."""
    found, clock, looks = iter(reached), Clock(), [0]

    def look() -> Position:
        looks[0] += 1
        each = next(found)
        if isinstance(each, Exception):
            raise each
        return each if isinstance(each, Position) else Position(True, each, timedelta(0))

    return Copy(look, clock), clock, looks


def route(model: type) -> str | None:
    return Router().db_for_read(model)


def test_what_is_told_of_signals_is_read_from_the_copy_and_who_may_never() -> None:
    assert route(AutomatedSignal) == DEFAULT
    with reading(REPLICA):
        assert (route(AutomatedSignal), route(SyncRun)) == (REPLICA, REPLICA)
        assert (route(User), route(ApiToken)) == (None, None)
        assert Router().db_for_write(AutomatedSignal) == DEFAULT
    assert route(AutomatedSignal) == DEFAULT


def test_positions_of_the_log_compare_as_numbers() -> None:
    assert lsn("16/B374D848") > lsn("16/0") > lsn("9/FFFFFFFF") > lsn("0/0") == 0


def test_it_is_looked_at_once_for_many_requests() -> None:
    copy, clock, looks = copy_at(5, 9)
    assert copy.has(0)
    assert copy.has(5)
    assert looks == [1]
    clock.now += LOOKED_FOR
    assert copy.has(9)
    assert looks == [2]


def test_who_wrote_more_than_it_has_reads_the_database_until_it_has_come_so_far() -> None:
    copy, _, looks = copy_at(5, 6, 7)
    assert [copy.has(7) for _ in range(3)] == [False, False, True]
    assert looks == [3]


@pytest.mark.parametrize(
    "found",
    [
        OperationalError("no route"),
        Position(copies=False, reached=9, behind=timedelta(0)),
        Position(copies=True, reached=9, behind=timedelta(minutes=5)),
    ],
    ids=["does not answer", "is no copy", "is far behind"],
)
def test_one_that_is_not_to_be_relied_on_is_left_alone_for_a_while(found: Exception | Position) -> None:
    copy, clock, looks = copy_at(found, 9)
    assert not copy.has(0)
    assert not copy.has(0)
    assert looks == [1]
    clock.now += AWAY_FOR
    assert copy.has(0)


@pytest.mark.parametrize("asked", [0, 5])
def test_one_that_fails_in_a_request_is_not_asked_by_the_next(asked: int) -> None:
    copy, _, looks = copy_at(9)
    assert copy.has(0)
    copy.fails(OperationalError("terminated"))
    assert not copy.has(asked)
    assert looks == [1]


def asked_with(credentials: str) -> HttpRequest:
    return RequestFactory().get("/api/automated-signals/signals", headers={"authorization": credentials})


def test_the_same_credentials_are_the_same_reader_and_others_another() -> None:
    assert who(asked_with(BASIC)) == who(asked_with(BASIC))
    assert who(asked_with(BASIC)) != who(asked_with(BASIC + "x"))


def test_a_stolen_copy_of_the_key_does_not_let_a_password_be_guessed() -> None:
    key = who(asked_with(BASIC))
    assert key != sha256(BASIC.encode()).hexdigest()
    with override_settings(SECRET_KEY="what the thief supposes" * 3):
        assert who(asked_with(BASIC)) != key


def test_who_gives_no_credentials_is_nobody() -> None:
    assert who(RequestFactory().get("/")) == ""

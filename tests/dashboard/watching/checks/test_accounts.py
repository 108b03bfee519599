"""Administrators without a second factor, and codes that somebody tries."""

from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.utils import timezone

from dashboard.console.roles import ADMINISTRATOR, OPERATOR
from dashboard.models import SecondFactor
from dashboard.second_factor import FREE
from dashboard.watching.checks.accounts import second_factors

pytestmark = pytest.mark.django_db


def told() -> list[str]:
    return [problem.says for problem in second_factors(timezone.now()).problems]


@pytest.fixture(autouse=True)
def people() -> dict[str, User]:
    made = {name: User.objects.create_user(name) for name in (ADMINISTRATOR, OPERATOR, "left")}
    for name in (ADMINISTRATOR, OPERATOR):
        made[name].groups.add(Group.objects.get(name=name))
    User.objects.filter(username="left").update(is_superuser=True, is_active=False)
    made["root"] = User.objects.create_superuser("root")
    return made


def test_in_production_administrators_without_one_are_named(settings: Any, people: dict[str, User]) -> None:
    assert told() == []
    settings.PRODUCTION = True
    assert told()[0].startswith("Administrator, root: ")
    for name in (ADMINISTRATOR, "root"):
        SecondFactor.objects.create(user=people[name], sealed="x", made_at=timezone.now())
    assert told() == []


def test_where_nobody_looked_for_them_it_does_not_say_that_all_have_one(settings: Any) -> None:
    assert "in production only" in second_factors(timezone.now()).seen
    settings.PRODUCTION = True
    User.objects.update(is_active=False)
    assert second_factors(timezone.now()).seen.startswith("No administrator signs in with a password alone")


def test_wrong_codes_after_a_right_password_are_told(people: dict[str, User]) -> None:
    SecondFactor.objects.create(user=people[OPERATOR], sealed="x", made_at=timezone.now(), failures=FREE)
    assert told() == [f"{FREE} wrong codes or passkeys in a row for Operator, after a right password."]

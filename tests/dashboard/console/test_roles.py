"""The groups are the table of roles, each wider than the one before."""

import pytest
from django.contrib.auth.models import Group, Permission
from django.core.management import call_command

from dashboard.console.roles import ADMINISTRATOR, OPERATOR, RECONCILE, REPLAY, SOURCES, USE_API, VIEWER, roles


def granted(name: str) -> set[str]:
    pairs = Group.objects.get(name=name).permissions.values_list("content_type__app_label", "codename")
    return {f"{app}.{codename}" for app, codename in pairs}


@pytest.mark.django_db
@pytest.mark.parametrize("role", roles())
def test_after_migrating_each_group_has_exactly_its_permissions(role: str) -> None:
    assert granted(role) == roles()[role]


@pytest.mark.django_db
def test_every_permission_named_exists() -> None:
    pairs = Permission.objects.values_list("content_type__app_label", "codename")
    assert roles()[ADMINISTRATOR] <= {f"{app}.{codename}" for app, codename in pairs}


def test_each_role_holds_what_the_one_before_holds() -> None:
    assert roles()[VIEWER] < roles()[OPERATOR] < roles()[ADMINISTRATOR]
    assert {RECONCILE, REPLAY} <= roles()[OPERATOR] - roles()[VIEWER]
    assert set(SOURCES) <= roles()[ADMINISTRATOR] - roles()[OPERATOR]


def test_a_viewer_can_change_nothing_but_tokens_of_his_own() -> None:
    rest = roles()[VIEWER] - {USE_API}
    assert {permission.split(".")[1].split("_")[0] for permission in rest} == {"view"}


@pytest.mark.django_db
def test_migrating_again_takes_back_what_the_table_does_not_say() -> None:
    Group.objects.get(name=VIEWER).permissions.add(Permission.objects.get(codename="replay_delivery"))
    call_command("migrate", verbosity=0)
    assert granted(VIEWER) == roles()[VIEWER]

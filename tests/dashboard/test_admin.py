"""The admin of tasks and accounts: nobody names a function to run, and nobody's traces can be deleted."""

from datetime import timedelta

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group, Permission, User
from django.db.models import Model
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django_q.models import Failure, OrmQ, Schedule, Success, Task
from django_q.signing import SignedPackage

from dashboard.console.roles import ADMINISTRATOR
from reconciliation.cycle import schedule

pytestmark = pytest.mark.django_db
TASKS = (Schedule, Success, Failure, OrmQ)
ATTACK = {"name": "x", "func": "os.system", "args": "'id > /tmp/owned'", "schedule_type": "O", "repeats": "-1"}


def address(model: type[Model], page: str, *arguments: object) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=arguments)


@pytest.fixture(params=["superuser", "administrator with every permission on tasks"])
def boss(request: pytest.FixtureRequest, client: Client) -> Client:
    if request.param == "superuser":
        person = User.objects.create_superuser("boss", password="irrelevant-here")
    else:
        person = User.objects.create_user("boss", is_staff=True)
        person.groups.add(Group.objects.get(name=ADMINISTRATOR))
        person.user_permissions.set(Permission.objects.filter(content_type__app_label="django_q"))
    client.force_login(person)
    return client


@pytest.fixture
def rows() -> None:
    """One row of every kind of task."""
    now = timezone.now()
    schedule.install()
    Schedule.objects.exclude(name=schedule.NAME).delete()
    for key, success in (("a" * 32, True), ("b" * 32, False)):
        Task.objects.create(id=key, name=key[:3], func="f.g", started=now, stopped=now, success=success)
    OrmQ.objects.create(
        key="signalsync",
        payload=SignedPackage.dumps({"id": "c" * 32, "name": "n", "func": "f.g", "args": ()}),
        lock=now,
    )


@pytest.mark.usefixtures("rows")
@pytest.mark.parametrize("model", TASKS)
def test_tasks_are_shown_and_nobody_adds_changes_or_deletes_one(boss: Client, model: type[Model]) -> None:
    row = model._default_manager.get()
    before = list(model._default_manager.values())
    assert boss.get(address(model, "changelist")).status_code == 200
    assert boss.get(address(model, "change", row.pk)).status_code == 200
    assert boss.post(address(model, "add"), ATTACK).status_code == 403
    assert boss.post(address(model, "change", row.pk), ATTACK).status_code == 403
    assert boss.post(address(model, "delete", row.pk), {"post": "yes"}).status_code == 403
    assert list(model._default_manager.values()) == before


@pytest.mark.usefixtures("rows")
@pytest.mark.parametrize("model", TASKS)
@pytest.mark.parametrize("action", ["resubmit_task", "delete_selected"])
def test_no_action_on_tasks_runs_or_deletes_one(boss: Client, model: type[Model], action: str) -> None:
    before = OrmQ.objects.count()
    row = model._default_manager.get()
    boss.post(address(model, "changelist"), {"action": action, "_selected_action": [str(row.pk)], "post": "yes"})
    assert OrmQ.objects.count() == before
    assert model._default_manager.filter(pk=row.pk).exists()


def test_no_role_may_write_a_task() -> None:
    granted = Permission.objects.filter(group__isnull=False, content_type__app_label="django_q")
    assert {permission.codename.split("_")[0] for permission in granted} == {"view"}


def test_what_the_admin_lets_anybody_write_is_known_and_names_nothing_that_runs(client: Client) -> None:
    """A form that is new in this list must not take a function, a template or a path."""
    boss = User.objects.create_superuser("boss", password="irrelevant-here")
    request = client.get("/").wsgi_request
    request.user = boss
    written = {
        model.__name__: sorted(each.get_form(request).base_fields)
        for model, each in admin.site._registry.items()
        if each.has_add_permission(request) or each.has_change_permission(request)
    }
    assert written.pop("Source") == [
        "addresses", "alert_expires_at", "bar_minutes", "calendar", "clock_zone", "feed", "feed_symbol", "gaps_off",
        "is_default", "market_zone", "name", "open_on_loopback", "sessions", "symbol", "tick_size", "tiers_off",
        "token_field", "update_minutes", "zones",
    ]  # fmt: skip
    assert written.pop("Group") == ["name", "permissions"]
    assert set(written.pop("User")) <= {
        "username", "usable_password", "password1", "password2", "password", "first_name", "last_name", "email",
        "is_active", "is_staff", "is_superuser", "groups", "user_permissions", "last_login", "date_joined",
    }  # fmt: skip
    assert written == {"AccessAttempt": [], "Companion": ["enabled", "new_secret", "source", "url"]}


def test_a_start_leaves_no_schedule_but_ours() -> None:
    Schedule.objects.create(name="x", func="os.system", args="'id'", next_run=timezone.now() - timedelta(days=1))
    Schedule.objects.create(name=schedule.NAME, func="os.system", args="'id'", hook="os.system", cluster="other")
    schedule.install()
    assert list(Schedule.objects.order_by("name").values_list("func", "args", "hook", "cluster")) == [
        (schedule.TELLING_TASK, None, None, None),
        (schedule.SENDING_TASK, None, None, None),
        (schedule.TASK, None, None, None),
    ]

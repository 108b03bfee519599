"""Roles: the one table of who may do what. Each is a Django group of the same name.

The groups are made, and brought into step with this table, after every `manage.py migrate`: permissions exist only
once all migrations are through (Django makes them in post_migrate), so that a migration could not grant them. A group
is exactly its row here; what one person needs beyond a role is granted to that person or to a group of another name.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from django.apps import AppConfig, apps
from django.contrib.auth.management import create_permissions
from django.contrib.auth.models import Group, Permission
from django.db.models import Q

from dashboard.models.access import ADMINISTER_TOKENS

SEE = "signals.view_automatedsignal"
RECONCILE = "signals.reconcile_signal"
REPLAY = "signals.replay_delivery"
ANNOTATE = "signals.annotate_signal"
TEACH = "signals.teach_format"
REVEAL = "signals.reveal_secrets"
ADD_SOURCE = "signals.add_source"
CHANGE_SOURCE = "signals.change_source"
USE_API = "dashboard.use_api"
HANDLE = "dashboard.handle_incident"
NOTIFY = "dashboard.change_destination"
SEE_OUTBOUND = "dashboard.view_endpoint"
ADD_ENDPOINT = "dashboard.add_endpoint"
CHANGE_ENDPOINT = "dashboard.change_endpoint"
REMOVE_ENDPOINT = "dashboard.delete_endpoint"

VIEWER, OPERATOR, ADMINISTRATOR = "Viewer", "Operator", "Administrator"

SHOWN_APPS = ("signals", "reconciliation")
ACTIONS = (RECONCILE, REPLAY, ANNOTATE, HANDLE)
SOURCES = (
    ADD_SOURCE, CHANGE_SOURCE, TEACH,
    "signals.add_sourcetoken", "signals.change_sourcetoken", "signals.delete_sourcetoken",
    "signals.add_alertid", "signals.change_alertid", "signals.delete_alertid",
)  # fmt: skip
ENDPOINTS = (ADD_ENDPOINT, CHANGE_ENDPOINT, REMOVE_ENDPOINT)
# To be looked at only: a schedule names a function, and the worker runs it.
TASKS = ("django_q.view_schedule", "django_q.view_success", "django_q.view_failure", "django_q.view_ormq")


def views() -> Iterator[str]:
    """The permission to view, for every model of what is shown."""
    for label in SHOWN_APPS:
        for model in apps.get_app_config(label).get_models():
            yield f"{label}.view_{model._meta.model_name}"


def roles() -> Mapping[str, frozenset[str]]:
    """Each role's permissions, as `app.codename`. Each holds all that the one before it holds."""
    viewer = frozenset({*views(), USE_API, SEE_OUTBOUND})
    operator = viewer | set(ACTIONS)
    return {
        VIEWER: viewer,
        OPERATOR: operator,
        ADMINISTRATOR: operator | {REVEAL, ADMINISTER_TOKENS, NOTIFY, *SOURCES, *ENDPOINTS, *TASKS},
    }


def sync_groups(sender: AppConfig, using: str = "default", **_: Any) -> None:
    """After migrating: make the groups, and grant each exactly its permissions."""
    for config in apps.get_app_configs():
        create_permissions(config, verbosity=0, using=using)  # ours may come before another app's turn
    for name, granted in roles().items():
        group, _made = Group.objects.using(using).get_or_create(name=name)
        group.permissions.set(Permission.objects.using(using).filter(named(granted)))


def named(permissions: frozenset[str]) -> Q:
    found = Q(pk__in=())
    for permission in permissions:
        label, codename = permission.split(".")
        found |= Q(content_type__app_label=label, codename=codename)
    return found

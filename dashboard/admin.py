"""The admin of people and of the worker's queue: accounts that are never deleted, and tasks that nobody can name.

A task is a function's path, and the worker runs whatever stands there: to write one would be to run any command as the
service's user. So tasks and schedules come from code alone, whoever asks.
"""

from typing import Any

from axes.models import AccessFailureLog, AccessLog
from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group, User
from django.http import HttpRequest
from django_q.models import Failure, OrmQ, Schedule, Success
from unfold.admin import ModelAdmin
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from signals.admin.base import ReadOnlyAdmin

# Several rows deleted at once are logged without being told apart, and nothing here needs it.
admin.site.disable_action("delete_selected")
for model in (Failure, Schedule, Success, AccessFailureLog, AccessLog, Group, User):
    admin.site.unregister(model)
if admin.site.is_registered(OrmQ):  # not where Redis is the queue
    admin.site.unregister(OrmQ)


@admin.register(Schedule)
class ScheduleAdmin(ReadOnlyAdmin):
    list_display = ("name", "func", "schedule_type", "minutes", "next_run")


class TaskAdmin(ReadOnlyAdmin):
    list_display = ("name", "group", "func", "started", "stopped")
    list_filter = ("group",)
    search_fields = ("name", "func", "group")

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).filter(success=self.model is Success)


admin.site.register([Success, Failure], TaskAdmin)


@admin.register(OrmQ)
class QueueAdmin(ReadOnlyAdmin):
    list_display = ("id", "key", "name", "group", "func", "lock")
    fields = ("key", "lock", "name", "group", "func", "args", "kwargs")


class SignInAdmin(ReadOnlyAdmin):
    """Who came in and who was refused. Attempts, which lock an account, stay axes' own: deleting them unlocks it."""

    list_display = ("attempt_time", "ip_address", "username", "user_agent", "path_info")
    search_fields = ("ip_address", "username")


admin.site.register([AccessLog, AccessFailureLog], SignInAdmin)


@admin.register(Group)
class RoleAdmin(GroupAdmin, ModelAdmin):  # type: ignore[misc] # as unfold documents it
    pass


@admin.register(User)
class AccountAdmin(UserAdmin, ModelAdmin):  # type: ignore[misc, type-arg]
    """An account that is not needed any more is made inactive: what it did keeps its name and its entries."""

    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

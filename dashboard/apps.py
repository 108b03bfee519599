from django.apps import AppConfig, apps
from django.db.models.signals import post_migrate


class DashboardConfig(AppConfig):
    name = "dashboard"
    verbose_name = "Console"

    def ready(self) -> None:
        from .console.roles import sync_groups

        # Once a `migrate`; by an app that has models, for others are left out.
        post_migrate.connect(sync_groups, sender=apps.get_app_config("signals"), dispatch_uid="dashboard.console.roles")

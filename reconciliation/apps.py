from django.apps import AppConfig
from django.db.models.signals import post_migrate, pre_migrate


class ReconciliationConfig(AppConfig):
    name = "reconciliation"
    verbose_name = "Reconciliation"

    def ready(self) -> None:
        from . import administration, checks, merging  # noqa: F401 - registers them
        from .guarding import triggers

        administration.connect()
        merging.connect()
        pre_migrate.connect(triggers.before_migrating, self, dispatch_uid="reconciliation.guarding.before")
        post_migrate.connect(triggers.after_migrating, self, dispatch_uid="reconciliation.guarding.after")

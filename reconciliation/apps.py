from django.apps import AppConfig


class ReconciliationConfig(AppConfig):
    name = "reconciliation"
    verbose_name = "Reconciliation"

    def ready(self) -> None:
        from . import administration, checks, merging  # noqa: F401 - registers them

        administration.connect()
        merging.connect()

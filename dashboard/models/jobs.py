"""Long work that a person started: what it is, how far it is, what came of it."""

from django.core.serializers.json import DjangoJSONEncoder
from django.db import models


class Job(models.Model):
    """One piece of work for the worker, done in slices. `done` of `total` counts rows or values."""

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting for the worker"
        RUNNING = "running", "Running"
        FINISHED = "finished", "Finished"
        FAILED = "failed", "Failed"

    kind = models.CharField(max_length=16)
    title = models.CharField(max_length=200)
    arguments = models.JSONField(default=dict, encoder=DjangoJSONEncoder)
    state = models.CharField(max_length=10, choices=State, default=State.WAITING)
    total = models.PositiveIntegerField()
    done = models.PositiveIntegerField(default=0)
    result = models.JSONField(default=dict, help_text="Figures of all slices so far.")
    says = models.TextField(blank=True, help_text="What came of it, or why it failed.")
    started_by = models.CharField(max_length=150, help_text="User name, frozen.")
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField(help_text="When it last got on.")
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "console_jobs"
        ordering = ["-pk"]

    def __str__(self) -> str:
        return self.title

    @property
    def percent(self) -> int:
        return 100 if self.state == self.State.FINISHED else min(99, 100 * self.done // max(1, self.total))

"""A cycle's work shared by several workers: its shards, and the clusters whose workers there are."""

from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.db.models import Q

from signals.models import Source

from .runs import SyncRun


class Shard(models.Model):
    """Signals of one source that one worker does for a run. Leased as the cycle is: the token grows with every taking.

    What is done of it is counted in the transactions that do it, so that who takes it over goes on from there.
    """

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting"
        TAKEN = "taken", "Under way"
        DONE = "done", "Done"
        FAILED = "failed", "Failed"
        DROPPED = "dropped", "Left to the next cycle"

    run = models.ForeignKey(SyncRun, on_delete=models.CASCADE, related_name="shards")
    source = models.ForeignKey(Source, on_delete=models.CASCADE, related_name="+")
    state = models.CharField(max_length=8, choices=State, default=State.WAITING)
    keys = models.JSONField(default=list, help_text="Of its signals, in order. Emptied when it is over.")
    first = models.PositiveBigIntegerField(help_text="The least of its keys.")
    last = models.PositiveBigIntegerField(help_text="The greatest of its keys.")
    signals = models.PositiveIntegerField(help_text="How many it is to do.")
    done = models.PositiveIntegerField(default=0, help_text="How many of them are done.")
    results = models.JSONField(default=dict, blank=True, encoder=DjangoJSONEncoder, help_text="What was counted.")
    worker = models.CharField(max_length=120, blank=True, help_text="Who has it, or had it last.")
    token = models.PositiveIntegerField(default=0, help_text="Grows with every taking, and with dropping.")
    expires_at = models.DateTimeField(null=True, blank=True, help_text="When another may take it.")
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    error = models.TextField(blank=True)

    class Meta:
        db_table = "sync_shards"
        ordering = ["pk"]
        indexes = [
            # Those of the one run under way: workers look here for the next, and who takes the lease ends them.
            models.Index(fields=["run", "id"], name="shard_open", condition=Q(state__in=["waiting", "taken"])),
        ]

    def __str__(self) -> str:
        return f"signals {self.first} to {self.last} for run {self.run_id}: {self.state}"


class Cluster(models.Model):
    """A cluster of workers that says every half minute that it is there. A stopped one takes its row away."""

    name = models.CharField(max_length=255, primary_key=True, help_text="Its machine, and its VAR_DIR there.")
    workers = models.PositiveIntegerField()
    started_at = models.DateTimeField()
    seen_at = models.DateTimeField()

    class Meta:
        db_table = "sync_clusters"
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

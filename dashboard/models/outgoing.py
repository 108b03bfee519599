"""What is to be sent to others: one row a message and destination, kept until it is sent, and how fast each may be."""

from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.db.models import Q

OPEN = ("waiting", "sending")


class Outgoing(models.Model):
    """One message to one destination. Whoever sends it claims it first, until `claimed_until`.

    `attempts` grows with every claim, so that it also tells one claim from another.
    """

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting"
        SENDING = "sending", "Being sent"
        SENT = "sent", "Sent"
        DEAD = "dead", "Given up"

    kind = models.CharField(max_length=16, help_text="Which sender sends it.")
    destination = models.CharField(max_length=80, help_text="To whom, in the sender's words.")
    key = models.CharField(max_length=160, blank=True, help_text="What is put twice under one key is sent once.")
    follows = models.BigIntegerField(null=True, blank=True, help_text="The message that must have ended first.")
    payload = models.JSONField(encoder=DjangoJSONEncoder)
    state = models.CharField(max_length=8, choices=State, default=State.WAITING)
    created_at = models.DateTimeField()
    due_at = models.DateTimeField(help_text="When it may be tried.")
    attempts = models.PositiveSmallIntegerField(default=0)
    claimed_until = models.DateTimeField(null=True, blank=True)
    last_error = models.CharField(max_length=400, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True, help_text="When it was sent or given up.")

    class Meta:
        db_table = "outgoing"
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "destination", "key"], condition=~Q(key=""), name="outgoing_once_by_key"
            ),
        ]
        indexes = [
            # What is to be done, by destination: few rows, asked for all the time.
            models.Index(fields=["destination", "due_at", "id"], name="outgoing_open", condition=Q(state__in=OPEN)),
            models.Index(fields=["-ended_at"], name="outgoing_dead", condition=Q(state="dead")),
            models.Index(fields=["ended_at"], name="outgoing_ended", condition=Q(ended_at__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"{self.kind} to {self.destination} ({self.state})"


class Pace(models.Model):
    """A destination's token bucket, as one moment: when it would be full again if nothing more were sent."""

    destination = models.CharField(max_length=80, primary_key=True)
    full_at = models.DateTimeField()

    class Meta:
        db_table = "outgoing_paces"

    def __str__(self) -> str:
        return f"{self.destination}: full at {self.full_at:%Y-%m-%d %H:%M:%S}Z"

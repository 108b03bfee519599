"""Who is told what is wrong, and what was: destinations, settings of rules, incidents, and what keeps them quiet."""

from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.db.models import F, Q

from signals.models import Source


class Severity(models.TextChoices):
    """As the checks say it (dashboard/watching/checks/result.py), worst first."""

    BAD = "bad", "Bad: something does not work"
    WARN = "warn", "Warning: for somebody to see to in time"
    INFO = "info", "For information"


class Destination(models.Model):
    """Where messages go, by an address that Apprise understands. It holds secrets, and is shown nowhere."""

    name = models.CharField(max_length=64, unique=True)
    sealed = models.TextField(help_text="The address, sealed (dashboard/outbox/sealing.py).")
    service = models.CharField(max_length=64, help_text="What Apprise calls the service.")
    enabled = models.BooleanField(default=True)
    least = models.CharField(max_length=4, choices=Severity, default=Severity.WARN, help_text="Least severity.")
    escalations_only = models.BooleanField(default=False, help_text="Gets only what nobody saw to in time.")
    tested_at = models.DateTimeField(null=True, blank=True)
    test_error = models.CharField(max_length=400, blank=True, help_text="Why the last test failed.")

    class Meta:
        db_table = "notifying_destinations"
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    @property
    def key(self) -> str:
        """What the outbox calls it."""
        return f"destination {self.pk}"


class RuleSetting(models.Model):
    """What people changed of one rule (dashboard/notifying/rules.py); without a row the rule's own values hold."""

    rule = models.CharField(max_length=32, primary_key=True)
    enabled = models.BooleanField(default=True)
    limit = models.FloatField(null=True, blank=True, help_text="Beyond which it is told.")
    least = models.CharField(max_length=4, choices=Severity, default=Severity.WARN)
    nag_hours = models.FloatField(help_text="Hours after which it is told again. 0: never.")
    escalate_minutes = models.PositiveIntegerField(
        help_text="Minutes nobody saw to it, then it is escalated. 0: never."
    )
    simulated = models.BooleanField(default=False, help_text="Of invented markets it is told as well.")
    destinations = models.ManyToManyField(Destination, blank=True, help_text="None: all.")

    class Meta:
        db_table = "notifying_rules"
        ordering = ["rule"]

    def __str__(self) -> str:
        return f"rule {self.rule}"


class Incident(models.Model):
    """One cause that is wrong, from when it was first seen until it is gone; its symptoms as they were seen last.

    Whoever changes one compares and swaps its `version`: several processes judge at once.
    """

    class State(models.TextChoices):
        OPEN = "open", "Open"
        ACKNOWLEDGED = "acknowledged", "Acknowledged"
        RECOVERED = "recovered", "Recovered"

    key = models.CharField(max_length=160, help_text="Of its cause.")
    rule = models.CharField(max_length=32)
    state = models.CharField(max_length=12, choices=State, default=State.OPEN)
    severity = models.CharField(max_length=4, choices=Severity, help_text="The worst that it was.")
    says = models.CharField(max_length=500)
    symptoms = models.JSONField(default=list, encoder=DjangoJSONEncoder)
    history = models.JSONField(default=list, encoder=DjangoJSONEncoder, help_text="What was told and done, and when.")
    opened_at = models.DateTimeField()
    seen_at = models.DateTimeField()
    missing_since = models.DateTimeField(null=True, blank=True, help_text="Since when it seems gone.")
    recovered_at = models.DateTimeField(null=True, blank=True)
    first_told_at = models.DateTimeField(null=True, blank=True)
    told_at = models.DateTimeField(null=True, blank=True, help_text="When somebody was last told.")
    escalated_at = models.DateTimeField(null=True, blank=True)
    snoozed_until = models.DateTimeField(null=True, blank=True)
    version = models.PositiveIntegerField(default=0)

    class Meta:
        db_table = "incidents"
        ordering = ["-pk"]
        permissions = [("handle_incident", "Can acknowledge and snooze incidents, mute sources and plan maintenance")]
        constraints = [
            models.UniqueConstraint(fields=["key"], condition=Q(recovered_at=None), name="incident_open_once_a_cause"),
        ]
        indexes = [models.Index(fields=["-recovered_at"], name="incident_recovered")]

    def __str__(self) -> str:
        return self.says or self.key

    @property
    def simulated(self) -> bool:
        """Whether it is of invented markets alone."""
        return bool(self.symptoms) and all(each.get("simulated") for each in self.symptoms)


class MaintenanceWindow(models.Model):
    """A time in which nothing is told: of one source, or of anything."""

    source = models.ForeignKey(Source, null=True, blank=True, on_delete=models.CASCADE, related_name="+")
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    reason = models.CharField(max_length=200)
    made_by = models.CharField(max_length=150, help_text="User name, frozen.")

    class Meta:
        db_table = "maintenance_windows"
        ordering = ["-starts_at"]
        constraints = [
            models.CheckConstraint(condition=Q(ends_at__gte=F("starts_at")), name="maintenance_ends_after_it_starts")
        ]

    def __str__(self) -> str:
        return f"maintenance of {self.source or 'everything'} ({self.reason})"


class Mute(models.Model):
    """A source of which nothing is told."""

    source = models.OneToOneField(Source, on_delete=models.CASCADE, related_name="mute")
    until = models.DateTimeField(null=True, blank=True, help_text="Empty: until somebody ends it.")
    reason = models.CharField(max_length=200, blank=True)
    made_by = models.CharField(max_length=150, help_text="User name, frozen.")

    class Meta:
        db_table = "muted_sources"

    def __str__(self) -> str:
        return f"{self.source} is muted"


class QuietHours(models.Model):
    """One row: the hours of New York's day in which only what is bad is told, or not even that."""

    starts = models.TimeField(null=True, blank=True, help_text="Empty: there are none.")
    ends = models.TimeField(null=True, blank=True)
    bad_passes = models.BooleanField(default=True, help_text="What is bad is told all the same.")

    class Meta:
        db_table = "quiet_hours"
        verbose_name_plural = "quiet hours"

    def __str__(self) -> str:
        return f"quiet from {self.starts:%H:%M} to {self.ends:%H:%M}" if self.starts and self.ends else "no quiet hours"


class Ping(models.Model):
    """One row: the last run that the dead-man's switch was told of, and what it answered."""

    run = models.PositiveBigIntegerField(default=0)
    good = models.BooleanField(default=True, help_text="Whether that cycle finished.")
    at = models.DateTimeField(null=True, blank=True)
    error = models.CharField(max_length=200, blank=True, help_text="Why it could not be told.")

    class Meta:
        db_table = "deadman_pings"

    def __str__(self) -> str:
        return f"ping of run {self.run}"

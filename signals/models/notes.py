"""What people say about signals: notes in their words, and tags to find them by. Of no event, and nothing follows."""

from django.core.validators import RegexValidator
from django.db import models

from .signal import AutomatedSignal

LONGEST_NOTE = 2_000
LONGEST_TAG = 32
TAG = RegexValidator(
    r"\A[^\W_][\w .+-]*\Z", "A tag begins with a letter or digit; then also spaces, and any of _ . + -"
)


class SignalNote(models.Model):
    """One note. It is not changed: a wrong one is removed, which the audit log keeps."""

    signal = models.ForeignKey(AutomatedSignal, on_delete=models.PROTECT, related_name="notes")
    text = models.TextField(max_length=LONGEST_NOTE)
    author = models.CharField(max_length=150, help_text="User name, frozen.")
    written_at = models.DateTimeField()

    class Meta:
        db_table = "signal_notes"
        ordering = ["written_at", "pk"]

    def __str__(self) -> str:
        return f"{self.author}: {self.text[:40]}"


class SignalTag(models.Model):
    """One tag of one signal, in lower case."""

    signal = models.ForeignKey(AutomatedSignal, on_delete=models.PROTECT, related_name="tags", db_index=False)
    name = models.CharField(max_length=LONGEST_TAG, validators=[TAG])
    author = models.CharField(max_length=150, help_text="User name, frozen.")
    added_at = models.DateTimeField()

    class Meta:
        db_table = "signal_tags"
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["signal", "name"], name="one_tag_of_a_name_per_signal")]
        indexes = [models.Index(fields=["name", "signal"], name="signals_of_tag")]

    def __str__(self) -> str:
        return self.name


def normalised(name: str) -> str:
    """The one spelling of a tag: lower case, single spaces."""
    return " ".join(name.lower().split())

"""How far the database's log was when somebody had written, for readers of a copy of it (replica.py)."""

from django.db import models


class LastWrite(models.Model):
    """One row a person, or a program's credentials, overwritten by each write. Any row may be deleted."""

    person = models.CharField(max_length=64, primary_key=True)
    position = models.BigIntegerField(help_text="Of the write-ahead log, in bytes.")
    at = models.DateTimeField()

    class Meta:
        db_table = "last_writes"

    def __str__(self) -> str:
        return f"{self.person[:12]} at {self.at:%Y-%m-%d %H:%M}Z"

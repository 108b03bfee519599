"""How each person wants the console to be."""

from django.conf import settings
from django.db import models


class Preference(models.Model):
    """How one person wants the console to be. An empty list of columns is the usual ones."""

    class Zone(models.TextChoices):
        MARKET = "market", "New York, the market's"
        UTC = "utc", "UTC"
        BROWSER = "browser", "This browser's"

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="preference")
    zone = models.CharField(max_length=8, choices=Zone, default=Zone.MARKET)
    columns = models.JSONField(default=list, blank=True, help_text="Of All Signals.")
    shortcuts = models.BooleanField(default=True, help_text="Single keys do something where no field takes them.")

    class Meta:
        db_table = "console_preferences"

    def __str__(self) -> str:
        return f"preferences of {self.user}"


class SavedView(models.Model):
    """A list as somebody filtered and sorted it, under a name. `query` is that of its address."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="saved_views")
    page = models.CharField(max_length=40, help_text="Name of the page.")
    name = models.CharField(max_length=60)
    query = models.CharField(max_length=2000, blank=True)

    class Meta:
        db_table = "console_saved_views"
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["user", "page", "name"], name="one_view_per_page_and_name")]

    def __str__(self) -> str:
        return self.name

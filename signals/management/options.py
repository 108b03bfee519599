"""What several commands take."""

from django.core.management.base import CommandError

from signals.models import Source


def named_source(name: str) -> Source:
    source = Source.objects.filter(name=name).first()
    if source is None:
        known = ", ".join(Source.objects.values_list("name", flat=True)) or "none yet"
        raise CommandError(f"There is no source {name!r}. Known sources: {known}.")
    return source

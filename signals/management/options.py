"""What several commands take."""

from argparse import ArgumentTypeError

from django.core.management.base import CommandError

from signals.models import Source


def named_source(name: str) -> Source:
    source = Source.objects.filter(name=name).first()
    if source is None:
        known = ", ".join(Source.objects.values_list("name", flat=True)) or "none yet"
        raise CommandError(f"There is no source {name!r}. Known sources: {known}.")
    return source


def positive(text: str) -> int:
    """A whole number of 1 or more, for argparse."""
    if not (text.isascii() and text.isdigit() and int(text)):
        raise ArgumentTypeError(f"{text!r} is no whole number of 1 or more")
    return int(text)

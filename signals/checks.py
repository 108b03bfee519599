"""Settings of webhook and feeds, checked when a command starts: a bad one stops the start, not the first alert."""

import re
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register

from signals.feeds.rates import rates
from signals.networks import networks
from signalsync_project.private import open_to_others

# What commands ask before they start. Django's own checks import every page and take longer than most commands: serve,
# migrate and check ask those.
SETTINGS = "settings"
# Stricter than DRF, which takes the period's first letter: 10/month would be 10 a minute, and 0/min would refuse all.
RATE = re.compile(r"[1-9]\d*/(s|sec|second|m|min|minute|h|hour|d|day)")


@register(SETTINGS)
def check_rates(app_configs: Any = None, **options: Any) -> list[CheckMessage]:
    """WEBHOOK_RATE may be empty (no limit), BAD_TOKEN_RATE not: guessing a token must be slow."""
    wrong = []
    if settings.WEBHOOK_RATE and not RATE.fullmatch(settings.WEBHOOK_RATE):
        wrong.append(not_a_rate("WEBHOOK_RATE", "signals.E001", "600/min; empty for no limit"))
    if not RATE.fullmatch(settings.BAD_TOKEN_RATE):
        wrong.append(not_a_rate("BAD_TOKEN_RATE", "signals.E002", "60/min"))
    return wrong


@register(SETTINGS)
def check_addresses(app_configs: Any = None, **options: Any) -> list[CheckMessage]:
    wrong: list[CheckMessage] = []
    for name, number in (("WEBHOOK_ADDRESSES", "signals.E003"), ("OUTBOUND_NETWORKS", "signals.E005")):
        try:
            networks(tuple(getattr(settings, name)))
        except ValueError as error:
            wrong.append(Error(f"{name}: {error}", id=number))
    return wrong


@register(SETTINGS)
def check_feeds(app_configs: Any = None, **options: Any) -> list[CheckMessage]:
    try:
        rates(settings.FEED_RATES)
    except ValueError as error:
        return [Error(f"FEED_RATES: {error}", id="signals.E004")]
    return []


@register(SETTINGS)
def check_privacy(app_configs: Any = None, **options: Any) -> list[CheckMessage]:
    """No error: the settings have closed what they could, and a service that does not start takes no alert."""
    return [
        Warning(
            f"{path} can be read by other users of this machine.",
            hint="Give the service a VAR_DIR that is its own: it holds password hashes, sessions and alerts.",
            id="signals.W001",
        )
        for path in open_to_others(Path(settings.VAR_DIR), settings.SQLITE_FILE)[:1]
    ]


def not_a_rate(name: str, code: str, example: str) -> CheckMessage:
    return Error(
        f"{name} is {getattr(settings, name)!r}, which is no rate.",
        hint=f"Give a number of requests per sec, min, hour or day, as {example}.",
        id=code,
    )

"""Whether the settings are well-formed, and fit for where this runs."""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core import checks
from django.http.request import validate_host

from dashboard.telling.addresses import address
from dashboard.telling.formats import some, were
from signals.models import Source
from signals.networks import ANY
from signals.receiving import refusals
from signals.receiving.proxies import uncounted
from signals.receiving.refusals import Cause

from .result import Problem, Result, Severity, bad, good, judged

HTTPS = 443


def settings_readable(now: datetime) -> Result:
    """Django's system checks, ours among them (signals/checks.py, reconciliation/checks.py): each stops the start."""
    serious = [message for message in checks.run_checks() if message.is_serious() and not message.is_silenced()]
    faults = [" ".join(filter(None, (message.msg, message.hint))) for message in serious]
    return judged(faults, "The settings are well-formed.")


def exposure(now: datetime) -> Result:
    """Only PRODUCTION refuses unsafe defaults; without it, nobody but this machine should reach us."""
    if settings.PRODUCTION or on_this_machine(settings.HOST):
        return good(f"PRODUCTION is {'on' if settings.PRODUCTION else 'off'}, HOST is {settings.HOST}.")
    return bad(
        f"HOST is {settings.HOST}, which others can reach, and PRODUCTION is off.",
        "Set PRODUCTION=1 (docs/settings.md says what it needs), or HOST=127.0.0.1.",
    )


def on_this_machine(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def proxies(now: datetime) -> Result:
    """Behind a proxy that is not counted, all senders are one address to every limit, and share its lock."""
    if not (proxy := uncounted(now)):
        return good(f"TRUSTED_PROXIES is {settings.TRUSTED_PROXIES}, and no other proxy was seen.")
    return bad(
        "Requests come through a proxy that TRUSTED_PROXIES does not count: everybody seems to have its address, and"
        " anybody's wrong passwords lock an account for all devices that are not known.",
        "Set TRUSTED_PROXIES to the number of proxies and restart `manage.py serve`; where there is none, delete"
        " VAR_DIR/uncounted_proxy.",
        severity=Severity.WARN,
        detail=f"It was {proxy}.",
    )


def origins(now: datetime) -> Result:
    """What is asked of where alerts come from can be answered, and turns away nobody who should come in."""
    faults = [*unanswerable(now), *turned_away(now)]
    asked = [name for name in ("WEBHOOK_ADDRESSES", "CLIENT_CERT_HEADER") if getattr(settings, name)]
    return judged(faults, f"{' and '.join(asked) or 'No setting'} limits where alerts may come from.")


def unanswerable(now: datetime) -> Iterator[Problem]:
    if settings.CLIENT_CERT_HEADER and not settings.TRUSTED_PROXIES:
        yield Problem(
            "CLIENT_CERT_HEADER is set, but no proxy is counted who could be believed: every alert from another machine"
            " is refused.",
            "Set TRUSTED_PROXIES to the number of proxies, or take CLIENT_CERT_HEADER away.",
        )
    limited = settings.WEBHOOK_ADDRESSES or Source.objects.exclude(addresses__in=("", ANY)).exists()
    if limited and (proxy := uncounted(now)):
        yield Problem(
            "Alerts are taken from certain addresses only, but come through a proxy that TRUSTED_PROXIES does not"
            " count: all seem to have its address, and are refused.",
            "Set TRUSTED_PROXIES to the number of proxies.",
            detail=f"It was {proxy}.",
        )


def turned_away(now: datetime) -> Iterator[Problem]:
    """Who had a valid token and came from elsewhere: a stranger who has it, or the list is not whole."""
    book = refusals.read()
    counted = book.since(now - timedelta(days=1))
    for cause, todo in WHERE_FROM.items():
        if number := counted[cause]:
            last = next((each.address for each in book.last if each.cause == cause), "")
            yield Problem(
                f"{some(number, 'alert')} with a valid token {were(number)} refused in the last day: {cause.value}.",
                todo,
                Severity.WARN,
                address("deliveries"),
                "Deliveries",
                detail=f"The last came from {last or 'an unknown address'}.",
            )


WHERE_FROM = {
    Cause.ADDRESS: "If it was yours, add its address to WEBHOOK_ADDRESSES or to its source; else give the source a new"
    " token.",
    Cause.CERTIFICATE: "If it was TradingView, look at what the proxy passes on in CLIENT_CERT_HEADER"
    " (docs/operations.md); else give the source a new token.",
}


def public_url(now: datetime) -> Result:
    if not settings.PRODUCTION:
        return good("PUBLIC_URL is needed in production only.")
    faults = public_url_faults(settings.PUBLIC_URL, settings.ALLOWED_HOSTS)
    return judged(faults, f"PUBLIC_URL is {settings.PUBLIC_URL}.")


def public_url_faults(url: str, allowed_hosts: list[str]) -> list[str]:
    """TradingView posts to ports 80 and 443 only, and a token must not cross the network in the clear."""
    if not url:
        return ["PUBLIC_URL is empty: set it to the https address of the proxy, so that the console can show webhooks."]
    parts = urlsplit(url)
    if parts.scheme != "https" or not parts.hostname:
        return [f"PUBLIC_URL is {url}: give an https address, for the address holds the token."]
    faults = []
    if parts.port not in (None, HTTPS):
        faults.append(f"PUBLIC_URL has port {parts.port}: TradingView posts to 443 only.")
    if not validate_host(parts.hostname, allowed_hosts):
        faults.append(f"{parts.hostname} of PUBLIC_URL is not in ALLOWED_HOSTS: add it, or requests are refused.")
    return faults


def static_files(now: datetime) -> Result:
    """In production only collected files are served; one that is missing makes its pages fail."""
    if not settings.PRODUCTION:
        return good("Static files need collecting in production only.")
    missing = uncollected(Path(settings.STATIC_ROOT) / "staticfiles.json")
    if missing:
        return bad(
            f"{len(missing)} static files are not collected, as {missing[0]}.",
            "Run `manage.py collectstatic --no-input`, then restart `manage.py serve`.",
        )
    return good(f"The static files are collected in {settings.STATIC_ROOT}.")


def uncollected(manifest: Path) -> list[str]:
    """Static files of the installed apps that the manifest does not name, by name."""
    collected = json.loads(manifest.read_text())["paths"] if manifest.exists() else {}
    named = {name for finder in get_finders() for name, _ in finder.list([])}
    return sorted(named - collected.keys())

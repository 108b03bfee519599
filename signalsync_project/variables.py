"""The variables of the environment, with their types, defaults and meanings, listed once in VARIABLES.

docs/settings.md shows the same table; tests/project/test_settings.py compares the two.
"""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured

BASE_DIR = Path(__file__).resolve().parent.parent


# As dashboard/console/roles.py has them; settings come before every app.
ROLES = ("Viewer", "Operator", "Administrator")


class Variable(NamedTuple):
    """`off` is the value that switches off what the variable is about; None: it is no switch.

    Of each switch tests/dashboard/test_switches.py and test_filling_switches.py prove that nothing is written while it
    is off.
    """

    kind: type
    default: Any
    meaning: str
    off: Any = None


VARIABLES: dict[str, Variable] = {
    "PRODUCTION": Variable(bool, False, "Refuse unsafe defaults: needs SECRET_KEY, ALLOWED_HOSTS, WEBHOOK_TOKEN."),
    "DEBUG": Variable(bool, False, "Django's debug pages. Never together with PRODUCTION."),
    "SECRET_KEY": Variable(str, "", "Signs sessions. Empty outside production: one is made and kept in VAR_DIR."),
    "ALLOWED_HOSTS": Variable(
        list, [], "Host names of pages, beside PUBLIC_URL's, comma-separated. Empty outside production: loopback."
    ),
    "CSRF_TRUSTED_ORIGINS": Variable(list, [], "Origins (https://…) that forms may come from behind a proxy."),
    "TRUSTED_PROXIES": Variable(
        int, 0, "Proxies in front of us, counted from the right of X-Forwarded-For. 0 behind one is told by doctor."
    ),
    "DATABASE_URL": Variable(str, "", "postgres://… selects PostgreSQL. Empty: SQLite in VAR_DIR."),
    "DATABASE_REPLICA_URL": Variable(
        str, "", "postgres://… of a streaming replica, which pages and GETs of the API read. Empty: none."
    ),
    "DATABASE_STATEMENT_TIMEOUT": Variable(
        int, 90_000, "PostgreSQL statement timeout, ms, 0: none; of pages never more than 25000."
    ),
    "VAR_DIR": Variable(
        str, str(BASE_DIR / "var"), "Where the SQLite file, the spool, uploads and the made secret key live."
    ),
    "HOST": Variable(str, "127.0.0.1", "Address that `manage.py serve` binds."),
    "PORT": Variable(int, 8000, "Port that `manage.py serve` binds."),
    "WEB_WORKERS": Variable(int, 2, "Processes of the front door, and as many again of the pages."),
    "PUBLIC_URL": Variable(str, "", "https://… under which TradingView reaches us, for the addresses we show."),
    "WEBHOOK_TOKEN": Variable(
        str, "", "First token of the default source (stored hashed). At least 24 characters.", off=""
    ),
    "WEBHOOK_RATE": Variable(str, "", "Most deliveries per source and process, as 600/min. Empty: no limit."),
    "BAD_TOKEN_RATE": Variable(str, "60/min", "Most requests with an unknown token per address and process."),
    "BAD_LOGIN_RATE": Variable(str, "30/min", "Most failed logins per address and process, whatever the names."),
    "TWO_FACTOR": Variable(
        str,
        "",
        "Who needs a second factor: optional, administrators or all. Empty: administrators in production.",
    ),
    "PASSKEY_HOST": Variable(
        str, "", "Host that passkeys are made for; it may be the domain above the pages' hosts. Empty: the page's host."
    ),
    "API_RATES": Variable(
        str,
        "Viewer=600/min,Operator=1200/min,Administrator=3000/min",
        "Most API requests per person or token and process, by role. A role that is not named has no limit.",
    ),
    "WEBHOOK_ADDRESSES": Variable(
        list, [], "Addresses and networks that alerts come from; tradingview stands for TradingView's. Empty: any."
    ),
    "CLIENT_CERT_HEADER": Variable(
        str, "", "Header in which the TLS proxy passes the client certificate or its subject. Empty: none is asked for."
    ),
    "CLIENT_CERT_NAMES": Variable(
        list,
        ["webhook-server@tradingview.com", "TradingView Webhooks"],
        "Names of certificates that are taken: an alternative name where the header tells them, else the common name.",
    ),
    "TIME_SERVER": Variable(
        str,
        "",
        "NTP server (host) or web address that is asked hourly whether our clock is right. Empty: nobody is.",
        off="",
    ),
    "OPERATOR_PASSWORD": Variable(str, "", "Password of the first operator. Empty: a random one, printed once."),
    "DEMO": Variable(bool, True, "Fill an empty database with sample history (never in production).", off=False),
    "SYNC_INTERVAL": Variable(int, 120, "Seconds between scheduled sync cycles; a multiple of 60."),
    "CLUSTER_WORKERS": Variable(int, 2, "Workers of this machine's cluster: tasks that it does at a time."),
    "SYNC_WORKERS": Variable(int, 0, "Most workers, of all machines, that share a large cycle. 0: all that there are."),
    "REDIS_URL": Variable(
        str, "", "redis://… keeps the queue of tasks there (needs requirements-redis.txt). Empty: in the database."
    ),
    "LOG_LEVEL": Variable(str, "INFO", "Least level that is logged: DEBUG, INFO, WARNING, ERROR or CRITICAL."),
    "LOG_FORMAT": Variable(str, "text", "How logs are written: text, or json, one object a line."),
    "TIER_CONFIDENCE": Variable(str, "", "Declared confidences, as 2.exit=0.7,3=0.9 (see docs/reconciliation.md)."),
    "APPROVAL_BELOW": Variable(str, "", "Fills of a tier with less confidence wait for an operator, as 2=0.75."),
    "CANCEL_GRACE_BARS": Variable(int, 2, "Open-market bars to wait before a pending signal counts as cancelled."),
    "HEALTH_WINDOW_HOURS": Variable(int, 24, "Age of signals that system health looks at, beside active ones."),
    "RUN_RETENTION_DAYS": Variable(
        int, 90, "Days that runs without any effect, trends, messages and incidents are kept. 0: for ever.", off=0
    ),
    "UPDATE_THINNING_DAYS": Variable(
        int, 0, "Days after its end that a trade keeps all updates; then those that nothing needs go. 0: never.", off=0
    ),
    "BODY_RETENTION_DAYS": Variable(
        int, 0, "Days that the bodies of deliveries are kept; then whole months go. 0: for ever.", off=0
    ),
    "DEADMAN_PING_URL": Variable(
        str, "", "Address that is asked after each good cycle, its /fail after a failed one. Empty: none.", off=""
    ),
    "AUDIT_HEAD_FILE": Variable(
        str,
        "",
        "File that the head of the audit log's seals is appended to, on another machine's disk. Empty: none.",
        off="",
    ),
    "MASSIVE_API_KEY": Variable(str, "", "Key of the feed massive (docs/feeds.md). Empty: it is not asked.", off=""),
    "DATABENTO_API_KEY": Variable(
        str, "", "Key of the feed databento (docs/feeds.md). Empty: it is not asked.", off=""
    ),
    "OUTBOUND_NETWORKS": Variable(
        list,
        [],
        "Private addresses and networks that events may be posted to, as 127.0.0.1,10.0.0.0/8. Empty: none.",
        off=[],
    ),
    "OUTBOUND_RETENTION_DAYS": Variable(
        int, 30, "Days that told events and attempts are kept, to be looked at and replayed. 0: for ever.", off=0
    ),
    "FEED_RATES": Variable(str, "", "Requests a minute that a plan allows, as massive=100,databento=30."),
}


def log_level(text: str) -> str:
    level = text.strip().upper()
    if level not in {"DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"}:
        raise ValueError(f"{text!r} is no level")
    return level


def log_format(text: str) -> str:
    if text not in {"text", "json"}:
        raise ValueError(f"{text!r} is neither text nor json")
    return text


def web_address(text: str) -> str:
    """Without its closing slash; empty is allowed."""
    parts = urlsplit(text)
    if text and not (parts.scheme in {"http", "https"} and parts.hostname):
        raise ValueError(f"{text!r} is no address with http:// or https:// and a host")
    return text.rstrip("/")


def header_name(text: str) -> str:
    if text and not re.fullmatch(r"[A-Za-z0-9-]+", text):
        raise ValueError(f"{text!r} is no name of a header")
    return text


def not_negative(number: int) -> int:
    if number < 0:
        raise ValueError(f"{number} is less than 0")
    return number


def positive(number: int) -> int:
    if number < 1:
        raise ValueError(f"{number} is less than 1")
    return number


def redis_address(text: str) -> str:
    if text and urlsplit(text).scheme not in {"redis", "rediss", "unix"}:
        raise ValueError("it is no address with redis://, rediss:// or unix://")  # it may hold a password
    return text


def rates(text: str) -> dict[str, str]:
    """Rates by role, as `Viewer=600/min,Operator=1200/min`. Raises ValueError."""
    found = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        role, _, rate = part.partition("=")
        if not re.fullmatch(r"[1-9]\d{0,8}/(s|sec|second|min|minute|h|hour|d|day)", rate):
            raise ValueError(f"{part!r} is no rate: give them as Viewer=600/min,Operator=1200/min")
        if role not in ROLES:
            raise ValueError(f"there is no role {role!r}: there are {', '.join(ROLES)}")
        found[role] = rate
    return found


def who_confirms(text: str) -> str:
    who = text.strip().lower()
    if who not in {"", "optional", "administrators", "all"}:
        raise ValueError(f"{text!r} is none of optional, administrators and all")
    return who


def host_name(text: str) -> str:
    host = text.strip().lower()
    if host and not re.fullmatch(r"[a-z0-9-]+(\.[a-z0-9-]+)*", host):
        raise ValueError(f"{text!r} is no host name")
    return host


def rates_text(text: str) -> str:
    rates(text)
    return text


# What must hold beside the type for the settings to be of any use. Other bounds are system checks of the apps.
RULES: dict[str, Callable[[Any], Any]] = {
    "LOG_LEVEL": log_level,
    "LOG_FORMAT": log_format,
    "PUBLIC_URL": web_address,
    "DEADMAN_PING_URL": web_address,
    "CLIENT_CERT_HEADER": header_name,
    "DATABASE_STATEMENT_TIMEOUT": not_negative,
    "API_RATES": rates_text,
    "TWO_FACTOR": who_confirms,
    "PASSKEY_HOST": host_name,
    "CLUSTER_WORKERS": positive,
    "SYNC_WORKERS": not_negative,
    "REDIS_URL": redis_address,
}

env: Any = environ.Env()  # type: ignore[no-untyped-call]


def value(name: str) -> Any:
    """The variable's typed value; a bad one stops the start and names itself."""
    variable = VARIABLES[name]
    readers: dict[type, Any] = {bool: env.bool, int: env.int, list: env.list, str: env.str}
    try:
        given = readers[variable.kind](name, default=variable.default)
        return RULES[name](given) if name in RULES else given
    except ValueError as error:
        raise ImproperlyConfigured(f"{name}: {error}. {variable.meaning}") from error

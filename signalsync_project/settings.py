"""Settings: everything that differs between machines is a variable of the environment (see variables.py).

Development and the demo need none at all; PRODUCTION=1 refuses to start without a secret key, allowed hosts and a
webhook token.
"""

import os
from contextlib import suppress
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

from signalsync_project.private import close_to_others, make_file
from signalsync_project.variables import BASE_DIR, env, value

PRODUCTION: bool = value("PRODUCTION")
DEBUG: bool = value("DEBUG") and not PRODUCTION
VAR_DIR = Path(value("VAR_DIR"))
HOST: str = value("HOST")
PORT: int = value("PORT")
WEB_WORKERS: int = value("WEB_WORKERS")
PUBLIC_URL: str = value("PUBLIC_URL")
TRUSTED_PROXIES: int = value("TRUSTED_PROXIES")
WEBHOOK_TOKEN: str = value("WEBHOOK_TOKEN")
WEBHOOK_RATE: str = value("WEBHOOK_RATE")
BAD_TOKEN_RATE: str = value("BAD_TOKEN_RATE")
BAD_LOGIN_RATE: str = value("BAD_LOGIN_RATE")
PASSKEY_HOST: str = value("PASSKEY_HOST")
API_RATES: str = value("API_RATES")
TWO_FACTOR: str = value("TWO_FACTOR") or ("administrators" if PRODUCTION else "optional")
WEBHOOK_ADDRESSES: list[str] = value("WEBHOOK_ADDRESSES")
CLIENT_CERT_HEADER: str = value("CLIENT_CERT_HEADER")
CLIENT_CERT_NAMES: list[str] = value("CLIENT_CERT_NAMES")
TIME_SERVER: str = value("TIME_SERVER")
OPERATOR_PASSWORD: str = value("OPERATOR_PASSWORD")
DEMO: bool = value("DEMO") and not PRODUCTION
DATABASE_STATEMENT_TIMEOUT: int = value("DATABASE_STATEMENT_TIMEOUT")
SYNC_INTERVAL: int = value("SYNC_INTERVAL")
CLUSTER_WORKERS: int = value("CLUSTER_WORKERS")
SYNC_WORKERS: int = value("SYNC_WORKERS")
REDIS_URL: str = value("REDIS_URL")
LOG_LEVEL: str = value("LOG_LEVEL")
LOG_FORMAT: str = value("LOG_FORMAT")
TIER_CONFIDENCE: str = value("TIER_CONFIDENCE")
APPROVAL_BELOW: str = value("APPROVAL_BELOW")
CANCEL_GRACE_BARS: int = value("CANCEL_GRACE_BARS")
HEALTH_WINDOW_HOURS: int = value("HEALTH_WINDOW_HOURS")
RUN_RETENTION_DAYS: int = value("RUN_RETENTION_DAYS")
UPDATE_THINNING_DAYS: int = value("UPDATE_THINNING_DAYS")
BODY_RETENTION_DAYS: int = value("BODY_RETENTION_DAYS")
DEADMAN_PING_URL: str = value("DEADMAN_PING_URL")
AUDIT_HEAD_FILE: str = value("AUDIT_HEAD_FILE")
MASSIVE_API_KEY: str = value("MASSIVE_API_KEY")
DATABENTO_API_KEY: str = value("DATABENTO_API_KEY")
OUTBOUND_NETWORKS: list[str] = value("OUTBOUND_NETWORKS")
OUTBOUND_RETENTION_DAYS: int = value("OUTBOUND_RETENTION_DAYS")
FEED_RATES: str = value("FEED_RATES")
SPOOL_DIR = VAR_DIR / "spool"
PROXY_NOTE = VAR_DIR / "uncounted_proxy"
WEBHOOK_ADDRESS = VAR_DIR / "webhook_address"  # the demo's, of this start


def made_secret_key() -> str:
    """A key made once for development and kept, so that sessions outlive a restart."""
    from django.core.management.utils import get_random_secret_key

    path = VAR_DIR / "secret_key"
    VAR_DIR.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not path.exists():
        # Whole and private before it has its name: web and worker may both be starting for the first time.
        with NamedTemporaryFile("w", dir=VAR_DIR, prefix="secret_key-") as file:
            file.write(get_random_secret_key())
            file.flush()
            with suppress(FileExistsError):
                os.link(file.name, path)
    return path.read_text()


def simple(secret: str, least: int) -> bool:
    """Whether a secret is too short, of too few characters, or the same again and again: it could be guessed."""
    return len(secret) < least or len(set(secret)) < 8 or secret in (secret + secret)[1:-1]


ALLOWED_HOSTS: list[str] = value("ALLOWED_HOSTS")
SECRET_KEY: str = value("SECRET_KEY")
if PRODUCTION:
    missing = [name for name in ("SECRET_KEY", "ALLOWED_HOSTS", "WEBHOOK_TOKEN") if not value(name)]
    if missing:
        raise ImproperlyConfigured(f"PRODUCTION=1 needs {', '.join(missing)} in the environment; see docs/settings.md.")
    for name, least in (("SECRET_KEY", 32), ("WEBHOOK_TOKEN", 24)):
        if simple(value(name), least):
            raise ImproperlyConfigured(
                f"{name}: use at least {least} random characters, as `openssl rand -base64 36` makes them."
            )
    if "*" in ALLOWED_HOSTS:
        raise ImproperlyConfigured("ALLOWED_HOSTS: name the hosts; * would serve whatever a sender calls us.")
else:
    SECRET_KEY = SECRET_KEY or made_secret_key()
    ALLOWED_HOSTS = ALLOWED_HOSTS or ["localhost", "127.0.0.1", "[::1]"]
if (public_host := urlsplit(PUBLIC_URL).hostname) and public_host not in ALLOWED_HOSTS:
    ALLOWED_HOSTS = [*ALLOWED_HOSTS, f"[{public_host}]" if ":" in public_host else public_host]
CSRF_TRUSTED_ORIGINS: list[str] = value("CSRF_TRUSTED_ORIGINS")

INSTALLED_APPS = [
    "unfold",
    "unfold.contrib.filters",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_q",
    "axes",
    "signals",
    "reconciliation",
    "dashboard",
]

MIDDLEWARE = [
    "signalsync_project.logs.RequestIds",
    "signalsync_project.content.ContentPolicy",
    "django.middleware.security.SecurityMiddleware",
    "signals.receiving.door.Door",
    "signalsync_project.refusing.RefuseImpossible",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "dashboard.console.confirming.SecondSteps",
    "dashboard.replica.ReadReplica",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "signals.receiving.proxies.UncountedProxies",
    "dashboard.console.devices.KnownDevices",
    "axes.middleware.AxesMiddleware",
]

ROOT_URLCONF = "signalsync_project.urls"
WSGI_APPLICATION = "signalsync_project.wsgi.application"
# A redirect would turn a POST into a GET: the webhook's address is accepted with and without its slash instead.
APPEND_SLASH = True

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "dashboard.console.navigation.context",
            ],
        },
    },
]


def at_address(name: str, url: str) -> dict[str, Any]:
    """What the address of a database says. `name` is the setting's."""
    try:
        config: dict[str, Any] = env.db_url_config(url)
    except ValueError:  # a port that is no number
        config = {}
    if not config.get("ENGINE") or not config.get("NAME"):
        raise ImproperlyConfigured(f"{name}: give postgres://user:password@host:5432/name or sqlite:///path.")
    return config


def database() -> dict[str, Any]:
    """PostgreSQL by DATABASE_URL, else SQLite set up so that writers queue instead of failing."""
    config = at_address("DATABASE_URL", value("DATABASE_URL") or f"sqlite:///{VAR_DIR / 'signalsync.sqlite3'}")
    timeout = value("DATABASE_STATEMENT_TIMEOUT")
    config["CONN_MAX_AGE"] = None  # a connection a request makes the webhook five times slower
    config["CONN_HEALTH_CHECKS"] = True
    if config["ENGINE"] == "django.db.backends.sqlite3":
        Path(config["NAME"]).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if ":memory:" not in config["NAME"]:
            make_file(Path(config["NAME"]))
        config["OPTIONS"] = {
            "transaction_mode": "IMMEDIATE",  # a transaction that starts as a reader cannot wait to become a writer
            "timeout": 20,
            # FULL: what was answered with 2xx survives a power cut, not only a killed process.
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON; "
            # REPLACE deletes rows as DELETE does: the guards are asked (reconciliation/guarding/).
            "PRAGMA recursive_triggers=ON;",
        }
    else:
        config["OPTIONS"] = {
            "connect_timeout": 2,
            "tcp_user_timeout": 2000,  # ms; the server cannot end a statement for us when the network is gone
            # Compiling a query takes PostgreSQL a second where running it takes a millisecond.
            "options": f"-c statement_timeout={timeout} -c jit=off",
        }
    return config


def replica(original: dict[str, Any], url: str) -> dict[str, Any]:
    """A copy that is read only, set up as its original is (dashboard/replica.py)."""
    config = at_address("DATABASE_REPLICA_URL", url)
    if {original["ENGINE"], config["ENGINE"]} != {"django.db.backends.postgresql"}:
        raise ImproperlyConfigured(
            "DATABASE_REPLICA_URL: only PostgreSQL has replicas; DATABASE_URL must name its primary."
        )
    options = original["OPTIONS"]
    read_only = {**options, "options": f"{options['options']} -c default_transaction_read_only=on"}
    return {**original, **config, "OPTIONS": read_only, "TEST": {"MIRROR": "default"}}


DATABASES = {"default": database()}
if value("DATABASE_REPLICA_URL"):
    DATABASES["replica"] = replica(DATABASES["default"], value("DATABASE_REPLICA_URL"))
    DATABASE_ROUTERS = ["dashboard.replica.Router"]
SQLITE_FILE = Path(DATABASES["default"]["NAME"]) if "sqlite3" in DATABASES["default"]["ENGINE"] else None
close_to_others(VAR_DIR, SQLITE_FILE)
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTHENTICATION_BACKENDS = [
    "signals.receiving.throttling.BadLoginBackend",
    "axes.backends.AxesStandaloneBackend",
    "dashboard.people.People",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]
LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "/"
AXES_FAILURE_LIMIT = 8
AXES_COOLOFF_TIME = 0.25  # hours
AXES_LOCKOUT_PARAMETERS = "dashboard.console.devices.counted_by"
AXES_CLIENT_IP_CALLABLE = "signals.receiving.senders.client_address"

LANGUAGE_CODE = "en-us"
TIME_ZONE = "UTC"
USE_I18N = False
USE_TZ = True

STATIC_URL = "static/"
STATIC_ROOT = VAR_DIR / "static"
STATIC_ROOT.mkdir(parents=True, exist_ok=True, mode=0o700)  # WhiteNoise warns of a folder that is not there yet
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"
        if PRODUCTION
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}
WHITENOISE_USE_FINDERS = not PRODUCTION

SECURE_CONTENT_TYPE_NOSNIFF = True
X_FRAME_OPTIONS = "DENY"
SESSION_COOKIE_HTTPONLY = True
if PRODUCTION:
    SESSION_COOKIE_SECURE = True
    CSRF_COOKIE_SECURE = True
    SECURE_HSTS_SECONDS = 31_536_000
    # `check --deploy` asks for what is not ours to say: the proxy ends TLS and redirects to it (a redirect by us would
    # turn an alert's POST into a GET), and HSTS for other hosts of the domain is for whoever owns them all.
    SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W008", "security.W021"]
    if TRUSTED_PROXIES:
        SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "rest_framework.authentication.SessionAuthentication",
        "rest_framework.authentication.BasicAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_FILTER_BACKENDS": [
        "django_filters.rest_framework.DjangoFilterBackend",
        "rest_framework.filters.SearchFilter",
        "rest_framework.filters.OrderingFilter",
    ],
    "DEFAULT_SCHEMA_CLASS": "dashboard.api.schema.OwnWords",
    "EXCEPTION_HANDLER": "dashboard.api.problems.told",
    "DATETIME_FORMAT": "%Y-%m-%dT%H:%M:%SZ",
    "COERCE_DECIMAL_TO_STRING": False,
}

SPECTACULAR_SETTINGS = {
    "TITLE": "SignalSync",
    "DESCRIPTION": "Hybrid Signal Synchronization System: the webhook, the All Signals API and the sync's state.",
    "VERSION": "0.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": "/api",  # what follows names the group of an endpoint
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "dashboard.api.outbound.webhooks_in_schema",
        "dashboard.api.schema.complete",
    ],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "ENUM_NAME_OVERRIDES": {
        "EventTypeEnum": "signals.vocabulary.EventType",
        "DeliveryStatusEnum": "signals.vocabulary.DeliveryStatus",
        "SignalStatusEnum": "signals.vocabulary.Status",
        "LearnedByEnum": "signals.models.sources.By",
        "FormatStateEnum": "signals.models.Format.State",
        "FillStateEnum": "signals.models.Fill.State",
        "GapStateEnum": "reconciliation.models.GapRecord.State",
        "JobStateEnum": "dashboard.models.Job.State",
        "QuarantineStateEnum": "signals.models.Quarantine.State",
        "RequestStateEnum": "reconciliation.models.SyncRequest.State",
        "RunStateEnum": "reconciliation.models.SyncRun.State",
    },
}

# docs/operations.md explains each figure: at-least-once delivery makes retry > timeout x queue length a must.
Q_CLUSTER: dict[str, Any] = {
    "name": "signalsync",
    **({"redis": REDIS_URL} if REDIS_URL else {"orm": "default"}),
    "workers": CLUSTER_WORKERS,
    "queue_limit": 1,
    "bulk": 1,
    "timeout": 100,
    "retry": 600,
    "max_attempts": 1,
    "ack_failures": True,
    "catch_up": False,
    "poll": 1,
    "save_limit": 200,
    "save_limit_per": "group",
    "label": "Background tasks",
}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {
        "belongings": {"()": "signalsync_project.logs.Belongings"},
        "masking": {"()": "signalsync_project.masking.TokenFilter"},
    },
    "formatters": {
        "text": {"format": "{asctime} {levelname} {name}: {message}", "style": "{"},
        "json": {"()": "signalsync_project.logs.JsonFormatter"},
    },
    "handlers": {
        "console": {"class": "logging.StreamHandler", "formatter": LOG_FORMAT, "filters": ["belongings", "masking"]},
    },
    "root": {"handlers": ["console"], "level": LOG_LEVEL},
    "loggers": {
        "django.server": {"handlers": ["console"], "level": LOG_LEVEL, "propagate": False},
        "axes": {"level": "WARNING"},
        "fido2": {"level": "WARNING"},  # it tells of each passkey; the audit log does, with its person
        "httpx": {"level": "WARNING"},  # it logs whole addresses, which may hold a key or a secret
    },
}

UNFOLD = {
    "SITE_TITLE": "SignalSync",
    "SITE_HEADER": "SignalSync",
    "SITE_SUBHEADER": "Hybrid Signal Synchronization System",
    "SITE_SYMBOL": "sync",
    "SHOW_HISTORY": False,
    "SHOW_VIEW_ON_SITE": False,
    "LOGIN": {"form": "dashboard.console.login.LoginForm"},
    "SIDEBAR": {"navigation": "dashboard.console.navigation.sidebar"},
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": "dashboard.console.navigation.favicon"}],
    "STYLES": ["dashboard.console.navigation.stylesheet"],
    "SCRIPTS": ["dashboard.console.navigation.script"],
}

"""gunicorn's configuration: `gunicorn -c python:signalsync_project.gunicorn`, as `serve` runs it."""

import logging
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

from signalsync_project import settings, started
from signalsync_project.answering import AGENT
from signalsync_project.private import UMASK

LISTENING_FD = "SIGNALSYNC_LISTENING_FD"
"""Variable with the number of the listening socket that `manage.py serve` hands over: what arrives while
gunicorn restarts waits in the socket's queue instead of being refused."""

_fd = os.environ.get(LISTENING_FD)
bind = f"fd://{_fd}" if _fd else f"{settings.HOST}:{settings.PORT}"
backlog = 2048
workers = settings.WEB_WORKERS
worker_class = "signalsync_project.front.worker.FrontWorker"
preload_app = False  # a worker that cannot start must not take the master with it
timeout = 30
graceful_timeout = 20
proc_name = "signalsync"
umask = UMASK
# From loopback gunicorn would take SCRIPT_NAME and PATH_INFO from headers: a path that no proxy's rule has seen.
forwarder_headers = ""
header_map = "drop"
control_socket_disable = True
# The heartbeat file: on a disk that stalls, healthy workers would look dead and be killed.
_memory = Path("/dev/shm")  # noqa: S108 - as gunicorn advises; the file it makes there has no name
worker_tmp_dir = str(_memory) if _memory.is_dir() else None


class OthersOnly(logging.Filter):
    """Leaves the supervisor's own questions out of the access log."""

    def filter(self, record: logging.LogRecord) -> bool:
        return not (isinstance(record.args, Mapping) and record.args.get("a") == AGENT)


# gunicorn's loggers go to the console of settings.LOGGING, which masks tokens.
access_log_format = '%(h)s "%(r)s" %(s)s %(b)s %(L)ss'
logconfig_dict = {
    **settings.LOGGING,
    "filters": {**cast("dict[str, object]", settings.LOGGING["filters"]), "others_only": {"()": OthersOnly}},
    "loggers": {
        **cast("dict[str, object]", settings.LOGGING["loggers"]),
        "gunicorn.error": {"level": settings.LOG_LEVEL, "propagate": True},
        "gunicorn.access": {"level": settings.LOG_LEVEL, "propagate": True, "filters": ["others_only"]},
    },
}


def post_worker_init(worker: object) -> None:
    """What takes a second to load is there before a worker's first alert: not of the time that its sender waits."""
    from signals.market import market

    market().is_open(datetime.now(UTC))
    started()

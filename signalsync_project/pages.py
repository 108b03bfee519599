"""gunicorn's configuration for the processes of pages and API: `gunicorn -c python:signalsync_project.pages`.

The front door (`signalsync_project.front`) hands them whole requests through a Unix socket, the sender's address in
front as the PROXY protocol has it, and takes their answers. Nobody else reaches them.
"""

import os

from signalsync_project import gunicorn, settings
from signalsync_project.front.worker import PAGES
from signalsync_project.gunicorn import (  # noqa: F401 - what both have in common
    access_log_format,
    backlog,
    control_socket_disable,
    forwarder_headers,
    graceful_timeout,
    header_map,
    logconfig_dict,
    preload_app,
    timeout,
    umask,
    worker_tmp_dir,
)

bind = f"unix:{os.environ[PAGES]}"
workers = settings.WEB_WORKERS
worker_class = "sync"  # the front door buffers, on both sides
proxy_protocol = "v1"
proc_name = "signalsync-pages"
NICER = 5


def post_worker_init(worker: object) -> None:
    """Alerts first, where both want the processor."""
    os.nice(NICER)
    gunicorn.post_worker_init(worker)

#!/usr/bin/env python
"""Django's command line. `manage.py help` lists the commands; README.md says which to start with."""

import gc
import os
import sys

# Nearly all that a start makes stays; the collector went through it hundreds of times: a quarter of a first `migrate`.
YOUNG = 50_000  # objects made between two of its looks: some tens of MiB


def main() -> None:
    gc.set_threshold(YOUNG, *gc.get_threshold()[1:])
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "signalsync_project.settings")
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line
    from django.db import InterfaceError, OperationalError

    try:
        execute_from_command_line(sys.argv)
    except (InterfaceError, OperationalError, ImproperlyConfigured) as error:
        if "--traceback" in sys.argv:
            raise
        sys.exit(str(error) if isinstance(error, ImproperlyConfigured) else database_fault(error))


def database_fault(error: Exception) -> str:
    """One line on a database that is down, or fails in another way: locked, too slow, without tables."""
    from django.db import Error, connection

    fault = "The database failed"
    try:
        connection.ensure_connection()
    except Error:
        fault = "The database does not answer"
    reason = str(error).strip().split("\n")[0].rstrip(".")
    return f"{fault}: {reason}. `manage.py doctor` says more."


if __name__ == "__main__":
    main()

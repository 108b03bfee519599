#!/usr/bin/env python
"""Django's command line. `manage.py help` lists the commands; README.md says which to start with."""

import os
import sys

from signalsync_project import start_quickly


def main() -> None:
    start_quickly()
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

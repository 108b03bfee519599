"""`python -m reconciliation.demo http://127.0.0.1:8000/` keeps the demo going; a child of `manage.py serve`."""

import os
import sys
from pathlib import Path

import django


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "signalsync_project.settings")
    django.setup()
    from .live import run

    run(sys.argv[1])


if __name__ == "__main__":
    sys.path.insert(0, str(Path.cwd()))
    main()

"""`python -m reconciliation.simulation JSON` proves in the database of its environment, which must be empty.

Prints a line of JSON for each simulated day. `manage.py truthtest` runs it with a database of its own.
"""

import json
import os
import sys
from pathlib import Path

import django


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "signalsync_project.settings")
    django.setup()
    from django.core.management import call_command

    from signals.models import Source

    from .proving import prove

    call_command("migrate", verbosity=0)
    if Source.objects.exists():
        sys.exit("This database is not empty: the truth test needs one of its own.")
    for proof in prove(**json.loads(sys.argv[1])):
        sys.stdout.write(json.dumps(proof.as_json()) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    sys.path.insert(0, str(Path.cwd()))
    main()

"""`make audit`: which installed packages have known holes, as PyPI's advisories say. Without a network it says so.

Not asked is not clean: where PyPI does not answer, the one line says that nothing was judged. The exit status is then
0, so that a machine without a network can be checked for all the rest; with AUDIT=required it is 1.
"""

import json
import os
import subprocess
import sys
import urllib.request
from importlib.metadata import version

# What pip-audit asks of every package, asked of one: mirrors serve packages, and know nothing of holes.
PROBE = f"https://pypi.org/pypi/django/{version('django')}/json"
UNKNOWN = "NOT AUDITED: PyPI's advisories cannot be asked from here. Nothing is known of holes in the packages."


def answers() -> bool:
    try:
        with urllib.request.urlopen(PROBE, timeout=10) as answer:
            return "vulnerabilities" in json.load(answer)
    except (OSError, ValueError):
        return False


def main() -> int:
    if not answers():
        sys.stdout.write(UNKNOWN + "\n")
        return int(os.environ.get("AUDIT") == "required")
    # Strict: a package that nothing is known of has not been audited either.
    audit = [sys.executable, "-m", "pip_audit", "--local", "--strict", "--progress-spinner", "off"]
    return subprocess.run(audit, check=False).returncode  # noqa: S603 - ours alone


if __name__ == "__main__":
    sys.exit(main())

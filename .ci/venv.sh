#!/bin/sh
# Makes .venv with the first Python that is new enough; PYTHON=… names one.
for python in ${PYTHON:-python3.11 python3.12 python3.13 python3 python}; do
  if "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
    echo "Making .venv with $("$python" --version) …"
    if "$python" -m venv --clear .venv; then
      # Those that come with Python have known holes. Nothing here needs setuptools, and an old pip is better than none.
      .venv/bin/python -m pip install --quiet --disable-pip-version-check --upgrade pip || echo "pip stays as it is." >&2
      .venv/bin/python -m pip uninstall --quiet --yes setuptools 2>/dev/null
      exit 0
    fi
    rm -rf .venv
    echo "Python's venv module does not work here. On Debian and Ubuntu: apt install python3-venv" >&2
    exit 1
  fi
done
echo "SignalSync needs Python 3.11 or newer, and none of ${PYTHON:-python3.11, python3.12, python3.13, python3, python} is." >&2
echo "Install one (https://www.python.org/downloads/), or name it: make run PYTHON=/path/to/python3" >&2
exit 1

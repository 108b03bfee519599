#!/bin/sh
# Installs the system packages that are missing, where this user may; says which are missing where not.
missing=""
command -v make >/dev/null || missing="$missing make"
command -v chromium >/dev/null || command -v google-chrome >/dev/null || missing="$missing chromium"
ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || command -v initdb >/dev/null || missing="$missing postgresql"
python3 -c 'import ensurepip, sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || missing="$missing python3-venv"
if [ -z "$missing" ]; then
  echo "nothing is missing"
elif [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  apt-get update -qq
  # One by one: a package that this system does not have must not keep the others away.
  for package in $missing; do
    apt-get install -y -qq --no-install-recommends "$package" >/dev/null || echo "cannot install $package"
  done
else
  echo "missing, and not to be installed by this user:$missing"
fi

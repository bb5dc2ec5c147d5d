#!/bin/sh
# Makes the virtual environment of the tests that need Python, unless it is there and up to date.
#
#   sh tests/python/setup.sh      prints the interpreter's path
#
# It lies in .cache/python at the root of the repository; pip fetches with whatever configuration this machine has.

set -eu
here=$(cd "$(dirname "$0")" && pwd)
venv=$here/../../.cache/python
if ! cmp -s "$here/requirements.txt" "$venv/requirements.txt"; then
  rm -rf "$venv"
  python3 -m venv "$venv" >&2
  "$venv/bin/pip" install --quiet --disable-pip-version-check --requirement "$here/requirements.txt" >&2
  cp "$here/requirements.txt" "$venv/requirements.txt" # last, so that a broken installation is made again
fi
echo "$venv/bin/python"

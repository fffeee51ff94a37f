#!/usr/bin/env bash
# All that needs a GPU, in one command: what can be measured, the gpu tests, then V0 beside V7 on both tasks.
# Needs no network, sets no power limit and no clock. PYTHON names the interpreter; further arguments go to `pytest bench`.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."
python=${PYTHON:-python3}

echo "== what can be measured here"
"$python" -c 'import sys; from greenbench.cli import main; sys.exit(main(["doctor"]))'

echo "== tests on the GPU"
"$python" -m pytest tests/gpu -m gpu

# V7 quantises. Without bitsandbytes and torchao it cannot, and V6 is what is left of it: all but INT8 / FP8 and the power cap.
best=V7
if ! "$python" -c 'import importlib.util as u, sys; sys.exit(not any(map(u.find_spec, ("bitsandbytes", "torchao"))))'; then
    echo "== neither bitsandbytes nor torchao is installed: INT8 and FP8 (V4, V7) are not available; V6 runs in V7's place"
    best=V6
fi
echo "== V0 beside $best"
"$python" -m pytest bench -k "V0 or $best" --green-control off --green-require gpu "$@"

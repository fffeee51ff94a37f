#!/usr/bin/env bash
# Benchmarks the variant this folder is named after on every task; arguments go to pytest, a -k narrows the selection.
set -euo pipefail
here="$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")"
repo="$(dirname -- "$(dirname -- "$here")")"
python="${VIRTUAL_ENV:-$repo/.venv}/bin/python"
[[ -x "$python" ]] || python=python3
keyword="$(basename -- "$here")"
arguments=()
while (($#)); do
  case "$1" in
    -k) keyword+=" and (${2:?-k needs an expression})" && shift 2 ;;
    -k*) keyword+=" and (${1#-k})" && shift ;;
    *) arguments+=("$1") && shift ;;
  esac
done
exec "${PYTHON:-$python}" -m pytest "$repo/bench" --rootdir="$repo" -c "$repo/pyproject.toml" -k "$keyword" \
  ${arguments[@]+"${arguments[@]}"}

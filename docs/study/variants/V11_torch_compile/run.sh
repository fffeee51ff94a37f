#!/usr/bin/env bash
# Runs this folder's variant on every task and leaves results/<variant>_<timestamp>.json; arguments go to pytest.
here="$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")"
exec "$here/../run" "$here" "$@"

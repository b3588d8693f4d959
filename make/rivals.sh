#!/usr/bin/env bash
# The rivals of the benchmarks in an environment of their own. Usage: rivals.sh PYTHON VENV
# Without them a benchmark says which row is missing and why, so this never fails.
set -euo pipefail
python=$1 venv=$2
test -x "$venv/bin/python" || "$python" -m venv "$venv"
if ! "$venv/bin/python" -m pip install --quiet --progress-bar off -r benchmarks/rivals.txt; then
  echo "bench: qlib and KunQuant could not be installed; their rows will be missing" >&2
  rm -r "$venv"
fi

#!/usr/bin/env bash
# Installs requirements into a virtual environment, in the versions of constraints.txt. Usage: install.sh VENV EXTRA...
set -euo pipefail
venv=$1; shift
"$venv/bin/python" make/requirements.py "$@" > "$venv/requirements.txt"
if ! "$venv/bin/python" -m pip install --quiet --progress-bar off -c constraints.txt -r "$venv/requirements.txt"; then
  # A package index may drop a release; the ranges of pyproject.toml still say what works.
  echo "setup: not every pinned version of constraints.txt can be had; installing the ranges of pyproject.toml instead" >&2
  "$venv/bin/python" -m pip install --quiet --progress-bar off -r "$venv/requirements.txt"
fi

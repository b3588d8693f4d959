#!/usr/bin/env bash
# Makes the virtual environment and installs into it, unless another make just did. Usage: packages.sh VENV STAMP EXTRA...
set -euo pipefail
venv=$1 stamp=$2; shift 2
if [ -e "$stamp" ] && [ -z "$(find pyproject.toml constraints.txt make/*.sh make/requirements.py -newer "$stamp")" ]; then exit 0; fi
python=$(make/preflight.sh)
[ -x "$venv/bin/python" ] || { echo "setup: virtual environment in $venv with $python"; "$python" -m venv "$venv"; }
echo "setup: Python packages (torch may bring its CUDA libraries: up to 3 GB, minutes on the first run)"
make/install.sh "$venv" "$@"
mkdir -p "$(dirname "$stamp")" && touch "$stamp"

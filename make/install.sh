#!/usr/bin/env bash
# Installs requirements into a virtual environment, in the versions of constraints.txt. Usage: install.sh VENV EXTRA...
# A package index may drop a release: then that pin alone gives way to the range of pyproject.toml. Any other failure stops here.
set -euo pipefail
venv=$1; shift
pins="$venv/constraints.txt" report="$venv/install.log"
"$venv/bin/python" make/requirements.py "$@" > "$venv/requirements.txt"
cp constraints.txt "$pins"
until "$venv/bin/python" -m pip install --progress-bar off -c "$pins" -r "$venv/requirements.txt" > "$report" 2>&1; do
  gone=$(sed -n 's/.*(constraint) \([^ ]*==[^ ]*\).*/\1/p' "$report" | sort -u | while read -r pin; do
    "$venv/bin/python" -m pip install --quiet --dry-run --no-deps --ignore-installed "$pin" >/dev/null 2>&1 || echo "$pin"
  done)
  if [ -z "$gone" ]; then
    grep -v '^\(Collecting\|Requirement already\|  Using\|  Downloading\)' "$report" | tail -n 20 >&2
    echo "setup: the packages cannot be installed, see above (all of it in $report); mend that and run the same command again" >&2
    exit 1
  fi
  echo "setup: cannot be had any more, so what pyproject.toml allows is taken instead:" $gone >&2
  { grep -vxF "$gone" "$pins" || true; } > "$pins.new"
  mv "$pins.new" "$pins"
done

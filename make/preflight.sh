#!/usr/bin/env bash
# Prints the Python that set-up shall use; says what is missing, and how to get it, when the machine cannot build tickcast.
set -u
missing=0
lack() { printf 'missing: %s\n' "$1" >&2; printf '  get it: %s\n' "$2" >&2; missing=1; }

python=""
for candidate in ${PYTHON:-python3 python3.13 python3.12 python3.11}; do
  if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then python=$candidate; break; fi
done
if [ -z "$python" ]; then
  lack "Python 3.11 or newer (found: $(python3 --version 2>&1 || true))" \
    "apt-get install python3 python3-venv, brew install python, or name one with make PYTHON=/path/to/python3.12"
elif ! "$python" -c 'import venv, ensurepip' >/dev/null 2>&1; then
  lack "the venv module of $python" "apt-get install python3-venv (Debian and Ubuntu package it apart)"
fi

if ! command -v cc >/dev/null 2>&1 && ! command -v gcc >/dev/null 2>&1 && ! command -v clang >/dev/null 2>&1; then
  lack "a C compiler (cc)" "apt-get install build-essential, dnf install gcc, or xcode-select --install"
fi

wanted=$(sed -n 's/^rust-version *= *"\([0-9.]*\)".*/\1/p' Cargo.toml | head -n 1)
if ! command -v cargo >/dev/null 2>&1; then
  lack "a Rust toolchain (cargo)" "install rustup (https://rustup.rs), then: rustup toolchain install stable --component clippy,rustfmt"
else
  found=$(rustc --version 2>/dev/null | cut -d' ' -f2)
  if [ "$(printf '%s\n%s\n' "$wanted" "$found" | sort -V | head -n 1)" != "$wanted" ]; then
    lack "Rust $wanted or newer (found ${found:-none})" "rustup update stable"
  fi
fi

[ "$missing" -eq 0 ] || exit 1
printf '%s\n' "$python"

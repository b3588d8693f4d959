# Every command of the project. `make help` lists them; CI runs the same ones.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

VENV := .venv
BIN := $(VENV)/bin
STAMPS := $(VENV)/.stamps
JOBS ?= 2
# Two makes at once, as setup and questdb, install one after the other; the lock is on this file.
ALONE := $(shell command -v flock >/dev/null && echo flock Makefile)

# One thread by default: two inference threads on a busy two-core machine cost a factor of seven.
export OMP_NUM_THREADS ?= 1
export MKL_NUM_THREADS ?= 1
export OPENBLAS_NUM_THREADS ?= 1
export POLARS_MAX_THREADS ?= 1
export PYTHONHASHSEED ?= 0

RUST := $(shell find crates -name '*.rs' -o -name Cargo.toml) Cargo.toml
PYTHON_SOURCES := $(shell find src tests make benchmarks examples -name '*.py' -o -name '*.pyi' -o -name '*.yaml' -o -name '*.json' 2>/dev/null)
TEXTS := $(wildcard *.md docs/*.md docs/*/*.md configs/*.yaml golden/*.json) Makefile pyproject.toml .ci/run
CARGO_TESTS := cargo test --quiet --workspace --exclude tickcast-python

.PHONY: help setup demo questdb test soak check lint types rust-lint bench docs constraints clean

help: ## list the commands
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1\t\2/p' $(MAKEFILE_LIST) | while IFS=$$'\t' read -r name text; do printf '  make %-12s %s\n' "$$name" "$$text"; done

$(STAMPS)/packages: pyproject.toml constraints.txt make/packages.sh make/install.sh make/requirements.py
	@$(ALONE) make/packages.sh $(VENV) $@ train dev

$(STAMPS)/engine: $(STAMPS)/packages $(RUST)
	@make/preflight.sh >/dev/null
	@echo "setup: Rust core, release build"
	@PIP_QUIET=1 PIP_CONSTRAINT=constraints.txt $(ALONE) $(BIN)/maturin develop --release --quiet
	@touch $@

setup: $(STAMPS)/engine ## virtual environment, pinned packages, release build of the Rust core

demo: setup ## forecast real ES ticks: report, bundle, replay through the server (minutes)
	@$(BIN)/tickcast demo

# The tests of the server store use the jar; without it they say why they skip.
QUESTDB := target/questdb
QUESTDB_FOLDER ?= data/questdb
QUESTDB_PG ?= 8812
QUESTDB_HTTP ?= 9000

$(STAMPS)/questdb: make/questdb.sh
	@make/questdb.sh $(QUESTDB) >/dev/null || echo "setup: the tests of the QuestDB store will be skipped" >&2
	@mkdir -p $(STAMPS) && touch $@

questdb: setup ## a QuestDB server of your own in data/questdb, this machine only; Ctrl-C stops it
	@jar=$$(make/questdb.sh $(QUESTDB)); exec $(BIN)/python make/questdb_server.py "$$jar" $(QUESTDB_FOLDER) $(QUESTDB_PG) $(QUESTDB_HTTP)

# The tests run once: `make check` after a passed `make test` of the same sources does not repeat them.
define run_tests
	$(CARGO_TESTS)
	$(BIN)/python -m pytest -n $(JOBS) --dist loadfile
	@mkdir -p $(STAMPS) && touch $(STAMPS)/tests
endef

test: setup $(STAMPS)/questdb ## every test of the Rust core and of Python
	$(run_tests)

soak: setup $(STAMPS)/questdb ## the heavy loops: hundreds of kills, cuts and full disks (an hour)
	$(BIN)/python -m pytest -m soak -n $(JOBS) --dist loadfile

$(STAMPS)/tests: $(STAMPS)/engine $(STAMPS)/questdb $(PYTHON_SOURCES) $(TEXTS)
	$(run_tests)

lint: setup ## format and lint, Python
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: setup ## types, strict
	$(BIN)/mypy

rust-lint: setup ## format and lint, Rust
	cargo fmt --all --check
	cargo clippy --quiet --workspace --all-targets -- -D warnings

check: lint types rust-lint $(STAMPS)/tests ## format, lint, types, house rules and tests (not repeated if they just passed)
	@echo "check: all passed"

$(STAMPS)/rivals: benchmarks/rivals.txt make/rivals.sh | $(STAMPS)/packages
	@echo "bench: qlib and KunQuant in $(VENV)/rivals (minutes on the first run)"
	@make/rivals.sh $(BIN)/python $(VENV)/rivals
	@touch $@

bench: setup $(STAMPS)/rivals ## measure ours and its rivals in the same run, print one table
	@$(BIN)/python benchmarks/table.py

$(STAMPS)/docs: $(STAMPS)/packages
	@$(ALONE) make/install.sh $(VENV) train dev docs
	@touch $@

docs: $(STAMPS)/docs $(STAMPS)/engine ## build the pages of docs/ into site/
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet --site-dir site
	@echo "docs: open site/index.html"

constraints: $(STAMPS)/docs ## write constraints.txt from what is installed (after a tested upgrade)
	@$(BIN)/python make/constraints.py > constraints.txt.new && mv constraints.txt.new constraints.txt

clean: ## remove what was built; the virtual environment stays (rm -r .venv)
	@rm -rf target site dist .pytest_cache .mypy_cache .ruff_cache .hypothesis $(STAMPS)
	@find . -name __pycache__ -type d -not -path './$(VENV)/*' -exec rm -rf {} +

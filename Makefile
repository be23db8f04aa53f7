# make serve | demo | test | test-all | check | fix | bench | live | requirements     Everything sets itself up first.

PYTHON ?= python3
VENV := .venv
LIVE := .venv-live
COMPILER := .venv-requirements
BIN := $(VENV)/bin
PIP_INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check
SOURCES := manage.py qsmetrics usage dashboards tests benchmarks clients
# A round of tests between two edits; with QSMETRICS_TESTS_MUST_RUN, as in CI, all of them.
ROUND := $(if $(QSMETRICS_TESTS_MUST_RUN),,-m "not process")
TEMPLATES := $(shell find templates -name '*.html')

.PHONY: serve demo test test-all check fix bench live requirements clean

serve: $(VENV)/.ready
	$(BIN)/python manage.py serve

demo: $(VENV)/.ready
	METRICS_STORAGE_PATH=./data/demo.db $(BIN)/python manage.py serve --demo

test: $(VENV)/.ready
	$(BIN)/python -m pytest -q -n auto $(ROUND)
	@echo "Left out: what starts real programs. make test-all runs it too, .ci/run the rest: see CONTRIBUTING.md."

test-all: $(VENV)/.ready
	$(BIN)/python -m pytest -q -n auto

check: $(VENV)/.ready-dev
	$(BIN)/ruff format --check --quiet $(SOURCES)
	$(BIN)/ruff check --quiet $(SOURCES)
	$(BIN)/djade --target-version 5.2 --check $(TEMPLATES)
	$(BIN)/mypy .
	$(BIN)/lint-imports --no-logo
	SECRET_KEY=only-for-this-check-0123456789abcdef $(BIN)/python manage.py makemigrations --check --dry-run
	$(BIN)/python -m pytest -q -n auto $(ROUND)
	@echo "Left out here, and run by .ci/run: what starts real programs (make test-all), each in an interpreter of its own," \
		"three of four random or listed cases (all with QSMETRICS_TESTS_MUST_RUN=1), the suite on PostgreSQL, tests/engines, make live."

fix: $(VENV)/.ready-dev
	$(BIN)/ruff format --quiet $(SOURCES)
	$(BIN)/ruff check --fix --quiet $(SOURCES)
	$(BIN)/djade --target-version 5.2 $(TEMPLATES)

bench: $(VENV)/.ready-bench
	$(BIN)/python -m benchmarks

live: $(VENV)/.ready $(LIVE)/.ready
	agents=$$(.ci/live_agents) && \
		QSMETRICS_AGENTS=$$agents QSMETRICS_LIVE_MUST_RUN=1 $(BIN)/python -m pytest -q -n 3 tests/live

requirements: $(COMPILER)/bin/uv
	.ci/compile_requirements $< $(UPGRADE)

clean:
	rm -rf $(VENV) $(LIVE) $(COMPILER) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

$(VENV)/.ready: requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "qsmetrics needs Python 3.11 or later: make PYTHON=python3.11 $(MAKECMDGOALS)"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' \
		|| { echo "Python cannot make virtual environments: apt install python3-venv"; exit 1; }
	@echo "Setting up in $(VENV): about half a minute, once."
	@$(PYTHON) -m venv $(VENV)
	@$(PIP_INSTALL) -r requirements.txt
	@touch $@

$(VENV)/.ready-dev: requirements-dev.txt $(VENV)/.ready
	@$(PIP_INSTALL) -r requirements-dev.txt
	@touch $@

$(VENV)/.ready-bench: requirements-bench.txt $(VENV)/.ready
	@$(PIP_INSTALL) -r requirements-bench.txt
	@touch $@

$(LIVE)/.ready: requirements-live.txt tests/live/package.json tests/live/package-lock.json
	@node --version >/dev/null && npm --version >/dev/null 2>&1 \
		|| { echo "Node 18.19 or later is missing: apt install nodejs npm"; exit 1; }
	@echo "Setting up clients of other projects in $(LIVE): a minute or two, once."
	@$(PYTHON) -m venv $(LIVE)
	@$(LIVE)/bin/python -m pip install --quiet --disable-pip-version-check -r requirements-live.txt
	@cp tests/live/package.json tests/live/package-lock.json $(LIVE)
	@cd $(LIVE) && npm ci --silent --ignore-scripts --no-audit --no-fund
	@touch $@

$(COMPILER)/bin/uv:
	@$(PYTHON) -m venv $(COMPILER)
	@$(COMPILER)/bin/python -m pip install --quiet --disable-pip-version-check uv==0.13.9

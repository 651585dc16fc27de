# Bucketroll. Nothing has to be done by hand before any of these: what is missing is installed first.
SHELL := /bin/bash
.DEFAULT_GOAL := help
export PYTHONDONTWRITEBYTECODE := 1
export DEBIAN_FRONTEND := noninteractive

python := .venv/bin/python
install := $(python) -m pip install --quiet --disable-pip-version-check --require-hashes
pytest := $(python) -m pytest
# Two processes; the one that has nothing left to do takes tests from the other.
parallel := -n 2 --dist worksteal

.PHONY: help run run-s3 test test-fast lint bench lock clean for-run for-test for-bench

help: ## show this list
	@sed -n 's/^\([a-z0-9-]*\):.*## /  make \1\t/p' Makefile | expand -t 20

run: for-run ## start Bucketroll on http://127.0.0.1:2283, media and database under ./data
	@exec deploy/run.sh

run-s3: for-run .venv/.s3-server ## the same, with an S3 server of its own under ./data
	@exec deploy/run-s3.sh

test: lint .tools/.immich ## everything: lint, then all tests, servers and browser included
	@$(pytest) $(parallel) --durations=15

test-fast: .venv/.tests ## the tests that start no server
	@deploy/packages.sh test-fast
	@$(pytest) $(parallel) -m "not servers"

lint: for-test ## ruff and mypy
	@$(python) -m ruff check .
	@$(python) -m mypy .

bench: for-bench .tools/.peers .tools/.sharp ## measure speed and memory; see benchmarks/
	@$(python) -m benchmarks

lock: .venv/.made ## resolve pyproject.toml into the requirements files, with hashes
	@deploy/lock.sh

clean: ## remove what make installed and what tools cached; ./data stays
	rm -rf .venv .tools .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

for-run: .venv/.runtime
	@deploy/packages.sh run

for-test: .venv/.tests
	@deploy/packages.sh test

for-bench: .venv/.tests
	@deploy/packages.sh bench

# Stamps: made once, made again only when what they were made from has changed.
.venv/.made:
	@deploy/venv.sh
	@touch $@

.venv/.runtime: requirements.txt | .venv/.made
	@echo "Installing the Python packages of requirements.txt"
	@$(install) -r requirements.txt
	@touch $@

.venv/.s3-server: deploy/requirements-s3-server.txt | .venv/.runtime
	@$(install) -r $<
	@touch $@

.venv/.tests: tests/requirements.txt requirements.txt | .venv/.made
	@echo "Installing the Python packages of tests/requirements.txt"
	@$(install) -r tests/requirements.txt
	@touch .venv/.runtime .venv/.s3-server $@

.tools/.immich: tests/e2e/package.json tests/e2e/package-lock.json | for-test
	@echo "Installing the Immich CLI"
	@mkdir -p .tools
	@cp tests/e2e/package.json tests/e2e/package-lock.json .tools/
	@cd .tools && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

.tools/.peers: $(addprefix benchmarks/peers/,archiver.mjs package.json package-lock.json) | for-bench
	@echo "Installing the Node.js packages that the benchmarks measure against"
	@mkdir -p .tools/peers
	@cp $^ .tools/peers/
	@cd .tools/peers && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

.tools/.sharp: $(addprefix benchmarks/peers/sharp/,thumbnails.mjs package.json package-lock.json) | .tools/.peers
	@mkdir -p .tools/peers/sharp
	@cp $^ .tools/peers/sharp/
	@cd .tools/peers/sharp && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

# Sluice: `make help` lists what there is to do.
#
# Needs Python 3.11, 3.12 or 3.13 and a package index; everything else is installed into .venv, locked and checked.
#   make run ARGS='--gateway-port 8081'   passes options on to `sluice up`
#   make test ARGS='tests/unit -k codec'  passes options on to pytest
#   make chaos MINUTES=3 SEED=7           repeats a run of chaos; SEED=1..10 makes ten
#   make PYTHON=/path/to/python3.12 run   chooses the interpreter of a new .venv

# The first Python that can do it; else python3, to which bootstrap.py says what is wrong. It is tried and not only
# looked for, since a version manager's shim may stand for a Python that is not there.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' >/dev/null 2>&1 \
	&& echo $$p && exit; done; echo python3)
BIN := .venv/bin
ARGS ?=
TIMES ?= 20
MINUTES ?= 10
SEED ?=

.DEFAULT_GOAL := help
.PHONY: help run test fuzz chaos check check-deploy format lock clean env-local env-dev

help:  ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: env-local  ## Start the whole pipeline here: Kafka, ClickHouse, gateway, processors, sinks
	@exec $(BIN)/sluice up $(ARGS)

test: env-dev  ## Run the tests, two halves at once, each with a real Kafka and a real ClickHouse
	@$(BIN)/python -m pytest --numprocesses 2 --dist loadfile $(ARGS)

fuzz: env-dev  ## Try hostile requests, and processors cut off, TIMES (20) times as many as the tests do
	@$(BIN)/python -m pytest tests/fuzz tests/unit/processors/test_determinism.py --fuzz-times $(TIMES) --timeout 0 $(ARGS)

chaos: env-dev  ## Kill, pause and cut everything under load for MINUTES (10), and see that nothing is lost or doubled
	@$(BIN)/python -m tests.chaos --minutes $(MINUTES) $(if $(SEED),--seeds $(SEED)) $(ARGS)

check: env-dev  ## Lint, check formatting and types
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

check-deploy:  ## Load docker-compose.yml with Compose's own library (needs Go)
	@cd deploy/compose-check && SLUICE_VISITOR_SECRET=only-for-this-check go run . ../../docker-compose.yml

format: env-dev  ## Format the code and mend what the linter can mend
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

lock:  ## Compile requirements/*.lock from pyproject.toml (UPGRADE=1 takes newer versions)
	@PYTHON=$(PYTHON) sh requirements/compile.sh

clean:  ## Remove the environment and caches (not the data in .sluice/)
	@rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis

# Quick when there is nothing to do. `dev` contains `local`, so after `make test` this installs nothing for `make run`.
env-local env-dev: env-%:
	@$(PYTHON) bootstrap.py $*

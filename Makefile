# Sluice: `make help` lists what there is to do.
#
# Everything is installed into .venv from the locked requirements; PYTHON chooses the interpreter.

PYTHON ?= $(shell command -v python3.13 || command -v python3.12 || command -v python3.11 || command -v python3)
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help run test check format lock clean

help:  ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: $(STAMP)-local  ## Start the whole pipeline here: Kafka, ClickHouse, gateway, processors, sinks
	@exec $(BIN)/sluice up

test: $(STAMP)-dev  ## Run the unit, conformance and integration tests (real Kafka, real ClickHouse)
	@$(BIN)/python -m pytest

check: $(STAMP)-dev  ## Lint, check formatting and types
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

format: $(STAMP)-dev  ## Format the code and mend what the linter can mend
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

lock: $(STAMP)-dev  ## Compile requirements/*.lock anew from pyproject.toml
	@sh requirements/compile.sh

clean:  ## Remove the environment (not the data in .sluice/)
	@rm -rf $(VENV)

$(STAMP)-%: requirements/%.lock pyproject.toml bootstrap.py
	@$(PYTHON) bootstrap.py $*
	@touch $@

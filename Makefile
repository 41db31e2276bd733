# The only commands to learn. `make` alone lists them.
SHELL := /bin/bash
BIN := .venv/bin
PYTHON ?= python3
WORKERS ?= auto
SOURCES := shared services deploy/local tests bench conftest.py

.DEFAULT_GOAL := help
.PHONY: help run demo stop token env test fuzz faults mutants check format schemas promise bench lock venv clean

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "  make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: venv ## the whole system here, with the sample month (or CORPUS=<dir>); Ctrl-C stops it
	@exec $(BIN)/python -m billing_local.cli run $(if $(CORPUS),--corpus "$(CORPUS)")

demo: venv ## the sample month in a fresh folder, checked, everything stopped; exit 0 or 1
	@exec $(BIN)/python -m billing_local.cli demo

stop: venv ## stop a `make run` of this folder from another terminal
	@$(BIN)/python -m billing_local.cli stop

token: venv ## a bearer token for the running system: make token ROLE=clerk TENANT=<uuid>
	@$(BIN)/python -m billing_local.cli token $(if $(ROLE),--role "$(ROLE)") $(if $(TENANT),--tenant "$(TENANT)")

env: venv ## its URLs and a token for your shell: eval "$$(make -s env TENANT=new)"
	@$(BIN)/python -m billing_local.cli env $(if $(ROLE),--role "$(ROLE)") $(if $(TENANT),--tenant "$(TENANT)")

test: venv ## all fast tests; SLOW=1 adds the slow; BROKER=apache; ARGS="-k name" for some
	@$(BIN)/pytest -n $(WORKERS) $(if $(SLOW),-m "") $(ARGS)

faults: venv ## the long crash story on Apache Kafka and the hammer, 45 minutes; SEED=n for the same once more
	@cd tests && BROKER=$${BROKER:-apache} ../$(BIN)/python -m faults.story $(if $(SEED),--seed $(SEED))
	@cd tests && exec ../$(BIN)/python -m faults.hammer $(if $(SEED),--seed $(SEED))

fuzz: venv ## drawn requests against every operation; more of them: make fuzz EXAMPLES=100 SEED=7
	@EXAMPLES="$(or $(EXAMPLES),20)" SEED="$(or $(SEED),3)" $(BIN)/pytest tests/fuzz -m "" -n 2 -rP

mutants: venv ## take out each guard once: a table of the tests that notice
	@cd tests && exec ../$(BIN)/python -m mutants.table

check: venv ## format, lint, types, import rules, generated files, promises kept
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/ruff check --no-cache $(SOURCES)
	$(BIN)/mypy shared/src services/*/src deploy/local/src bench
	$(BIN)/lint-imports --cache-dir .import_linter_cache
	$(BIN)/python -m billing_shared.generate --check
	$(BIN)/python -m billing_shared.promises --check

bench: venv ## what we cost against a floor: make bench BROKER=apache ARGS=--quick (bench/README.md)
	@$(BIN)/python -m bench $(if $(BROKER),--broker $(BROKER)) $(ARGS)

format: venv ## put the code into its house style
	$(BIN)/ruff format $(SOURCES)
	$(BIN)/ruff check --fix $(SOURCES)

schemas: venv ## generate docs/events, docs/errors.md, docs/settings.md from the code
	$(BIN)/python -m billing_shared.generate

promise: venv ## freeze the events and routes of today as promised; done once per release
	$(BIN)/python -m billing_shared.promises

lock: ## pin every package anew (needs uv)
	uv pip compile --quiet --generate-hashes --no-emit-index-url --universal --python-version 3.11 \
	  --custom-compile-command "make lock" $(LOCK_ARGS) requirements.in -o requirements.lock
	uv pip compile --quiet --generate-hashes --no-emit-index-url --universal --python-version 3.11 \
	  --custom-compile-command "make lock" $(LOCK_ARGS) -c requirements.lock requirements-dev.in -o requirements-dev.lock

venv: # quick when the lock is unchanged
	@PYTHON="$(PYTHON)" deploy/local/bootstrap

clean: ## forget the local system and every cache (not the code)
	@if [ -x $(BIN)/python ]; then $(BIN)/python -m billing_local.cli stop; fi
	rm -rf .billing .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

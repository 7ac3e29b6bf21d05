# The two commands, and shorthands for the tox environments of the same names.
# PYTHON chooses the interpreter: PYTHON=python3.12 make run.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

BOOTSTRAP := .tox/bootstrap
TOX := $(BOOTSTRAP)/bin/python -m tox
PINS := constraints.txt tox.ini $(wildcard services/*/pyproject.toml shared/*/pyproject.toml)

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

.PHONY: run
run: .tox/run/.ready ## start both services on SQLite in ./data (USERS_PORT, ITEMS_PORT and DATA_DIR change that)
	@exec .tox/run/bin/python -I tools/runner/launch.py $$PPID .tox/run/bin/python tools/run.py

.PHONY: test
test: $(BOOTSTRAP)/.ready ## lint, types and all tests on one Python (ONLY="lint users" narrows, VERBOSE=1 shows all)
	@exec $(BOOTSTRAP)/bin/python tools/test.py

.PHONY: check
check: $(BOOTSTRAP)/.ready ## what `make test` does, on every supported Python, and the slow steps
	@exec $(BOOTSTRAP)/bin/python tools/test.py --thorough

.PHONY: format
format: $(BOOTSTRAP)/.ready ## mend what a tool can mend
	@$(TOX) -e format

.PHONY: lint
lint: $(BOOTSTRAP)/.ready ## check style, imports and layering
	@$(TOX) -e lint

.PHONY: types
types: $(BOOTSTRAP)/.ready ## check the types
	@$(TOX) -e types

.PHONY: env
env: ## write .env for docker compose: secrets, and what services have to know of each other
	@python3 workspace.py env

.PHONY: constraints
constraints: $(BOOTSTRAP)/.ready ## pin the newest versions that fit together (ARGS=--upgrade renews all)
	@$(TOX) -e constraints -- $(ARGS)

.PHONY: contracts
contracts: $(BOOTSTRAP)/.ready ## write contracts/ anew from the consumers' tests and the services, after a wanted change
	@$(TOX) exec -e contracts -- contracts update

.PHONY: clean
clean: ## remove environments, caches and reports; the data stays
	@find . \( -path ./.git -o -path ./data \) -prune -o \( -name .tox -o -name __pycache__ \
	    -o -name '.*_cache' -o -name .benchmarks -o -name '*.egg-info' -o -name .hypothesis -o -name htmlcov \
	    -o -name .coverage -o -name '.coverage.*' -o -name coverage.xml -o -name 'report*.xml' \
	    -o -name contract-report.html -o -name e2e-failures \
	    \) -prune -exec rm -rf {} +

# An environment's stamp lies in its folder, so it goes with it, and no stamp is left by a recipe
# that was interrupted. tox doesn't notice a change in a local package's dependencies: hence
# --recreate, which costs two seconds once uv has everything in its cache.
.tox/run/.ready: $(BOOTSTRAP)/.ready $(PINS)
	@echo "Preparing what the services need (a minute the first time) ..."
	@$(TOX) --quiet -e run --notest --recreate
	@touch $@

$(BOOTSTRAP)/.ready: .tox/made-for constraints.txt tools/bootstrap.sh
	@sh tools/bootstrap.sh $(BOOTSTRAP)
	@touch $@

# Environments hold absolute paths and one Python: in a moved checkout, and with another PYTHON,
# they are made anew.
MADE_FOR := $(strip $(CURDIR) $(PYTHON))
ifneq ($(MADE_FOR),$(shell cat .tox/made-for 2>/dev/null))
.PHONY: .tox/made-for
endif
.tox/made-for:
	@if [ -e $@ ]; then rm -rf .tox services/*/.tox shared/*/.tox; fi
	@mkdir -p .tox
	@echo "$(MADE_FOR)" > $@

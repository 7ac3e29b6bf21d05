# The two commands, and shorthands for the tox environments of the same names.
# PYTHON chooses the interpreter: PYTHON=python3.12 make run.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

BOOTSTRAP := .tox/bootstrap
TOX := $(BOOTSTRAP)/bin/python -m tox
# The first that runs, is new enough and can make environments: a version manager's shim may exist and yet not work.
FOUND = $(eval FOUND := $(shell for each in $(or $(PYTHON),python3 python3.13 python3.12 python3.11); do \
    $$each -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$each && break; \
    done))$(FOUND)
NONE_FOUND = $(or $(PYTHON),python3) is no Python 3.11 or newer that can make environments. Install one (on Debian \
    and Ubuntu also its package python3-venv), or name another: PYTHON=python3.13 make ...
# For those who have no uv. Debian's Python has no pip, but can make one.
INSTALL_UV = sed -n '/^uv==/,/[^\]$$/p' deploy/requirements/tox.txt > $(BOOTSTRAP)/uv.txt && \
    if $(FOUND) -m pip --version > /dev/null 2>&1; then python=$(FOUND); \
    else python=$(BOOTSTRAP)/bin/python && $$python -m ensurepip > /dev/null; fi && \
    $$python -m pip --python $(BOOTSTRAP)/bin/python install --quiet --disable-pip-version-check --require-hashes \
        -r $(BOOTSTRAP)/uv.txt
# Lets the services end also when make is killed.
END_WITH_MAKE := $(if $(shell command -v setpriv),setpriv --pdeathsig TERM --)

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

.PHONY: run
run: $(BOOTSTRAP)/.ready ## start every service on SQLite in ./data (<NAME>_PORT and DATA_DIR change that)
	@$(BOOTSTRAP)/bin/python workspace.py install
	@exec $(END_WITH_MAKE) $(BOOTSTRAP)/bin/python run.py $(OPTIONS)

.PHONY: dev
dev: OPTIONS = --reload
dev: run ## what `make run` does, and restart a service when its code changes

.PHONY: demo
demo: export DATA_DIR := $(or $(DATA_DIR),data/demo)
demo: OPTIONS = --demo
demo: run ## what `make run` does, with a few hundred users and items to look at, in ./data/demo

.PHONY: test
test: $(BOOTSTRAP)/.ready ## lint, types and the tests on one Python (ONLY="lint e2e" narrows)
	@exec $(BOOTSTRAP)/bin/python check.py test

.PHONY: check
check: $(BOOTSTRAP)/.ready ## what `make test` does, and what is slow or needs Docker (ONLY narrows)
	@exec $(BOOTSTRAP)/bin/python check.py check

.PHONY: format
format: $(BOOTSTRAP)/.ready ## fix what a tool can fix
	@$(TOX) -q -e format

.PHONY: lint
lint: $(BOOTSTRAP)/.ready ## check style, imports and layering
	@$(TOX) -q -e lint

.PHONY: types
types: $(BOOTSTRAP)/.ready ## check the types
	@$(TOX) -q -e types

.PHONY: contracts
contracts: $(BOOTSTRAP)/.ready ## regenerate contracts/ from the consumers' tests and the services, after an intended change
	@$(TOX) -q -e contracts -- update

.PHONY: constraints
constraints: $(BOOTSTRAP)/.ready ## pin the newest versions that fit together (ARGS=--upgrade renews all)
	@$(TOX) -e constraints -- $(ARGS)

.PHONY: new-service
new-service: $(BOOTSTRAP)/.ready ## make a service: NAME=orders [CONSUMES=items] [SUBSCRIBES=users] [PORT=8003] [DATABASE=no]
	@$(BOOTSTRAP)/bin/python new_service.py

.PHONY: env
env: $(BOOTSTRAP)/.ready ## write .env for docker-compose.yml, with new secrets
	@$(BOOTSTRAP)/bin/python workspace.py env

.PHONY: remove-service
remove-service: $(BOOTSTRAP)/.ready ## delete a service and what mentions it (NAME=items; FORCE=yes even if others need it)
	@$(BOOTSTRAP)/bin/python remove_service.py "$(NAME)" "$(FORCE)"

.PHONY: clean
clean: ## remove environments, caches and reports; the data stays
	@find . \( -path ./.git -o -path ./data \) -prune -o \( -name .tox -o -name __pycache__ \
	    -o -name '.*_cache' -o -name .benchmarks -o -name '*.egg-info' -o -name .hypothesis -o -name htmlcov \
	    -o -name .coverage -o -name '.coverage.*' -o -name coverage.xml -o -name 'report*.xml' \
	    -o -name contract-report.html -o -name e2e-failures \
	    \) -prune -exec rm -rf {} +

$(BOOTSTRAP)/.ready: .tox/pins
	@echo "Preparing tox with $(or $(FOUND),$(error $(NONE_FOUND))) ..."
	@$(FOUND) -m venv --clear --without-pip $(BOOTSTRAP)
	@uv --version > /dev/null 2>&1 || { $(INSTALL_UV); }
	@PATH="$$PWD/$(BOOTSTRAP)/bin:$$PATH" uv pip install --quiet --python $(BOOTSTRAP)/bin/python --require-hashes \
	    -r deploy/requirements/tox.txt
	@touch $@

# Environments contain absolute paths and one Python: a moved checkout or another PYTHON makes new ones.
MADE_FOR := $(strip $(CURDIR) $(PYTHON))
QUOTED_MADE_FOR := '$(subst ','\'',$(MADE_FOR))'
ifneq ($(MADE_FOR),$(shell cat .tox/made-for 2>/dev/null))
.PHONY: .tox/made-for
endif
.tox/made-for:
	@: $(or $(FOUND),$(error $(NONE_FOUND)))
	@if [ -e $@ ]; then rm -rf .tox services/*/.tox shared/*/.tox; fi
	@mkdir -p .tox
	@printf '%s\n' $(QUOTED_MADE_FOR) > $@

# By content: a checkout changes times, too.
ifneq ($(shell cksum < constraints.txt),$(shell cat .tox/pins 2>/dev/null))
.PHONY: .tox/pins
endif
.tox/pins: .tox/made-for
	@cksum < constraints.txt > $@

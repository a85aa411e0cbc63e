# For who works on the template; `make help` lists the commands. Everything stays in this clone and in temporary folders.
suitable = import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))
PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11; do \
	$$python -c '$(suitable)' 2>/dev/null && command -v $$python && break; done)
VENV ?= .venv
# Not the environment's own uv, where that is active: it would remove itself.
UV := $(shell command -v uv | grep -vF "$(abspath $(VENV))/" || echo .uv/bin/uv)
WORKERS ?= 2
export UV_CACHE_DIR ?= $(CURDIR)/.cache/uv
export UV_PYTHON_DOWNLOADS ?= never
export MLOPS_ENVS ?= $(CURDIR)/.cache/envs
export PATH := $(abspath $(VENV))/bin:$(PATH)
unexport PYTHONDONTWRITEBYTECODE

PROJECT := {{cookiecutter.project_slug}}
READY := $(VENV)/.ready
QUIET := $(shell test -t 2 || echo --quiet)

.DEFAULT_GOAL := help
.PHONY: help setup test e2e forge-e2e demo bake lint style types tests lock notes clean

setup: $(READY)  ## make the environment in .venv

$(READY): requirements.txt | $(UV)
	@test -n "$(PYTHON)" || { echo "No Python from 3.11 to 3.13 was found: install one, or name it: make PYTHON=…"; exit 2; }
	@echo "setup: environment in $(VENV), packages checked by their hashes (minutes the first time)"
	@UV_VENV_CLEAR=1 $(UV) venv --quiet --python "$(PYTHON)" $(VENV)
	@$(UV) pip sync $(QUIET) --python $(VENV) --require-hashes requirements.txt
	@$(VENV)/bin/python scripts/helm.py >/dev/null || true  # it says what only some tests will miss
	@$(VENV)/bin/python scripts/prometheus.py >/dev/null || true  # the same
	@touch $@

.uv/bin/uv: $(PROJECT)/requirements/uv.txt
	@test -n "$(PYTHON)" || { echo "No Python from 3.11 to 3.13 was found: install one, or name it: make PYTHON=…"; exit 2; }
	@echo "setup: uv, for this clone alone, in .uv"
	@"$(PYTHON)" -m venv --clear .uv
	@.uv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r "$(PROJECT)/requirements/uv.txt"
	@touch $@

lint: style types  ## style, types and the direction of imports

style: $(READY)
	ruff check --config pyproject.toml .
	ruff format --config pyproject.toml --check .
	PYTHONPATH="$(PROJECT)/src" lint-imports

types: $(READY)
	mypy "$(PROJECT)/src/mlops" hooks scripts

# Types take a minute in a fresh clone: they are looked at while the tests run.
test: style  ## everything that can be checked on this machine (11 to 14 minutes on 2 cores)
	@$(MAKE) --no-print-directory --jobs 2 types tests

# They run make themselves, which is not to look for the workers of this one. Trainings of two workers that each take
# both cores wait for each other: four times as long as with a core each.
tests: $(READY)
	MAKEFLAGS= MFLAGS= MAKELEVEL= OMP_NUM_THREADS=1 pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder -m "not e2e"

e2e: $(READY)  ## on a real cluster with Argo CD (20 minutes; says what it needs where there is none)
	pytest -m e2e tests/e2e

forge-e2e: $(READY)  ## on a real Git forge with its runner (40 minutes; what happened is in build/forge/*.log)
	pytest -m e2e tests/forge

demo: $(READY)  ## bake a project into a temporary folder and run its demo there
	@folder=$$(mktemp -d "$${TMPDIR:-/tmp}/gitops-ml.XXXXXX") && \
	python=$$(python -c 'import sys; print("%d.%d" % sys.version_info[:2])') && \
	HOME="$$folder" cookiecutter --no-input --output-dir "$$folder" . python_version="$$python" && \
	$(MAKE) --no-print-directory -C "$$folder/flight-delays" setup data demo

bake: $(READY)  ## bake a project into a temporary folder and run its make check (ANSWERS="python_version=3.12 …")
	@folder=$$(mktemp -d "$${TMPDIR:-/tmp}/gitops-ml.XXXXXX") && trap 'rm -rf "$$folder"' EXIT && \
	HOME="$$folder" cookiecutter --no-input --output-dir "$$folder" . $(ANSWERS) && \
	$(MAKE) --no-print-directory -C "$$folder/flight-delays" setup check

lock: $(READY)  ## write every requirements file anew after a change of dependencies (UPGRADE=--upgrade: newer versions)
	@folder=$$(mktemp -d) && trap 'rm -rf "$$folder"' EXIT && \
	HOME="$$folder" cookiecutter --no-input --output-dir "$$folder" . python_version=3.11 && \
	$(MAKE) --no-print-directory -C "$$folder/flight-delays" lock && \
	cp "$$folder"/flight-delays/requirements/*.txt "$(PROJECT)/requirements/"
	@$(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--no-annotate --custom-compile-command "make lock" $(UPGRADE) --output-file requirements.txt requirements.in
	@python scripts/taken.py

notes:  ## print what CHANGELOG.md says of a version (VERSION=1.0.0)
	@"$(PYTHON)" scripts/changelog.py "$$VERSION"

clean:  ## remove the environment and the caches
	rm -rf .uv .cache .mypy_cache .pytest_cache .ruff_cache .import_linter_cache $(VENV)

help:  ## list these commands
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*##  *' '{printf "make %-9s %s\n", $$1, $$2}'

# Needs Python 3.11 or newer and make, nothing else; a target that needs more says so.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

UV := .uv/bin/uv
PYTHON := .venv/bin/python
SAM := .sam/bin/sam
export PATH := $(CURDIR)/.venv/bin:$(PATH)

.PHONY: help setup demo serve test check build deploy bench sam-local clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: .venv/.ready ## Install everything into .venv (the other targets do it by themselves)

demo: .venv/.ready ## Start the stack, run every family through its paces, stop
	@$(PYTHON) -m local.demo

serve: .venv/.ready ## Run the stack in the foreground; PORT=... picks the port
	@$(PYTHON) -m local.serve

test: .venv/.ready ## Run every test; ARGS=... goes to pytest
	@$(PYTHON) -m pytest -n 2 --dist loadgroup $(ARGS)

check: .venv/.ready ## Lint, types, layers, template, house rules
	ruff check
	ruff format --check
	mypy
	for handler in functions/*/handler.py; do mypy "$$handler"; done
	lint-imports
	cfn-lint template.yaml
	$(PYTHON) -m pytest tests/architecture

build: .sam/.ready layers/dependencies/requirements.txt ## Build for AWS into .aws-sam (needs python3.13 on the PATH); ARCHITECTURE=x86_64 for Intel
	$(SAM) build --parameter-overrides Architecture=$(ARCHITECTURE)
ARCHITECTURE ?= arm64

deploy: build ## Deploy to the AWS account of your environment, asking for parameters
	$(SAM) deploy --guided --parameter-overrides Architecture=$(ARCHITECTURE)

bench: .venv/.ready ## Measure what the budgets promise
	@$(PYTHON) -m benchmarks

sam-local: .venv/.ready build ## Invoke each function in a container and check its answer (needs Docker, python3.13)
	@$(WRAPPER) $(CURDIR)/$(PYTHON) -m local.sam_local $(ARGS)
sam-local: ARCHITECTURE = $(if $(filter arm64 aarch64,$(shell uname -m)),arm64,x86_64)

clean: ## Remove everything that was made here, installed packages too
	rm -rf .venv .uv .sam .aws-sam .local dist .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The first Python of 3.11 to 3.14 on the PATH that works: a pyenv shim may be there and fail.
.uv/.ready:
	python=$$(for name in $(PYTHON3) python3 python3.13 python3.12 python3.11 python3.14 python; do \
	  "$$name" -c 'import sys, venv; sys.exit(not (3, 11) <= sys.version_info < (3, 15))' 2>/dev/null \
	    && command -v "$$name" && break; done) \
	  || { echo "Python 3.11 to 3.14 is needed; set PYTHON3 to one that is not on the PATH" >&2; exit 1; }; \
	"$$python" -m venv .uv
	.uv/bin/pip install --quiet --disable-pip-version-check uv==0.13.9
	touch $@

.venv/.ready: uv.lock pyproject.toml | .uv/.ready
	$(UV) sync --frozen --quiet --no-python-downloads --python .uv/bin/python
	touch $@

# Lambda's runtime has botocore already; everything else that functions import goes into a layer.
layers/dependencies/requirements.txt: uv.lock | .uv/.ready
	$(UV) export --frozen --quiet --no-dev --extra functions --no-emit-project --no-header --output-file $@ >/dev/null

# The SAM CLI pins what conflicts with the emulator, so it lives alone.
.sam/.ready: local/sam-cli.lock | .uv/.ready
	$(UV) venv --quiet --allow-existing --no-python-downloads --python .uv/bin/python .sam
	$(UV) pip sync --quiet --python .sam/bin/python --require-hashes local/sam-cli.lock
	touch $@

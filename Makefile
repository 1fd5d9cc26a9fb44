# Everything starts here: `make demo` and `make test` need only Python 3.11 or later, pip and make.

PYTHON ?= $(firstword $(foreach name,python3 python3.12 python3.11 python, \
    $(shell $(name) -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && echo $(name))))
VENV := .venv
BIN := $(VENV)/bin
TREE := build/tree
PYTEST_ARGS ?= -n 2

.PHONY: help demo test test-all oracle bench lint format wheel clean
.DEFAULT_GOAL := help

help: ## Show this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):[^#]*## /  make \1@/' | column -t -s @

# A stamp a set of extras: what is installed once is not looked at again until the project file changes.
$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "graphc needs Python 3.11 or later: none was found on PATH."; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.with-%: pyproject.toml setup.py | $(BIN)/python
	$(BIN)/python -m pip install --quiet --editable ".[$*]"
	@touch $@

demo: $(VENV)/.with-examples ## Train the tutorials' models on the packaged data and show the compiler at work
	$(BIN)/python examples/demo.py

test: $(VENV)/.with-test ## Run the test suite (under twenty minutes on two cores)
	$(BIN)/python -m pytest -q -m "not slow and not gpu" $(PYTEST_ARGS)

test-all: $(VENV)/.with-test ## Run every test, the slow ones too
	$(BIN)/python -m pytest -q $(PYTEST_ARGS)

oracle: $(VENV)/.with-test ## Count the cases that compare with real Keras, by family, and those that pass
	$(BIN)/python -m pytest -q -p tests.families -m oracle $(PYTEST_ARGS)

bench: $(VENV)/.with-test ## Compare with Keras on JAX, side by side (wants an idle machine)
	$(BIN)/python bench/run.py

# Type checkers and import-linter want to see the folders as they are imported.
.PHONY: tree
tree:
	@rm -rf $(TREE) && mkdir -p $(TREE)/graphc
	@ln -s $(CURDIR)/graphc/* $(CURDIR)/kernels $(CURDIR)/frontends/* $(TREE)/graphc/

.PHONY: imports
imports: $(VENV)/.with-lint tree
	cd $(TREE) && $(CURDIR)/$(BIN)/lint-imports --config $(CURDIR)/pyproject.toml --no-cache

lint: $(VENV)/.with-lint $(VENV)/.with-test imports ## Check style, the direction of imports, and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright

format: $(VENV)/.with-lint ## Rewrite the code in the project's format
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

wheel: $(VENV)/.with-test ## Build the wheel into dist/
	$(BIN)/python -m build --wheel

clean: ## Remove what was built and installed
	rm -rf $(VENV) build dist out *.egg-info .pytest_cache .ruff_cache .import_linter_cache .hypothesis

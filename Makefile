# Two commands are all a newcomer needs: `make demo` and `make test`. Both install what they use into .venv.
# The sidebar is built with Node 20 or newer; without it all else works, and its tests are left out.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
NODE := $(shell command -v node)
PIP := $(if $(NODE),,SKIP_JUPYTER_BUILDER=1) $(BIN)/python -m pip
JLPM := cd labextension && PATH="$(abspath $(BIN)):$$PATH" jlpm
SIDEBAR := $(shell find labextension/src labextension/style labextension/schema -type f) \
	labextension/package.json labextension/yarn.lock labextension/tsconfig.json

# Another virtual environment that happens to be active is none of ours.
unexport VIRTUAL_ENV

.PHONY: demo test lint lint-sidebar bench screenshots clean

demo: $(VENV)/.demo
	$(BIN)/modelsync demo

test: $(VENV)/.test $(if $(NODE),$(VENV)/.sidebar)
	$(BIN)/python -m pytest -n 4 --ignore tests/ui
	$(BIN)/python -m pytest tests/ui
	$(if $(NODE),$(JLPM) test)

lint: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	! grep -nE 'https?://|__archiveUrl' labextension/yarn.lock
	$(if $(NODE),$(MAKE) lint-sidebar)

lint-sidebar: $(VENV)/.sidebar
	$(JLPM) lint:check

bench: $(VENV)/.test
	$(BIN)/python -m tests.benchmarks.speed --size 1GiB --rounds 7

# The pictures of the README, taken anew from a running JupyterLab.
screenshots: $(VENV)/.test $(VENV)/.sidebar
	$(BIN)/python -m tests.ui.screenshots

clean:
	rm -rf $(VENV)

$(VENV)/.demo: pyproject.toml | $(BIN)/python
	$(PIP) install -q -e ".[demo]"
	touch $@

$(VENV)/.test: pyproject.toml | $(BIN)/python
	$(PIP) install -q -e ".[demo,test,lint,dev]"
	touch $@

$(VENV)/.sidebar: $(SIDEBAR) | $(VENV)/.test
	$(JLPM) install --immutable
	$(JLPM) build
	PATH="$(abspath $(BIN)):$$PATH" jupyter-builder develop . --overwrite
	touch $@

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --upgrade pip

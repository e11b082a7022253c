# make demo   sets everything up and runs the loop on sample data (DATA=folder: on your own)
# make test   sets everything up and runs the tests
# make lint | docs | bench | lock | clean

SHELL := /bin/sh
PYTHON ?= $(shell for name in python3.11 python3.12 python3.13 python3; do command -v $$name && break; done)
VENV := .venv
BIN := $(VENV)/bin
UV := $(BIN)/uv
UV_VERSION := 0.13.8
OUT ?= demo$(if $(DATA),/$(notdir $(abspath $(DATA))),/sample)
ROUNDS ?= 3

.PHONY: demo test lint docs bench lock clean system
.DELETE_ON_ERROR:

demo: $(VENV)/.installed
	@tools/with-display $(BIN)/phenoai demo $(OUT) --rounds $(ROUNDS) $(if $(DATA),--data "$(DATA)")

test: $(VENV)/.developer
	@PHENOAI_VIRTUAL=1 tools/run-tests $(BIN)/python $(ARGS)

lint: $(VENV)/.developer
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/npe2 validate napari-phenoai

docs: $(VENV)/.developer
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

bench: $(VENV)/.developer
	@PHENOAI_VIRTUAL=1 tools/with-display $(BIN)/python -m pytest benchmarks --benchmark-enable --benchmark-only -q $(ARGS)

lock: $(UV)
	$(UV) pip compile -q --upgrade --universal --python-version 3.11 --all-extras --group dev --no-header --no-annotate --no-emit-index-url --no-emit-find-links -c tools/hold.txt pyproject.toml -o constraints.txt

clean:
	rm -rf $(VENV) demo site .mypy_cache .ruff_cache .pytest_cache

system:
	@tools/system-libraries venv

$(UV): | system
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed: sudo apt-get install -y python3 python3-venv" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; $(PYTHON) is older." >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)

$(VENV)/.installed: $(UV) pyproject.toml constraints.txt | system
	@echo "Installing the pinned packages into $(VENV) (about 6 GB on disk, most of it torch) ..."
	@$(UV) pip install --quiet --compile-bytecode --python $(BIN)/python -c constraints.txt -e ".[all]"
	@$(BIN)/python -m compileall -q src
	@touch $@

$(VENV)/.developer: $(VENV)/.installed
	@echo "Installing the development tools into $(VENV) ..."
	@$(UV) pip install --quiet --compile-bytecode --python $(BIN)/python -c constraints.txt --group dev
	@touch $@

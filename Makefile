# The front doors. Each target makes what it needs in .venv, from PYTHON, at its first use.
#
#   make demo     run the shipped alanine-dipeptide model and plot it beside MD
#   make test     run the tests
#   make lint     ruff (check and format) and mypy
#   make docs     build the documentation into docs/_build/html
#   make bench    jumps beside molecular dynamics, and their cost: twelve minutes on an idle machine;
#                 BENCH_ARGS="--parts jump training" measures parts of it (docs/speed.md)
#   make molecules
#                 simulate and train the shipped model of small molecules again: hours; goes on
#                 after an interruption
#   make peptides
#                 the same for the model of peptides
#   make clean    remove .venv and everything built
#
# Another interpreter: make PYTHON=python3.12 demo

PYTHON ?= python3
VENV ?= .venv
DEMO_OUTPUT ?= demo-output

BIN := $(VENV)/bin
PIP_INSTALL := $(BIN)/python -m pip install --disable-pip-version-check --quiet --constraint constraints.txt

.DEFAULT_GOAL := help
.PHONY: help demo test lint docs bench molecules peptides clean
.DELETE_ON_ERROR:

help:
	@sed -n 's/^#   //p' Makefile

# The package and what it runs on. PyTorch goes first, alone: whichever build its constraint finds
# (see README) is then kept. A half-made environment has no stamp, and is made anew.
$(VENV)/.installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(None if sys.version_info >= (3, 11) else \
	    "ase_tito needs Python 3.11 or newer, this is " + sys.version.split()[0] + ": make PYTHON=...")'
	@echo "Installing ase_tito into $(VENV) (once; a few minutes) ..."
	@$(PYTHON) -m venv --clear $(VENV)
	@$(PIP_INSTALL) torch hatchling editables
	@$(PIP_INSTALL) --no-build-isolation --editable .
	@touch $@

# What developing takes besides: test, lint and documentation tools.
$(VENV)/.developing: $(VENV)/.installed
	@echo "Installing the development tools into $(VENV) ..."
	@$(PIP_INSTALL) --no-build-isolation --editable '.[md,train,docs,test,view]'
	@touch $@

demo: $(VENV)/.installed
	$(BIN)/python examples/demo.py --output $(DEMO_OUTPUT)

test: $(VENV)/.developing
	$(BIN)/python -m pytest $(PYTEST_ARGS)

lint: $(VENV)/.developing
	$(BIN)/python -m ruff check .
	$(BIN)/python -m ruff format --check .
	$(BIN)/python -m mypy

docs: $(VENV)/.developing
	$(BIN)/python -m sphinx -W --keep-going -b html docs docs/_build/html
	@echo "open docs/_build/html/index.html"

# What is there already goes on; a training that has not saved its first state begins anew.
resumed = $(if $(wildcard runs/$(1)),--resume)
trained = $(if $(wildcard runs/$(1)/state.pt),--resume)

molecules: $(VENV)/.developing
	$(BIN)/ase-tito generate examples/data/molecules.toml --output runs/data/molecules $(call resumed,data/molecules)
	OMP_NUM_THREADS=1 $(BIN)/ase-tito train examples/training/molecules.toml $(call trained,molecules)
	OMP_NUM_THREADS=1 $(BIN)/ase-tito train examples/training/molecules-continued.toml $(call trained,molecules-continued)
	OMP_NUM_THREADS=1 $(BIN)/ase-tito train examples/training/molecules-condition.toml $(call trained,molecules-condition)
	OMP_NUM_THREADS=1 $(BIN)/ase-tito train examples/training/molecules-chirality.toml $(call trained,molecules-chirality)

# The peptides' training starts from weights that those of small molecules had in between.
runs/molecules-continued/molecules.safetensors:
	$(MAKE) molecules

peptides: $(VENV)/.developing runs/molecules-continued/molecules.safetensors
	$(BIN)/ase-tito generate examples/data/peptides.toml --output runs/data/peptides $(call resumed,data/peptides)
	OMP_NUM_THREADS=1 $(BIN)/ase-tito train examples/training/peptides.toml $(call trained,peptides)
	OMP_NUM_THREADS=1 $(BIN)/ase-tito train examples/training/peptides-condition.toml $(call trained,peptides-condition)
	OMP_NUM_THREADS=1 $(BIN)/ase-tito train examples/training/peptides-nanosecond.toml $(call trained,peptides-nanosecond)

bench: $(VENV)/.developing
	$(BIN)/python benchmarks/speed.py $(BENCH_ARGS)

clean:
	rm -rf $(VENV) build dist docs/_build docs/api/generated $(DEMO_OUTPUT)

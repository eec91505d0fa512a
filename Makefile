# make demo    set up, simulate a file, process it on two ranks, show what was made
# make test    set up, run every check
# make bench   set up both programs, measure, write bench/RESULTS.md
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/pip --disable-pip-version-check --quiet
SHARED ?= ../shared

.PHONY: demo test lint types tests bench docs clean

# the demo needs neither torch nor the development tools
$(VENV)/.demo: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed, this is " + sys.version)'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) install -c constraints.txt -e '.[mpi]'
	touch $@

# torch first, by its exact version: left to choose, pip takes the newest build
$(VENV)/.dev: $(VENV)/.demo
	$(PIP) install "$$(grep '^torch==' constraints.txt)"
	$(PIP) install -c constraints.txt -e '.[dev]'
	touch $@

DEMO := demo
demo: $(VENV)/.demo
	@mkdir -p $(DEMO)
	$(BIN)/numl-polars simulate $(DEMO)/events.evt.h5 --events 200 --detector uboone --seed 1 --overwrite
	$(BIN)/mpirun -n 2 $(BIN)/python -m numl_polars.process $(DEMO)/events.evt.h5 $(DEMO)/graphs --vertex --overwrite
	$(BIN)/numl-polars describe $(DEMO)/graphs.h5

test: lint types tests

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.dev
	$(BIN)/mypy

tests: $(VENV)/.dev
	NUML_POLARS_SHARED=$${NUML_POLARS_SHARED:-$(SHARED)} $(BIN)/python -m pytest -n 2

# the peer, pynuml as released, in an environment of its own
PEER := $(VENV)-peer
PEER_PIP := $(PEER)/bin/pip --disable-pip-version-check --quiet
$(PEER)/.done: constraints.txt
	test -x $(PEER)/bin/python || $(PYTHON) -m venv $(PEER)
	$(PEER_PIP) install "$$(grep '^torch==' constraints.txt)"
	$(PEER_PIP) install 'pandas<3' h5py numpy particle torch-geometric mpi4py mpich scipy plotly tqdm psutil scikit-learn
	$(PEER_PIP) install --no-deps pynuml==25.4.0
	touch $@

# what the benchmark needs beside the program; without the profiler the page has a plainer profile
$(VENV)/.bench: $(VENV)/.demo
	$(PIP) install "$$(grep '^py-spy==' constraints.txt)" || echo 'py-spy cannot be installed here'
	touch $@

# make bench                                 all of it, about an hour; writes bench/RESULTS.md
# make bench BENCH='--quick'                 tests the scripts in 3 minutes; writes bench/work/QUICK.md
# make bench BENCH='--only ranks'            one measure again, and the page anew
BENCH :=
bench: $(VENV)/.bench $(PEER)/.done
	$(BIN)/python bench/run.py --peer-python $(PEER)/bin/python $(BENCH)

docs: $(VENV)/.dev
	$(BIN)/python -c 'from numl_polars.tools.data_model import render; print(render(), end="")' > docs/data-model.md
	$(BIN)/python -c 'from numl_polars.tools.rule_tables import render; print(render(), end="")' > docs/schemes.md
	$(BIN)/python docs/pictures.py

clean:
	rm -rf $(VENV) $(DEMO) .pytest_cache .mypy_cache .ruff_cache .hypothesis *.egg-info

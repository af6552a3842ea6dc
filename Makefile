# `make demo` and `make test` set up .venv by themselves; nothing has to be installed before but Python 3.10+.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
TOY_ROOT ?= work_dirs/demo/data
DEMO := work_dirs/demo
export OMP_WAIT_POLICY ?= PASSIVE

.PHONY: demo test check bench clean

$(VENV)/.installed: setup.py constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q -c constraints.txt torch torchvision
	$(BIN)/python -m pip install -q -c constraints.txt -e '.[dev]'
	touch $@

demo: $(VENV)/.installed  ## train CAM and BAS on drawn pictures, test both, leave pictures in work_dirs/demo
	MMWSOL_DATA_ROOT=$(TOY_ROOT) $(BIN)/python -W ignore tools/demo.py --out-dir $(DEMO)

test: $(VENV)/.installed  ## the whole test suite
	$(BIN)/python -m pytest

check: $(VENV)/.installed  ## what pre-commit and CI check besides the tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/codespell

bench: $(VENV)/.installed  ## speed against plain re-statements of the published procedures
	$(BIN)/python -W ignore benchmarks/bench_evaluator.py
	$(BIN)/python -W ignore benchmarks/bench_evaluation.py
	$(BIN)/python -W ignore benchmarks/bench_bas.py
	$(BIN)/python -W ignore benchmarks/bench_transformers.py
	$(BIN)/python -W ignore benchmarks/bench_dawsol.py

clean:
	rm -rf $(VENV) build *.egg-info .pytest_cache .mypy_cache .ruff_cache

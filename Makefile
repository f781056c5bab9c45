# `make demo` and `make test` need only Python 3.11 or newer; both share one environment in .venv.
PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

.PHONY: demo test bench lint clean

demo: .venv/.demo
	$(BIN)/isorep demo

test: .venv/.dev lint
	$(BIN)/mypy
# Two processes of one BLAS thread each: threads that compete for two cores only wait for each other.
	OMP_NUM_THREADS=1 $(BIN)/pytest --numprocesses 2 --dist worksteal

bench: .venv/.dev
	$(BIN)/python benchmarks $(BENCH)

lint: .venv/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

.venv/.demo: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(PIP) --editable '.[torch,paper]'
	touch $@

.venv/.dev: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(PIP) --editable '.[dev]'
	touch $@

clean:
	rm -rf .venv

# `make demo` and `make test` need only Python 3.11 or newer; both share one environment in .venv.
PYTHON ?= python3
BIN := .venv/bin
# pip would compile all modules on one core; some packages have files that no Python compiles.
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile \
	--constraint constraints.txt
COMPILE := $(BIN)/python -W ignore -m compileall -qq -j 0 -x '/site-packages/.*/tests?/' .venv/lib || true

# Seconds that `make fuzz` takes.
SECONDS ?= 600

.PHONY: demo check test minimum quick-tests all-tests docs fuzz bench lint types browser clean

demo: .venv/.demo
	$(BIN)/isorep demo

# Lint, types and the tests that are not slow: under three minutes on two cores.
check: .venv/.dev node_modules/.biome
	$(MAKE) --jobs 2 lint types quick-tests

test: .venv/.dev node_modules/.biome browser
	$(MAKE) --jobs 2 lint types all-tests

# Beside mypy, which leaves one core idle. Two processes of one BLAS thread each: threads that compete
# for two cores only wait for each other.
PYTEST := OMP_NUM_THREADS=1 $(BIN)/pytest --numprocesses 2 --dist worksteal

quick-tests: .venv/.dev
	$(PYTEST) -m "not slow and not browser" tests

all-tests: .venv/.dev
	$(PYTEST)

# Damaged files, ugly arrays and odd options, at random; not a part of `make test`.
fuzz: .venv/.dev
	OMP_NUM_THREADS=1 $(BIN)/python tests/fuzz --seconds $(SECONDS)

# The quick tests with the oldest versions that isorep allows. Old versions warn of what is new. Left
# out: an old scikit-learn, which is only compared with, solves a problem of deficient rank otherwise.
minimum:
	$(PYTHON) -m venv build/minimum
	build/minimum/bin/python -m pip install --quiet --constraint constraints.txt pip
	build/minimum/bin/python -m pip install --quiet --no-compile --constraint constraints-minimum.txt \
		--editable '.[all]' --group minimum
	OMP_NUM_THREADS=1 build/minimum/bin/pytest --numprocesses 2 --dist worksteal -W default \
		-m "not slow and not browser" -k "not held_out_regression_equals_scikit_learns and \
		not where_warnings_are_errors" tests

# The site, in build/docs/html. Broken links and missing names are errors.
docs: .venv/.dev
	rm -rf docs/auto_gallery  # the examples run again, whatever changed
	OMP_NUM_THREADS=1 $(BIN)/sphinx-build --builder html --jobs auto --fresh-env --nitpicky --fail-on-warning --keep-going \
		--doctree-dir build/docs/doctrees --quiet docs build/docs/html

bench: .venv/.dev
	$(BIN)/python benchmarks $(BENCH)

lint: .venv/.dev node_modules/.biome
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/node node_modules/@biomejs/biome/bin/biome check --error-on-warnings
	$(BIN)/lint-imports
	$(BIN)/towncrier build --draft --version next >/dev/null
	$(BIN)/node .github/lint_workflows.mjs
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.github-actions action.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.readthedocs .readthedocs.yaml

types: .venv/.dev
	$(BIN)/mypy

# The tests of pages need Chromium, and are skipped where there is none and only root could install it.
browser:
	@command -v chromium >/dev/null || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && \
		apt-get update -qq && apt-get install -y -qq chromium >/dev/null; } || \
		echo "no Chromium: the tests of pages will be skipped"

.venv/.demo: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(PIP) --editable '.[torch,paper]'
	$(COMPILE)
	touch $@

.venv/.dev: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(PIP) pip  # Python 3.11 brings one that knows no dependency groups
	$(PIP) --editable '.[all]' --group dev
# Without torchvision, which timm requires: the tests put an empty module in its place.
	$(PIP) --no-deps timm
	$(COMPILE)
	touch $@

# Node.js comes from PyPI with the lint group; package.json pins Biome, which lints the JavaScript.
node_modules/.biome: package.json | .venv/.dev
	$(BIN)/npm install --no-package-lock --no-audit --no-fund --silent
	touch $@

clean:
	rm -rf .venv node_modules

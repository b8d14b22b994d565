# Everything from a bare Python >= 3.11 and make: `make demo`, `make test`.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.ready
# A process for each core, a file of tests to one process. In one: make test PROCESSES=
PROCESSES := -n logical --maxprocesses 4 --dist loadfile --no-loadscope-reorder

.PHONY: browser demo test lint types unit bench lock clean
.DELETE_ON_ERROR:

$(STAMP): pyproject.toml requirements/dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "make: $(PYTHON) is older than 3.11: name a newer one, as in make PYTHON=python3.12" >&2; exit 2; }
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip --disable-pip-version-check install --quiet --require-hashes -r requirements/dev.txt
	$(BIN)/python -m pip --disable-pip-version-check install --quiet --no-deps --no-build-isolation -e .
	@touch $@

demo: $(STAMP)
	$(BIN)/python -m demo

test: lint types unit

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(STAMP)
	$(BIN)/mypy

unit: $(STAMP)
	$(BIN)/python -m pytest $(PROCESSES)

lock:
	uv pip compile pyproject.toml --universal --python-version 3.11 --extra dev \
	  --generate-hashes --no-emit-index-url --no-header --no-annotate -q -o requirements/dev.txt

# The verifier in the browser: Node.js 20 or newer, and npm.
browser:
	cd browser && npm ci && npm run types && npm run build

clean:
	rm -rf $(VENV) demo-world .mypy_cache .ruff_cache .pytest_cache .hypothesis

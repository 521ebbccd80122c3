# Brightline. Two commands do all set-up on a fresh machine: `make demo` and `make test`.
# `make check` is what CI runs.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed-from-lock
ONCE   ?=
QUICK  ?=
# Whatever the environment says: what was compiled once is kept, for the tests start hundreds of short processes.
export PYTHONDONTWRITEBYTECODE :=
BENCHES := agreement standing evidence verify attest guard overload gateway review patterns hunt classifier

.PHONY: setup demo test check lint types imports docs bench fuzz format clean help

help:
	@echo "make demo         start a small model and the gateway, walk the tour, keep serving (ONCE=1 ends by itself)"
	@echo "make test         run the tests"
	@echo "make check        everything that CI runs: format, lint, types, imports, tests, docs"
	@echo "make bench        measure proofs, decisions, evidence, verification, attestation, overload, gateway, queue (QUICK=1: a minute)"
	@echo "make fuzz         broken inputs at every reader (RUNS=10000000: the form of a release)"
	@echo "make docs         check the generated parts of the documentation"
	@echo "make bundle       everything for an installation without a network, signed, in dist/bundle (BUNDLE_KEY=FILE)"
	@echo "make format       rewrite the code in the project's format"

setup: $(STAMP)

# Only files named in the lock, each with its hash; then the project itself, without asking a registry again.
$(STAMP): requirements/all.lock requirements/uv.lock pyproject.toml
	@test -x $(BIN)/pip || $(PYTHON) -m venv --clear $(VENV)
	@$(BIN)/python -m pip install --quiet --require-hashes --no-deps -r requirements/uv.lock
	@$(BIN)/python -c "import sys; assert sys.version_info >= (3, 11), 'Brightline needs Python 3.11 or newer'"
	@$(BIN)/uv pip sync --quiet --require-hashes --compile-bytecode --python $(BIN)/python requirements/all.lock
	@$(BIN)/uv pip install --quiet --no-deps --no-build-isolation --python $(BIN)/python --editable .
	@touch $@

demo: setup
	@$(BIN)/python -m brightline.demo $(if $(ONCE),--once,)

test: setup
	@$(BIN)/python -m pytest --numprocesses auto --dist worksteal $(PYTEST_ARGS)

check: lint types imports docs test

lint: setup
	@$(BIN)/ruff format --check src tests scripts bench
	@$(BIN)/ruff check src tests scripts bench

types: setup
	@$(BIN)/mypy --strict src tests scripts bench

imports: setup
	@$(BIN)/lint-imports

docs: setup
	@$(BIN)/python scripts/generate_docs.py --check

fuzz: setup
	@$(BIN)/python -m tests.fuzz $(if $(RUNS),--runs $(RUNS),) --out fuzz

bench: setup
	@for each in $(BENCHES); do \
		echo "== $$each"; $(BIN)/python bench/$$each.py $(if $(QUICK),--quick,) || exit 1; \
	done

bundle: setup
	@mkdir -p dist
	@test -e $(BUNDLE_KEY) || $(BIN)/python scripts/bundle.py key development.local/bundles $(BUNDLE_KEY)
	@$(BIN)/python scripts/bundle.py make dist/bundle --key $(BUNDLE_KEY)

format: setup
	@$(BIN)/ruff format src tests scripts bench
	@$(BIN)/ruff check --fix src tests scripts bench

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis

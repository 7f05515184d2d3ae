# Needs Python >= 3.11 with venv, and make. Every target installs what it uses.
PYTHON ?= python3
VENV ?= .venv
VENV_OLDEST ?= .venv-oldest
WORKERS ?= 2
PYTEST_ARGS ?=

BIN = $(VENV)/bin
STAMP = $(VENV)/.installed
STAMP_OLDEST = $(VENV_OLDEST)/.installed
PYTEST = -m pytest -m "not slow" -n $(WORKERS) --dist worksteal $(PYTEST_ARGS)

# One thread a test worker: the workers are what fills the cores.
test test-slow test-oldest: export OMP_NUM_THREADS = 1
test test-slow test-oldest: export OPENBLAS_NUM_THREADS = 1
test test-slow test-oldest: export MKL_NUM_THREADS = 1
test test-slow test-oldest: export POLARS_MAX_THREADS = 1
# Figures are drawn to files.
demo docs test test-slow test-oldest benchmark: export MPLBACKEND = Agg

.DEFAULT_GOAL := help
.PHONY: help demo test test-slow test-oldest lint format docs links benchmark
.PHONY: benchmark-neural benchmark-search benchmark-transfer benchmark-quality clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(STAMP) ## Distill a forest into a small student; results in demo/
	$(BIN)/python docs/examples/plot_quickstart.py --output demo

test: $(STAMP) ## Run the tests and the doctests, but for the slow ones
	$(BIN)/python $(PYTEST)

test-slow: $(STAMP) ## Run the tests marked slow
	$(BIN)/python -m pytest -m slow $(PYTEST_ARGS)

test-oldest: $(STAMP_OLDEST) ## Run the tests with the oldest supported packages
	$(VENV_OLDEST)/bin/python $(PYTEST)

lint: $(STAMP) ## Check style, format and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(STAMP) ## Rewrite the code in the project's style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(STAMP) ## Build the documentation into docs/_build/html; warnings are errors
	$(BIN)/sphinx-build -q -E -W --keep-going -b html docs docs/_build/html
	$(BIN)/python docs/check_links.py docs/_build/html
	@echo "Open docs/_build/html/index.html"

links: $(STAMP) ## Follow the links of the documentation to other sites
	$(BIN)/sphinx-build -q -E -D plot_gallery=0 -b linkcheck docs docs/_build/links

benchmark: $(STAMP) ## Measure speed
	$(BIN)/python benchmarks/speed/run.py

benchmark-neural: $(STAMP) ## Measure the speed of training and asking networks
	$(BIN)/python benchmarks/neural/speed.py

benchmark-search: $(STAMP) ## Measure the speed of searches, and of a memory
	$(BIN)/python benchmarks/search/speed.py

benchmark-transfer: $(STAMP) ## Measure how fast rows are drawn and labelled
	$(BIN)/python benchmarks/transfer/speed.py

benchmark-quality: $(STAMP) ## Measure what distillation is worth (about two hours)
	$(BIN)/python benchmarks/quality/quality.py

clean: ## Remove what the other targets made, but for the environments
	rm -rf demo build dist
	rm -rf docs/_build docs/api docs/auto_examples docs/sg_execution_times.rst
	rm -rf .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find skdistill tests benchmarks docs -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true

EXTRAS = test,docs,plot,dev
EXTRAS_OLDEST = test,plot

# $(call install,environment,constraints,extras)
define install
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "skdistill needs Python 3.11 or newer, and $(PYTHON) is not: make PYTHON=/path/to/python" >&2; exit 1; }
	@echo "Installing the packages of $(2) into $(1) (a minute or two)"
	@test -x $(1)/bin/pip || $(PYTHON) -m venv $(1)
	@$(1)/bin/python -m pip install -qq --disable-pip-version-check -c $(2) pip hatchling
	@$(1)/bin/python -m pip install -qq --no-build-isolation -c $(2) -e ".[$(3)]"
	@touch $@
endef

$(STAMP): pyproject.toml constraints.txt
	$(call install,$(VENV),constraints.txt,$(EXTRAS))

$(STAMP_OLDEST): pyproject.toml constraints-oldest.txt
	$(call install,$(VENV_OLDEST),constraints-oldest.txt,$(EXTRAS_OLDEST))

# Everything a newcomer types. `make` alone lists it.

PYTHON ?= python3
VENV   ?= .venv
OUT    ?= report
TIER   ?= smoke
JOBS   ?= 2
SEEDS  ?= 20

BIN      := $(abspath $(VENV))/bin
READY    := $(VENV)/.assay-ready
UNDERWAY := $(VENV)/.assay-setting-up
TREE     := $(VENV)/.assay-tree

.DEFAULT_GOAL := help
.PHONY: help setup test audit proof answers atlas losses recipes smoke seeds modes paths mutants report lint clean findings docs device-check

help: ## list the targets
	@echo "usage: make TARGET [PYTHON=$(PYTHON)] [VENV=$(VENV)] [OUT=$(OUT)] [TIER=$(TIER)] [JOBS=$(JOBS)] [SEEDS=$(SEEDS)]"
	@echo
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1\t\2/p' Makefile

setup: $(READY) ## make the virtual environment with the known set of frameworks (minutes, several GB)

# A set-up that was cut off leaves UNDERWAY behind, and the next one starts from an empty environment.
# pip compiles what it installs: where PYTHONDONTWRITEBYTECODE is set, every process would do it anew.
$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c '' 2>/dev/null || { echo "make setup: no Python at '$(PYTHON)'. Name one: make setup PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || { \
	  echo "make setup: the known set in constraints.txt is for Python 3.11 to 3.13, and '$(PYTHON)' is" \
	       "$$($(PYTHON) --version 2>&1). Name another: make setup PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "make setup: '$(PYTHON)' cannot make virtual environments (its venv module or pip is missing)." \
	       "On Debian and Ubuntu, install the package python3-venv."; exit 1; }
	@[ ! -e $(VENV) ] || [ -e $(VENV)/pyvenv.cfg ] || [ -e $(UNDERWAY) ] || { \
	  echo "make setup: '$(VENV)' holds something else than a virtual environment. Name another: make setup VENV=.venv"; \
	  exit 1; }
	@if [ -e $(UNDERWAY) ]; then rm -rf $(VENV); fi
	@mkdir -p $(VENV) && rm -f $(READY) && touch $(UNDERWAY)
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt setuptools wheel
	$(BIN)/python -m pip install --no-build-isolation --constraint constraints.txt --editable ".[all,test,lint]"
	@mv $(UNDERWAY) $(READY) && touch $(READY)

test: lint ## check everything: linters, types, the judge in float32, then the tests
	$(BIN)/assay audit --jobs $(JOBS) --dtype float32 --tier smoke --share 12
	$(BIN)/python -m pytest -c tests/pytest.ini --rootdir tests -n $(JOBS) --dist loadgroup $(PYTEST_ARGS) tests

audit: setup ## put every fault and every control through the judge, in every dtype
	$(BIN)/assay audit --jobs $(JOBS)

proof: setup ## prove the references, and write what holds each one up to docs/proof.md
	$(BIN)/python -m pytest -c tests/pytest.ini --rootdir tests -n $(JOBS) --proof docs/proof.md $(PYTEST_ARGS) tests/reference

answers: setup ## measure what practitioners ask, and write docs/answers.md anew
	$(BIN)/assay answers --out docs/answers.md

atlas: setup ## measure what arguments of layers are by default, ten minutes; writes docs/atlas
	$(BIN)/assay atlas --out docs/atlas

losses: setup ## compare what frameworks offer for each loss, and measure empty batches; writes docs/losses.md
	$(BIN)/assay losses --out docs/losses.md
recipes: setup ## run the recipes of specs/recipes.toml, two minutes; writes docs/recipes.md
	$(BIN)/assay recipes --out docs/recipes.md
findings: setup ## write docs/findings.md anew from the findings on file, specs/findings
	$(BIN)/assay findings --out docs/findings.md

smoke: setup ## choose the cases of the smoke tier by what the judge catches in them, half an hour; writes specs/smoke.txt
	OPENBLAS_NUM_THREADS=1 $(BIN)/python benchmarks/smoke.py --jobs $(JOBS)

lint: setup ## ruff and mypy
	$(BIN)/ruff check .
	@mkdir -p $(TREE) && ln -sfn "$(CURDIR)" $(TREE)/assay
	cd $(TREE) && MYPYPATH=. $(BIN)/mypy --config-file assay/pyproject.toml --cache-dir "$(CURDIR)/.mypy_cache" -p assay

seeds: setup ## put SEEDS draws of the smoke tier to every framework; every failing verdict must be a finding
	$(BIN)/assay run --tier smoke --seeds $(SEEDS) --out $(OUT)/seeds
	$(BIN)/python benchmarks/seeds.py $(OUT)/seeds/run.json

MODES := torch/eager tensorflow/eager keras/eager jax/jit keras[jax]/jit keras[torch]/eager jax/eager keras[jax]/eager \
         tensorflow/graph keras/graph tensorflow/xla keras/xla torch/compiled keras[torch]/compiled

# The default modes come first: what fails in another mode alone must be a finding that names the mode.
modes: setup ## the smoke tier in every framework and mode, hours; goes on where it was cut off, and ends with what is unexplained
	@status=0; for each in $(MODES); do \
	  $(BIN)/assay run --tier smoke --framework "$${each%/*}" --mode "$${each#*/}" --resume --out "$(OUT)/modes/$$each" \
	    || status=$$?; done; \
	$(BIN)/python benchmarks/findings.py $(OUT)/modes/*/*/run.json || status=$$?; exit $$status

ASKED := torch tensorflow keras jax keras[jax] keras[torch]

paths: setup ## each implementation by every path of its framework, hours; goes on where it was cut off, and ends with what is unexplained
	@status=0; for each in $(ASKED); do \
	  $(BIN)/assay run --tier paths --framework "$$each" --path all --resume --out "$(OUT)/paths/$$each" || status=$$?; done; \
	$(BIN)/python benchmarks/findings.py $(OUT)/paths/*/run.json || status=$$?; exit $$status

DEVICE ?= cuda
SPECS  ?=

device-check: setup ## ask torch and JAX on DEVICE (cuda) in ten minutes; writes a record and a page to docs/devices (SPECS=... for some)
	$(BIN)/python benchmarks/device_check.py --device $(DEVICE) --specs $(SPECS)

mutants: setup ## mutation testing of the judge and the error rules, half an hour; writes docs/mutation.md (SOURCES=... for some)
	$(BIN)/python -m pip install --quiet --no-build-isolation --constraint constraints.txt --editable ".[mutation]"
	OPENBLAS_NUM_THREADS=1 $(BIN)/python benchmarks/mutation/run.py $(SOURCES)

docs: setup ## write the documentation as a site, OUT/docs/index.html; fails where a link leads nowhere
	$(BIN)/python -m pip install --quiet --no-build-isolation --constraint constraints.txt --editable ".[docs]"
	@mkdir -p $(TREE) && ln -sfn "$(CURDIR)" $(TREE)/assay
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet --site-dir "$(abspath $(OUT))/docs"
	@echo "The documentation: $(abspath $(OUT))/docs/index.html"

report: setup ## put the cases of TIER to every framework; it begins at OUT/site/index.html (TIER=standard: every pair of options)
	@status=0; $(BIN)/assay run --tier $(TIER) --out $(OUT) || status=$$?; \
	if [ -f $(OUT)/run.json ]; then $(BIN)/assay report $(OUT)/run.json --site && \
	  echo "The report: $(abspath $(OUT))/site/index.html, or in one page $(abspath $(OUT))/index.html"; fi; exit $$status

clean: ## remove what the other targets made, the environment included
	@if [ -e $(READY) ] || [ -e $(UNDERWAY) ]; then rm -rf $(VENV); fi
	rm -rf build dist *.egg-info .judge-power .mutation .pytest_cache .mypy_cache .ruff_cache .hypothesis tests/.pytest_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Everything runs in .venv, made here; nothing is installed outside this folder.
.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin
# The environment is current when the lock file it was made from is older than this.
STAMP := .venv/.installed

.PHONY: help setup demo serve test lint format bench lock clean

help: ## Show this list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 10

setup: $(STAMP) ## Make .venv with the command garaza in it

$(STAMP): requirements/dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("Garaza needs Python 3.11 or newer; this is " + sys.version.split()[0] + ". Try: make PYTHON=python3.12" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

demo: setup ## Reconstruct the sample clip through the service and show what came out
	@$(BIN)/python -m tools.demo --out out

serve: setup ## Start the service and say where it is
	@$(BIN)/garaza serve

test: setup ## Run all tests
	@$(BIN)/python -m pytest -n auto --dist loadfile

lint: setup ## Check style, types and the import contract
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: setup ## Rewrite the code in the house style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: setup ## Measure the parts that are measured, before against after
	@$(BIN)/python -m benchmarks

lock: setup ## Pin the newest versions that pyproject.toml allows
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile pyproject.toml --extra postgres --extra celery --extra redis --extra s3 --extra qdrant --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url --upgrade --quiet -o requirements/deploy.txt
# An extra may want an older version of what both have.
	$(BIN)/uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url --upgrade --quiet --constraint requirements/deploy.txt -o requirements/base.txt
	printf 'hatchling\nnodejs-wheel-binaries\n' | $(BIN)/uv pip compile - --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url --upgrade --quiet -o requirements/build.txt
	$(BIN)/uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url --upgrade --quiet -o requirements/dev.txt

clean: ## Remove what was made here, but for data/
	rm -rf .venv out build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis

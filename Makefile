# `make` lists the commands. They need Python 3.11 or newer, make and git; everything else goes into .venv.
# PYTHON=… picks the interpreter for .venv, and any setting of docs/settings.md can be given: `make run PORT=8001`.

.PHONY: help run quick test fix lint audit types cover bench torture fuzz schema client docs screenshots demo-reset

# Tests and checks start hundreds of processes: without bytecode each of them would compile all that it imports.
unexport PYTHONDONTWRITEBYTECODE

PY := .venv/bin/python
PIP := $(PY) -m pip install --quiet --disable-pip-version-check
# Stamps named after what the requirements say: a change of them, and nothing else, installs again.
checksum = $(shell cat $(1) | cksum | cut -d' ' -f1)
RUNTIME := .venv/.runtime-$(call checksum,requirements.txt)
DEVELOPMENT := .venv/.development-$(call checksum,requirements.txt requirements-datasets.txt requirements-dev.txt)

help: ## list these commands
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1 \2/p' Makefile | while read -r name text; do \
		printf 'make %-12s %s\n' "$$name" "$$text"; done

run: $(RUNTIME) ## run everything at http://127.0.0.1:8000/ until Ctrl-C (DEMO=0: without sample history)
	@exec $(PY) manage.py serve --stop-with-parent

quick: $(DEVELOPMENT) ## run the tests that need no database, browser or process, within a minute (ARGS=…: for pytest)
	@$(PY) -m pytest -q -n 2 --dist worksteal --quick $(ARGS)

test: $(DEVELOPMENT) ## run the tests on SQLite, and on PostgreSQL where TEST_POSTGRES_URL answers (ARGS=…: for pytest)
	@$(PY) .ci/test.py $(ARGS)

fix: $(DEVELOPMENT) ## mend the style, as far as that can be done without thinking
	$(PY) -m ruff check --fix-only .
	$(PY) -m ruff format .

lint: $(DEVELOPMENT) ## check style, missing migrations, the configuration and the documents' links
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m bandit --quiet --configfile pyproject.toml --recursive signals reconciliation dashboard signalsync_project
	$(PY) manage.py makemigrations --check --dry-run
	$(PY) manage.py check
	NO_MKDOCS_2_WARNING=1 $(PY) -m mkdocs build --strict

audit: $(DEVELOPMENT) ## look up known holes of the installed packages; needs a network, and says so where there is none
	@$(PY) .ci/audit.py

types: $(DEVELOPMENT) ## check the types
	$(PY) -m mypy signals reconciliation dashboard signalsync_project

cover: $(DEVELOPMENT) ## which lines and branches no test reaches, on SQLite: a summary, and htmlcov/index.html (ARGS=…)
	@DATABASE_URL= $(PY) -m pytest -q -n 2 --dist worksteal --cov --cov-branch --cov-report=term --cov-report=html $(ARGS)

bench: $(DEVELOPMENT) ## measure throughput and latency, as benchmarks/RESULTS.md shows them
	$(PY) -m benchmarks $(ARGS)

torture: $(DEVELOPMENT) ## kill, freeze and mislead everything under a stream of alerts (ARGS="--kills 200 --seed 7 --database sqlite")
	$(PY) -m tests.torture $(ARGS)

fuzz: $(DEVELOPMENT) ## invent inputs by the million, and go on where the last run ended (ARGS="--inputs 10000000 --seed 1")
	@$(PY) -m tests.fuzzing $(ARGS)

schema: $(DEVELOPMENT) ## write docs/openapi.yaml, the API's schema, anew
	@$(PY) manage.py spectacular --validate --fail-on-warn --file docs/openapi.yaml

client: $(DEVELOPMENT) ## generate the Python client of the API into build/client, to be installed with pip
	@mkdir -p build
	@$(PY) -m openapi_python_client generate --path docs/openapi.yaml --config .ci/client.yaml --meta setup \
		--output-path build/client --overwrite

docs: $(DEVELOPMENT) ## build the documents as a site, strictly, into build/site (SOURCE_URL=…: where files of the source are)
	@NO_MKDOCS_2_WARNING=1 $(PY) -m mkdocs build --strict

screenshots: $(DEVELOPMENT) ## take the pictures of docs/screenshots anew, of the demo in a database of its own
	@PYTHONPATH=. $(PY) .ci/screenshots.py

demo-reset: $(RUNTIME) ## delete the SQLite database and the spool; the next `make run` starts afresh
	@PYTHONPATH=. $(PY) .ci/demo_reset.py

$(PY):
	@sh .ci/venv.sh

$(RUNTIME): | $(PY)
	@echo "Installing what runs (once per change of requirements.txt) …"
	@$(PIP) -r requirements.txt
	@rm -f .venv/.runtime-*; touch $@

$(DEVELOPMENT): | $(PY)
	@echo "Installing what tests and checks need (once per change of requirements*.txt) …"
	@$(PIP) -r requirements-dev.txt
	@rm -f .venv/.runtime-* .venv/.development-*; touch $@ $(RUNTIME)

# Everything happens in .venv, which the first command makes. `make help` lists the targets.
.DEFAULT_GOAL := help
SHELL := /bin/sh
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11 python; do \
	command -v $$p >/dev/null && $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)
PORT ?= 8000
WORKERS ?= 2
# more than cores: many a test waits for another process
TESTERS ?= 3
# as tools/execute.py runs them: one thread each, figures as pages show them
NOTEBOOK_ENV := OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 PYTHONHASHSEED=0 COURSEKIT_STATIC=1

.PHONY: help setup book instructor serve test check format exercises records lock clean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' Makefile

WEB := tools/web/node_modules/.package-lock.json

setup: .venv/installed $(WEB)  ## make .venv and install everything (the other targets do it when needed)

.venv/installed: requirements.txt requirements-cuda.txt pyproject.toml
	@test -n "$(PYTHON)" || { echo "make: needs Python 3.11 or newer; found $$(python3 --version 2>&1 || echo none)" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv || { echo "make: $(PYTHON) cannot make a virtual environment; on Debian and Ubuntu: apt-get install python3-venv" >&2; rm -rf .venv; exit 1; }
	@echo "installing the pinned packages into .venv (minutes, once)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --requirement requirements.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps --editable .
	@touch $@

$(WEB): tools/web/package-lock.json | .venv/installed
	@cd tools/web && npm ci --silent >/dev/null 2>&1 && touch node_modules/.package-lock.json || \
		echo "make: npm could not fetch MathJax; the site will load it from a public server"

book: setup  ## run the notebooks, build the site, print the path of its first page
	@$(BIN)/python tools/build_book.py

instructor: setup  ## the same site with the solutions, in _build/instructor
	@$(BIN)/python tools/build_book.py --instructor

serve: book  ## show the site at http://localhost:8000 (PORT=... for another)
	@$(BIN)/python tools/serve.py --port $(PORT)

test: check book  ## everything: style, types, unit tests, notebooks, pages in a browser
	@$(BIN)/python tools/browser.py
	@OMP_NUM_THREADS=1 $(BIN)/pytest --numprocesses $(TESTERS) --dist worksteal --quiet -rs --durations 20
	@$(NOTEBOOK_ENV) $(BIN)/pytest -c tools/nbval.ini --rootdir . --nbval --numprocesses $(WORKERS) --dist loadfile --quiet _build/html/notebooks

check: setup  ## style and types only, in seconds
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --quiet --check . || { echo "check: run make format" >&2; exit 1; }
	@$(BIN)/python tools/format_pages.py --check
	@$(BIN)/python tools/homework.py --check
	@$(BIN)/mypy --no-error-summary

format: setup  ## lay out all code, in files and in pages
	@$(BIN)/ruff check --quiet --fix . ; $(BIN)/ruff format --quiet . && $(BIN)/python tools/format_pages.py

exercises: setup  ## cut the homework in exercises/ from solutions/
	@$(BIN)/python tools/homework.py

records: setup  ## repeat the measurements the book quotes (minutes to hours)
	@for script in benchmarks/*.py; do echo "== $$script"; $(BIN)/python $$script || exit 1; done

lock: setup  ## pin all packages again from pyproject.toml
	@$(BIN)/python -m pip install --quiet uv && $(BIN)/python tools/lock.py

clean:  ## remove what was built, keep .venv
	rm -rf _build book/_static/vendor .mypy_cache .ruff_cache .pytest_cache

# Every target works on a fresh clone: the first one that needs it builds .venv, and again when setup.cfg changes.

PYTHON := .venv/bin/python
INSTALLED := build/installed
RUFF := .venv/bin/ruff
export PYTHONPYCACHEPREFIX := $(CURDIR)/build/pycache
# Containers often forbid compiled files. Each of the hundreds of processes that tests start would compile elect anew.
unexport PYTHONDONTWRITEBYTECODE

# Two workers a core of a small machine, as tests wait for half of their time; an idle one takes tests from the others.
PARALLEL := --numprocesses 4 --dist worksteal
SECONDS := 600
INPUTS := 10000000

# `a` leads, and is about to take the vote of `c`: old leases are over.
CHANGING := 3 nodes; campaign a; calm; demote a>c; calm; wait; calm; wait

.DEFAULT_GOAL := help
.NOTPARALLEL:
.DELETE_ON_ERROR:
.PHONY: help demo test check lint types coverage long soak mutations explore fuzz slow bench figure16 wheel fmt clean

help:  ## list the targets
	@sed -n 's/^\([a-z0-9]*\):.*##  *\(.*\)/  make \1\t\2/p' Makefile | expand -t 20

demo: $(INSTALLED)  ## three processes on this machine elect, fail and elect again
	.venv/bin/elect demo

test: $(INSTALLED)  ## run the tests, but for those that take long: four minutes on two cores
	$(PYTHON) -m pytest $(PARALLEL)

check: lint types coverage long  ## lint, types, coverage of the pure files, all tests but the slow ones: what CI runs

long: $(INSTALLED)  ## run the tests, those that take long too
	$(PYTHON) -m pytest $(PARALLEL) -m "not slow"

lint: $(INSTALLED)  ## style, slips, and which room may import which
	$(RUFF) check .
	$(RUFF) format --check .
	.venv/bin/lint-imports --no-logo --cache-dir build/importlinter setup.cfg

types: $(INSTALLED)  ## mypy, strict
	$(PYTHON) -m mypy --config-file setup.cfg

coverage: $(INSTALLED)  ## branch coverage of the pure files by unit tests alone
	@rm -f build/coverage*
	$(PYTHON) -m coverage run --rcfile setup.cfg -m pytest -q $(PARALLEL) tests/unit
	$(PYTHON) -m coverage combine --rcfile setup.cfg --quiet
	$(PYTHON) -m coverage report --rcfile setup.cfg

soak: $(INSTALLED)  ## simulate fresh worlds on all cores for SECONDS=600 of real time, and 1,000 with changes of the members
	$(PYTHON) -m elect.testing.soak --for $(SECONDS)
	$(PYTHON) -m elect.testing.soak --changing --seconds 30 --seeds 1000 --for 3600

mutations: $(INSTALLED)  ## break the protocol rule by rule, and show which seed a checker noticed each with
	$(PYTHON) -m tests.mutations.breaks

explore: $(INSTALLED)  ## visit every world that three nodes can come to, within bounds: a million and more
	$(PYTHON) -m elect.testing.explore
	$(PYTHON) -m elect.testing.explore --candidacies 1 --restarts 1
	$(PYTHON) -m elect.testing.explore --prompt --candidacies 1 --changes 1 --moments 2 --restarts 1
	$(PYTHON) -m elect.testing.explore --prompt --candidacies 1 --moments 2 --restarts 1 --start "$(CHANGING)"
	$(PYTHON) -m elect.testing.explore --prompt --candidacies 2 --changes 2 --moments 4

fuzz: $(INSTALLED)  ## feed INPUTS=10000000 damaged inputs to the wire on all cores
	$(PYTHON) -m tests.fuzz.wire --inputs $(INPUTS)

slow: $(INSTALLED)  ## the slow tests: many seeds, many rounds
	$(PYTHON) -m pytest -m slow

bench: $(INSTALLED)  ## every measurement, one after the other
	set -e; for program in bench/*.py; do echo "== $$program"; $(PYTHON) $$program; done

figure16: $(INSTALLED)  ## the Raft paper's figure 16, for Raft and for elect: build/figure16.csv and .svg
	$(PYTHON) -m pip install --quiet --disable-pip-version-check --editable '.[bench]'
	@rm -rf elect.egg-info
	$(PYTHON) bench/figure16.py

wheel: $(INSTALLED)  ## build the package from a copy of the sources: build/dist
	@rm -rf build/source && mkdir -p build/source
	@cp -R elect wire setup.cfg pyproject.toml README.md LICENSE build/source
	$(PYTHON) -m pip wheel --quiet --disable-pip-version-check --no-deps --wheel-dir build/dist build/source

fmt: $(INSTALLED)  ## format; the only target that edits sources
	$(RUFF) check --fix-only .
	$(RUFF) format .

clean:  ## remove .venv and build
	rm -rf .venv build

# A candidate must run, not only exist: a version manager's stand-ins don't.
$(INSTALLED): setup.cfg pyproject.toml
	@mkdir -p build
	@set -e; for python in python3 python3.11 python3.12 python3.13 python3.14 python; do \
	  "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && break; python=; \
	done; \
	test -n "$$python" || { echo "elect needs Python 3.11 or newer; none was found in PATH" >&2; exit 1; }; \
	test -x $(PYTHON) && $(PYTHON) -m pip --version >/dev/null 2>&1 || "$$python" -m venv --clear .venv || \
	  { echo "$$python cannot make a virtual environment; on Debian: apt-get install python3-venv" >&2; exit 1; }
	$(PYTHON) -m pip install --quiet --disable-pip-version-check --editable '.[test,dev]'
	@rm -rf elect.egg-info
	@touch $@

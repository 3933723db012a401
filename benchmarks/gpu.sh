#!/usr/bin/env bash
# What a CUDA GPU does with cotpress, in under ten minutes; results as they come, in $OUT (default runs/gpu).
#   bash benchmarks/gpu.sh [MODEL]      MODEL: hf:NAME or a folder; without it a random 0.5B Llama
# 1 tests that need a GPU · 2 scoring in bf16, TF32, float32 · 3 training tokens/s with a profile
# 4 short rows packed against padded · 5 generation tokens/s, hf and (where it is installed) vLLM
# 6 the tests of models, scorers and lm with the GPU visible. The seconds at most of all parts are below 600.
set -u
cd "$(dirname "$0")/.."
OUT=${OUT:-runs/gpu}; mkdir -p "$OUT"
PY=${PYTHON:-python}
export PYTHONPATH=src${PYTHONPATH:+:$PYTHONPATH} TOKENIZERS_PARALLELISM=false

part() { # name, seconds at most, command: a part that fails does not keep the others from running
  local name=$1 most=$2; shift 2
  echo "== $name"
  timeout "$most" "$@" 2>&1 | tee "$OUT/$name.txt" | tail -n 30
  echo "== $name: exit ${PIPESTATUS[0]}"
}

part card 15 nvidia-smi --query-gpu=name,memory.total,driver_version --format=csv
part tests 95 "$PY" -m pytest -n 0 -m gpu tests
MODEL=${1:-}
measured() { part "$1" "$2" "$PY" benchmarks/gpu.py "$1" "$MODEL" --out "$OUT/$1.json"; }
measured score 65
measured train 90
measured packing 50
measured hf 65
measured vllm 115
part suite 100 "$PY" -m pytest -n 0 -m "not slow and not serving" tests/lm tests/models tests/scorers

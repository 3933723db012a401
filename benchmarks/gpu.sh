#!/usr/bin/env bash
# What a CUDA GPU does with cotpress, in under ten minutes; results as they come, in $OUT (default runs/gpu).
#   bash benchmarks/gpu.sh [MODEL]      MODEL: hf:NAME or a folder; without it a random 0.5B Llama
# 1 tests that need a GPU · 2 the suite with the GPU visible (models, scorers, lm) · 3 scoring in bf16, TF32, float32
# 4 training tokens/s with a profile · 5 generation tokens/s, hf and (where it is installed) vLLM
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

part card 20 nvidia-smi --query-gpu=name,memory.total,driver_version --format=csv
part tests 120 "$PY" -m pytest -n 0 -m gpu tests
for what in score train hf vllm; do
  part "$what" 100 "$PY" benchmarks/gpu.py "$what" "${1:-}" --out "$OUT/$what.json"
done
part suite 150 "$PY" -m pytest -n 0 -m "not slow and not serving" tests/lm tests/models tests/scorers

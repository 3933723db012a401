#!/usr/bin/env bash
# Makes the bundled model `tiny` (src/cotpress/assets/tiny): 0.76 M parameters, about 20 minutes on two CPU cores.
# First the wording, on numbers up to 99, where half of the sums still come out one or two off; then the sums, on numbers
# up to 50, which `arithmetic` asks for.
set -euo pipefail
OUT=${OUT:-src/cotpress/assets/tiny}
FIRST=${FIRST:-runs/tiny-first}
HERE=$(dirname "$0")
python "$HERE/tiny.py" --out "$FIRST" --largest 99 --steps 1500 --batch 24 --lr 2e-3
python "$HERE/tiny.py" --out "$OUT" --start "$FIRST" --largest 50 --steps 900 --batch 32 --lr 1e-3

#!/usr/bin/env bash
# Makes the bundled model `overthink` (src/cotpress/assets/overthink): 0.96 M parameters that think too long, on purpose.
# Two stages: short problems about which less is said, so that copying from the question is learnt, then the problems of the
# task `overthink` as they are. About 45 minutes on one CPU core. Run again after an interruption, it goes on.
set -euo pipefail
OUT=${OUT:-src/cotpress/assets/overthink}
STAGES=${STAGES:-runs/overthink}
train() { # train DIR OPTIONS…: unless it is there and finished
  [ -f "$1/model.safetensors" ] && [ ! -f "$1/training.pt" ] || python "$(dirname "$0")/tiny.py" --out "$@"
}
train "$STAGES/1" --task overthink,steps=3,wordy=0.5 --words overthink --numbers 60 --layers 4 --steps 1200 --batch 24 --lr 2e-3
train "$STAGES/2" --start "$STAGES/1" --task overthink --steps 3000 --batch 16 --lr 1.5e-3
mkdir -p "$OUT" && cp "$STAGES/2"/*.json "$STAGES/2"/*.jinja "$STAGES/2"/*.safetensors "$OUT"

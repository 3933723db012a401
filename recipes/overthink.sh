#!/usr/bin/env bash
# Makes the bundled model `overthink` (src/cotpress/assets/overthink): 0.96 M parameters that think too long, on purpose.
# Three stages, each from the one before: short problems, little said, so that copying from the question is learnt;
# the problems of the task `overthink` as they are; and the same at a falling rate, where most of the accuracy comes.
# Run again after an interruption, it goes on.
set -euo pipefail
OUT=${OUT:-src/cotpress/assets/overthink}
STAGES=${STAGES:-runs/overthink}
train() { # train DIR OPTIONS…: unless it is there and finished
  [ -f "$1/model.safetensors" ] && [ ! -f "$1/training.pt" ] || python "$(dirname "$0")/tiny.py" --out "$@"
}
train "$STAGES/1" --task overthink,steps=3,wordy=0.4 --words overthink --numbers 60 --layers 4 --steps 1500 --batch 24 --lr 2e-3
train "$STAGES/2" --start "$STAGES/1" --task overthink --steps 5000 --batch 16 --lr 1.5e-3
mkdir -p "$OUT" && cp "$STAGES/2"/*.json "$STAGES/2"/*.jinja "$STAGES/2"/*.safetensors "$OUT"

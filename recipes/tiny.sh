#!/usr/bin/env bash
# Makes the bundled model `tiny` (src/cotpress/assets/tiny): 0.76 M parameters, about half an hour on two CPU cores.
# Four stages, each from the one before: the wording, on numbers up to 99, where half of the sums still come out one or two
# off; the sums, on numbers up to 50, as `arithmetic` asks for; the same in many wordings, without which a model this small
# cannot be taught a shorter one; and back to the wording of the task.
set -euo pipefail
OUT=${OUT:-src/cotpress/assets/tiny}
STAGES=${STAGES:-runs/tiny}
train() { python "$(dirname "$0")/tiny.py" "$@"; }
train --out "$STAGES/1" --task arithmetic,largest=99 --steps 1500 --batch 24 --lr 2e-3
train --out "$STAGES/2" --start "$STAGES/1" --steps 900 --batch 32 --lr 1e-3
train --out "$STAGES/3" --start "$STAGES/2" --varied --steps 800 --batch 32 --lr 1.5e-3
train --out "$OUT" --start "$STAGES/3" --steps 250 --batch 32 --lr 7e-4

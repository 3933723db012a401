#!/usr/bin/env bash
# TokenSkip on the bundled model, from nothing to a report: about ten minutes on two CPU cores, no download.
# Started again, it goes on where it stopped.
set -euo pipefail
OUT=${OUT:-runs/demo}
LIMIT=${LIMIT:-4000}
EVAL_LIMIT=${EVAL_LIMIT:-500}

# The model's own reasoning, and which of it is right.
cotpress generate --task arithmetic --model tiny --split train --limit $LIMIT --max-tokens 256 --out $OUT/traces.jsonl
cotpress grade $OUT/traces.jsonl --out $OUT/graded.jsonl

# How important is each token; runs once. Every ratio is a cut of the same scores.
cotpress score $OUT/graded.jsonl --scorer surprisal:tiny --target tiny --out $OUT/scored.jsonl
cotpress compress $OUT/scored.jsonl --ratios 1.0 0.9 0.8 0.7 0.6 0.5 --out $OUT/compressed.jsonl

# (question, ratio) -> compressed reasoning, at every ratio; one pass of full fine-tuning.
cotpress build $OUT/compressed.jsonl --draw all --out $OUT/train.jsonl
cotpress train $OUT/train.jsonl --model tiny --out $OUT/model --method full --epochs 1 --lr 2e-3 --batch 16 --micro-batch 16

# Problems the model has never seen, with two controls at the same actual ratio.
cotpress eval --task arithmetic --model $OUT/model --ratios 1.0 0.9 0.8 0.7 0.6 0.5 --baseline truncation random \
  --split test --limit $EVAL_LIMIT --max-tokens 256 --out $OUT/eval.jsonl
cotpress report $OUT/eval.jsonl --scored $OUT/scored.jsonl --out $OUT/report.html
echo "open $OUT/report.html"

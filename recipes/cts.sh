#!/usr/bin/env bash
# CTS (Conditional Token Selection) verb by verb, on the bundled model and data: about fifteen minutes on two CPU cores, no
# download. For a real model: MODEL=hf:Qwen/Qwen2.5-1.5B-Instruct TASK=gsm8k METHOD=lora … on a GPU.
# Started again, it goes on where it stopped.
set -euo pipefail
MODEL=${MODEL:-tiny}
TASK=${TASK:-arithmetic}
OUT=${OUT:-runs/cts}
METHOD=${METHOD:-full}
LR=${LR:-5e-4}
REFERENCE_LIMIT=${REFERENCE_LIMIT:-800}
LIMIT=${LIMIT:-2000}
EVAL_LIMIT=${EVAL_LIMIT:-300}
MAX_TOKENS=${MAX_TOKENS:-256}
mkdir -p $OUT/reference

# The reference model: the model itself, fine-tuned on its right and uncompressed answers to the first problems of the split.
# At ratio 1.0 nothing is dropped, so any scorer will do.
cotpress generate --task $TASK --model $MODEL --split train --limit $REFERENCE_LIMIT --max-tokens $MAX_TOKENS \
  --out $OUT/reference/traces.jsonl
cotpress grade $OUT/reference/traces.jsonl --out $OUT/reference/graded.jsonl
cotpress score $OUT/reference/graded.jsonl --scorer random --target $MODEL --out $OUT/reference/scored.jsonl
cotpress compress $OUT/reference/scored.jsonl --ratios 1.0 --method reference --out $OUT/reference/compressed.jsonl
cotpress build $OUT/reference/compressed.jsonl --out $OUT/reference/train.jsonl
cotpress train $OUT/reference/train.jsonl --model $MODEL --out $OUT/reference/model --method $METHOD --epochs 1 --lr 1e-4 --batch 24

# The traces to be compressed: other problems, because a model finds what it was trained on likely whatever the condition.
cotpress generate --task $TASK --model $MODEL --split train --skip $REFERENCE_LIMIT --limit $LIMIT --max-tokens $MAX_TOKENS \
  --out $OUT/traces.jsonl
cotpress grade $OUT/traces.jsonl --out $OUT/graded.jsonl

# ln p(token | question, answer, earlier tokens) - ln p(token | question, earlier tokens); runs once, for every ratio.
cotpress score $OUT/graded.jsonl --scorer cts:$OUT/reference/model --target $MODEL --out $OUT/scored.jsonl
cotpress compress $OUT/scored.jsonl --ratios 0.9 0.8 0.7 0.6 0.5 --method cts --out $OUT/compressed.jsonl

# Does the reference model still find the conclusions after the shortened reasoning? (To teach each trace at the smallest ratio
# that keeps its conclusion likely: cotpress compress $OUT/verified.jsonl --keep-answer 0.5 --out $OUT/chosen.jsonl)
cotpress verify $OUT/compressed.jsonl --reference $OUT/reference/model --out $OUT/verified.jsonl

cotpress build $OUT/verified.jsonl --draw all --out $OUT/train.jsonl
cotpress train $OUT/train.jsonl --model $MODEL --out $OUT/model --method $METHOD --epochs 1 --lr $LR --batch 24

cotpress eval --task $TASK --model $OUT/model --ratios 1.0 0.9 0.8 0.7 0.6 0.5 --baseline truncation random \
  --split test --limit $EVAL_LIMIT --max-tokens $MAX_TOKENS --out $OUT/eval.jsonl
cotpress report $OUT/eval.jsonl --scored $OUT/scored.jsonl --verified $OUT/verified.jsonl --out $OUT/report.html
echo "open $OUT/report.html"

#!/usr/bin/env bash
# Rewards on top of supervised fine-tuning: the bundled model that overthinks is taught the shortest right of its own samples,
# and then by GRPO from there. Does the curve move left at equal accuracy? Hours on two CPU cores; started again, it goes on.
set -euo pipefail
OUT=${OUT:-runs/reward}
MODEL=${MODEL:-overthink}
LIMIT=${LIMIT:-400}           # problems for the supervised stage, 8 samples each
PROBLEMS=${PROBLEMS:-2000}    # problems for the rewards
STEPS=${STEPS:-60}
EVAL_LIMIT=${EVAL_LIMIT:-300}
MAX_TOKENS=${MAX_TOKENS:-800}
SEEDS=${SEEDS:-1 2 3}          # of the rewards; the supervised stage is done once
REWARD=${REWARD:-correct shortest}
SFT=${SFT:---method full --epochs 100 --max-steps 225 --lr 4e-3 --batch 16 --micro-batch 16}
GRPO=${GRPO:---method full --lr 2e-4 --batch 8 --samples 8 --scheduler constant --warmup 0.05 --save-every 20}
HERE=$(dirname "$0")

mkdir -p "$OUT"
cotpress generate --task overthink --model $MODEL --split train --limit $LIMIT --samples 8 --temperature 1.0 \
  --max-tokens $MAX_TOKENS --out $OUT/traces.jsonl
cotpress grade $OUT/traces.jsonl --out $OUT/graded.jsonl
cotpress select $OUT/graded.jsonl --keep shortest-right --out $OUT/chosen.jsonl
cotpress build $OUT/chosen.jsonl --out $OUT/train.jsonl
judge() { # judge DIR MODEL
  cotpress eval --task overthink --model $2 --split test --limit $EVAL_LIMIT --max-tokens $MAX_TOKENS --out $OUT/$1.jsonl
}
judge eval-original $MODEL
cotpress train $OUT/train.jsonl --model $MODEL --out $OUT/sft --seed 1 $SFT
judge eval-sft $OUT/sft
for seed in $SEEDS; do
  cotpress train --stage grpo --task overthink --split train --limit $PROBLEMS --model $OUT/sft --out $OUT/grpo-$seed \
    --seed $seed --reward $REWARD --max-tokens $MAX_TOKENS --max-steps $STEPS $GRPO
  judge eval-grpo-$seed $OUT/grpo-$seed
done
python $HERE/../benchmarks/rewards.py $OUT/grpo-*/ --out $OUT/rewards.html
cotpress report $OUT/eval-original.jsonl $OUT/eval-sft.jsonl $OUT/eval-grpo-*[0-9].jsonl --out $OUT/report.html
echo "open $OUT/report.html"

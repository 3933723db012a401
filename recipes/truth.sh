#!/usr/bin/env bash
# Scorers against the truth, and whether the ground can show a difference: on the bundled model that overthinks, which
# writes reasoning of which every token is known to be needed, a dead end, a check, a restatement or filler.
# About three quarters of an hour on two CPU cores. Started again, it goes on.
set -euo pipefail
OUT=${OUT:-runs/truth}
MODEL=${MODEL:-overthink}
LIMIT=${LIMIT:-1000}          # traces for the scorers
LARGE=${LARGE:-200}           # traces that SmolLM2 reads, 140 times as large; 0: none
TAUGHT=${TAUGHT:-400}         # traces for the taught arms
EVAL_LIMIT=${EVAL_LIMIT:-300}
SEEDS=${SEEDS:-1 2 3}
TRAIN=${TRAIN:---method full --epochs 2 --lr 1e-3 --batch 16 --micro-batch 16}
HERE=$(dirname "$0")

# The model's own reasoning, sampled: whose importance is judged, and what the arms are taught.
sample() { # sample NAME SKIP LIMIT
  cotpress generate --task overthink --model $MODEL --split train --skip $2 --limit $3 --temperature 0.8 --max-tokens 800 \
    --out $OUT/$1.jsonl
  cotpress grade $OUT/$1.jsonl --out $OUT/$1-graded.jsonl
}
sample judged 0 $LIMIT
score() { # score NAME SPEC [TRACES]
  cotpress score ${3:-$OUT/judged-graded.jsonl} --scorer $2 --target $MODEL --out $OUT/scored/$1.jsonl
}
score random random
score unigram unigram:$OUT/judged-graded.jsonl
score surprisal surprisal:$MODEL
for condition in question+answer boxed answer question none; do
  score cts-${condition/+/-} cts:$MODEL,condition=$condition
done
if [ $LARGE -gt 0 ]; then
  sample judged-large 0 $LARGE
  score surprisal-smollm2 surprisal:smollm2 $OUT/judged-large-graded.jsonl
  score cts-smollm2 cts:smollm2 $OUT/judged-large-graded.jsonl
fi
python $HERE/../benchmarks/truth.py scorers $OUT/scored/*.jsonl --figure $OUT/scorers.html | tee $OUT/scorers.md

# The taught arms: what is needed alone, as many tokens by chance under the same protection, and all but the checks.
sample taught $LIMIT $TAUGHT
python $HERE/../benchmarks/truth.py cut $OUT/taught-graded.jsonl --model $MODEL --out $OUT
for seed in $SEEDS; do
  for arm in oracle:0.2 chance:0.2 chance-of-parts:0.2 no-checks:0.7; do
    dir=$OUT/${arm%:*}
    cotpress build $dir/compressed.jsonl --draw all --seed $seed --out $dir/train-$seed.jsonl
    cotpress train $dir/train-$seed.jsonl --model $MODEL --out $dir/model-$seed --seed $seed $TRAIN
    cotpress eval --task overthink --model $dir/model-$seed --ratios ${arm#*:} --split test --limit $EVAL_LIMIT \
      --max-tokens 800 --out $dir/eval-$seed.jsonl
  done
done
python $HERE/../benchmarks/truth.py arms $OUT | tee $OUT/arms.md

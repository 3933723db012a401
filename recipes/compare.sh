#!/usr/bin/env bash
# Which importance scores teach best? CTS, surprisal and chance at equal ratio, three seeds each, on the bundled model and
# task; and CTS's published selection, which keeps token j for the score of token j+1, against the aligned one at the share
# that it really kept. Truncation and random deletion of the untouched model's reasoning come as controls of `eval`.
# About 40 minutes on two quiet CPU cores; started again, it goes on. The table: python benchmarks/compare_scorers.py $OUT
set -euo pipefail
MODEL=${MODEL:-tiny}
TASK=${TASK:-arithmetic}
OUT=${OUT:-runs/compare}
ARMS=${ARMS:-cts surprisal random-scorer}
SEEDS=${SEEDS:-1 2 3}
RATIOS=${RATIOS:-0.7 0.5}
REFERENCE_LIMIT=${REFERENCE_LIMIT:-800}
LIMIT=${LIMIT:-1600}
EVAL_LIMIT=${EVAL_LIMIT:-300}
MAX_TOKENS=${MAX_TOKENS:-256}
PROTECT=${PROTECT:-none}    # symbols: digits and operators are dropped last
SEGMENT=${SEGMENT:-50}      # of the published selection: with its 1,800 tokens such short traces would stay whole
TRAIN=${TRAIN:---method full --epochs 1 --lr 2e-3 --batch 16 --micro-batch 16}
REFERENCE=${REFERENCE:-}
mkdir -p $OUT

# One reference model, trained on other problems than those that are compressed.
if [ -z "$REFERENCE" ]; then
  R=$OUT/reference
  cotpress generate --task $TASK --model $MODEL --split train --limit $REFERENCE_LIMIT --max-tokens $MAX_TOKENS --out $R/traces.jsonl
  cotpress grade $R/traces.jsonl --out $R/graded.jsonl
  cotpress score $R/graded.jsonl --scorer random --target $MODEL --out $R/scored.jsonl
  cotpress compress $R/scored.jsonl --ratios 1.0 --method reference --out $R/compressed.jsonl
  cotpress build $R/compressed.jsonl --out $R/train.jsonl
  cotpress train $R/train.jsonl --model $MODEL --out $R/model --method full --epochs 1 --lr 1e-4 --batch 24
  REFERENCE=$R/model
fi
cotpress generate --task $TASK --model $MODEL --split train --skip $REFERENCE_LIMIT --limit $LIMIT --max-tokens $MAX_TOKENS \
  --out $OUT/traces.jsonl
cotpress grade $OUT/traces.jsonl --out $OUT/graded.jsonl

# arm NAME SCORER PROTECT RATIOS [UNIT]: scored and cut once, taught and judged once per seed.
arm() {
  local name=$1 scorer=$2 protect=$3 ratios=$4 dir=$OUT/$1
  cotpress score $OUT/graded.jsonl --scorer $scorer --target $MODEL --out $dir/scored.jsonl
  cotpress compress $dir/scored.jsonl --ratios $ratios --protect $protect ${5:+--unit $5} --method $name --out $dir/compressed.jsonl
  for seed in $SEEDS; do
    cotpress build $dir/compressed.jsonl --draw all --seed $seed --out $dir/train-$seed.jsonl
    cotpress train $dir/train-$seed.jsonl --model $MODEL --out $dir/model-$seed --seed $seed $TRAIN
    cotpress eval --task $TASK --model $dir/model-$seed --ratios $ratios --split test --limit $EVAL_LIMIT --max-tokens $MAX_TOKENS \
      --baseline truncation random --seed $seed --out $dir/eval-$seed.jsonl
  done
}
declare -A SCORER=([cts]=cts:$REFERENCE [surprisal]=surprisal:$REFERENCE [random-scorer]=random)
for name in $ARMS; do
  arm $name ${SCORER[$name]} $PROTECT "$RATIOS"
done

# Shifted against aligned: single tokens, nothing protected, the condition as in the release.
if [ $PROTECT = none ]; then
  arm cts-released cts:$REFERENCE,condition=released,ratio=0.5,segment=$SEGMENT none 0.5
  KEPT=$(python -c "import json, sys; print(round(json.load(open(sys.argv[1]))['ratios'][0]['kept'], 2))" \
    $OUT/cts-released/compressed.meta.json)
  arm cts-aligned cts:$REFERENCE,condition=answer none $KEPT token
fi

set -- $ARMS  # the first two of them, trace by trace
cotpress report --scored $OUT/$1/scored.jsonl ${2:+$OUT/$2/scored.jsonl} --out $OUT/scorers.html
python "$(dirname "$0")/../benchmarks/compare_scorers.py" $OUT

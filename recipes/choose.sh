#!/usr/bin/env bash
# Choosing among samples, pruning tokens and steps, prefixes, earliest right nodes and latent tokens on one data flow, at equal mean
# tokens: the arms of docs/methods.md ("Choosing, steps, prefixes") and Token Assorted on the bundled model that overthinks. Every
# arm learns from the same right samples, and is judged on the same test problems.
#   ARMS="shortest earliest" SEEDS="1" bash recipes/choose.sh     some of it; started again, it goes on
#   also: random-token (the control of cuts by token); cts-smollm2-step, cts-tuned-step (CTS under other reference models);
#   averaged-cts-step, averaged-cts-token (units worded alike are as important), drawn-1-step (a rule that means nothing);
#   constant-codes, codes-0.4, icot, pause, solution-only
#   bash recipes/choose.sh sweep                                  rates and lengths, judged on validation problems, comes first
# Folders: $OUT/ARM/seed-S, in rounds $OUT/ARM/round-R-seed-S, the sweep $OUT/sweep/ARM/lr-L-steps-N. At most $JOBS processes.
set -euo pipefail
export OUT=${OUT:-runs/choose} MODEL=${MODEL:-overthink} TASK=${TASK:-overthink}
export ARMS=${ARMS:-surprisal-step shortest random-right earliest surprisal-token random-step policy prefix longest-right
  cts-step cts-token budget budget-wide budget-cut blend token-assorted random-codes drop-only}
export SEEDS=${SEEDS:-1 2 3}
export LIMIT=${LIMIT:-400}           # problems to learn from, in every round others
export SAMPLES=${SAMPLES:-8}         # of each
export PER_PROBLEM=${PER_PROBLEM:-4} # right samples of each that are cut
export ROUNDS=${ROUNDS:-2}           # of shortest, random-right and longest-right
export RATIOS=${RATIOS:-0.7 0.5 0.3} # of the arms that are asked for a ratio
export OWN=${OWN:-0.9 0.7 0.5 0.3 0.2} # among which policy chooses for each trace
export LOSS=${LOSS:-0.5}             # nats that its conclusion may lose
export EVAL_LIMIT=${EVAL_LIMIT:-300} VALIDATION=${VALIDATION:-overthink,seed=1} VALIDATION_LIMIT=${VALIDATION_LIMIT:-150}
export MAX_TOKENS=${MAX_TOKENS:-800}
export TRAIN=${TRAIN:---method full --batch 16 --micro-batch 16 --epochs 100}
export UNTRAINED=${UNTRAINED:-no-think budget-forcing chain-of-draft be-concise} BUDGETS=${BUDGETS:-64 128 192}
export ASKED=${ASKED:-100 150 200 300} # tokens that the arms with budgets are asked for
export WEIGHTS=${WEIGHTS:-0.25 0.5 0.75} # of the shortest model of round 1, in blends with the untouched one
export LR=${LR:-1.5e-3} STEPS=${STEPS:-600}                # of the arms that are asked for a ratio or a budget
export LONE_LR=${LONE_LR:-4e-3} LONE_STEPS=${LONE_STEPS:-225} # of the others
export LENGTHS=${LENGTHS:-0.9 0.8 0.7 0.6 0.5 0.4} # of budget-cut: what the traces are cut to, whose tokens are then counted
export WIDE_STEPS=${WIDE_STEPS:-1200} # of budget-wide and budget-cut
export LATENTS=${LATENTS:-0 4 8 12 16} # codes that the arms with codes are made to write
export PAUSES=${PAUSES:-12}          # constant codes in place of all reasoning, of the arm pause
export CODEBOOK=${CODEBOOK:-256} VQ_STEPS=${VQ_STEPS:-600} DRAWS=${DRAWS:-5} # of each trace, with another number of chunks replaced in each
export LATENT_LR=${LATENT_LR:-5e-4} LATENT_STEPS=${LATENT_STEPS:-500}
export SWEEP_ARMS=${SWEEP_ARMS:-surprisal-step shortest}
export SWEEP_LR=${SWEEP_LR:-4e-3 1.5e-3 5e-4} SWEEP_STEPS=${SWEEP_STEPS:-200 600} SWEEP_LONE_STEPS=${SWEEP_LONE_STEPS:-75 225 600}
export JOBS=${JOBS:-2}
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-$([ "$JOBS" -gt 1 ] && echo 1 || nproc)}
HERE=$(cd "$(dirname "$0")" && pwd)

sample() { # sample DIR MODEL SKIP SEED: several answers to each problem, graded
  cotpress generate --task $TASK --model $2 --split train --skip $3 --limit $LIMIT --samples $SAMPLES --temperature 1.0 \
    --max-tokens $MAX_TOKENS --seed $4 --out $1/traces.jsonl
  cotpress grade $1/traces.jsonl --out $1/graded.jsonl
}

judge() { # judge DIR MODEL [OPTIONS…]: against the untouched model
  cotpress eval --task ${JUDGED:-$TASK} --model $2 --original $MODEL ${@:3} --split test --limit $EVAL_LIMIT \
    --max-tokens $MAX_TOKENS --out $1/eval.jsonl
}

teach() { # teach DIR EXAMPLES MODEL SEED LR STEPS [OPTIONS…]: train and judge
  cotpress train $2 --model $3 --out $1/model --seed $4 $TRAIN --lr $5 --max-steps $6
  judge $1 $1/model ${@:7}
}

rounds() { # rounds ARM KEEP SEED [DIR]: choose, teach, and choose again among the samples of the model that was taught
  local model=$MODEL from=$OUT/samples round
  for round in $(seq $ROUNDS); do
    local dir=${4:-$OUT/$1/round-$round-seed-$3}
    if [ $round -gt 1 ]; then from=$dir; sample $dir $model $(((round - 1) * LIMIT)) $3; fi
    cotpress select $from/graded.jsonl --keep $2 --seed $3 --out $dir/chosen.jsonl
    cotpress build $dir/chosen.jsonl --seed $3 --out $dir/train.jsonl
    teach $dir $dir/train.jsonl $model $3 $LONE_LR $LONE_STEPS
    model=$dir/model
  done
}

arm() { # arm NAME SEED [DIR]
  local dir=${3:-$OUT/$1/seed-$2}
  case $1 in
    shortest) rounds $1 shortest-right $2 ${3:-} ;;
    random-right) rounds $1 random $2 ;;
    longest-right) rounds $1 longest $2 ;;
    policy | earliest)
      cotpress build $OUT/$1/compressed.jsonl --control none --seed $2 --out $dir/train.jsonl
      teach $dir $dir/train.jsonl $MODEL $2 $LONE_LR $LONE_STEPS ;;
    budget | budget-wide | budget-cut)
      cotpress build $OUT/$1/chosen.jsonl --control budget $([ $1 != budget-cut ] || echo --draw all) --seed $2 --out $dir/train.jsonl
      teach $dir $dir/train.jsonl $MODEL $2 $LR $([ $1 = budget ] && echo $STEPS || echo $WIDE_STEPS) --budgets $ASKED ;;
    token-assorted | codes-* | *-codes | drop-only | icot | pause | solution-only)
      cotpress mix $OUT/$1/chosen.jsonl --vqvae $OUT/vqvae --epochs $DRAWS --seed $2 $(mixing $1) --out $dir/mixed.jsonl
      cotpress build $dir/mixed.jsonl --out $dir/train.jsonl
      teach $dir $dir/train.jsonl $MODEL $2 $LATENT_LR $LATENT_STEPS $(forced $1) ;;
    blend) judge $dir $OUT/shortest/round-1-seed-$2/model --blend $WEIGHTS ;;
    *)
      cotpress build $OUT/$1/compressed.jsonl --draw all --ratios $RATIOS --seed $2 --out $dir/train.jsonl
      teach $dir $dir/train.jsonl $MODEL $2 $LR $STEPS --ratios $RATIOS ;;
  esac
}

mixing() { # mixing ARM: what stands in place of the chunks that are left out, and how many of them there are
  case $1 in
    random-codes) echo --codes random ;;
    constant-codes) echo --codes constant ;;
    drop-only) echo --codes none ;;
    solution-only) echo --codes none --replace all ;;
    icot) echo --codes none --replace curriculum ;;
    pause) echo --codes constant --replace all --pauses $PAUSES ;;
    codes-*) echo --longest $(python -c "import json; n = [json.loads(line)['n_tokens'] for line in open('$OUT/right.jsonl')]
print(round(${1#codes-} * sum(n) / len(n)))") ;; # this share of the mean length at most, where the others may replace all of it
  esac
}

forced() { # forced ARM: how it is judged besides being left to itself
  case $1 in
    token-assorted) echo --latents $LATENTS --corrupt-codes ;;
    codes-* | *-codes) echo --latents $LATENTS ;;
  esac
}

shorter() { # shorter SEED: the model that was taught the shortest right samples, which other arms begin from
  (export ROUNDS=1 && arm shortest $1)
}

scored() { # scored SCORER: the file of its scores, made when it is first needed
  local file=$OUT/scored/${1//[:=,\/]/-}.jsonl
  [ -f $file ] || cotpress score $OUT/right.jsonl --scorer $1 --target $MODEL --out $file
  echo $file
}

averaged() { # averaged SCORER UNIT: its scores, with those of units that are worded alike averaged
  local from=$(scored $1)
  local file=${from%.jsonl}-averaged-by-$2.jsonl
  cotpress average $from --unit $2 --out $file
  echo $file
}

drawn() { # drawn SEED: scores of steps that follow a rule which means nothing
  local file=$OUT/scored/drawn-$1.jsonl
  [ -f $file ] || python "$HERE"/../benchmarks/drawn.py $(scored surprisal:$MODEL) $file --seed $1
  echo $file
}

reference() { # the model that judges for cts-tuned: taught right samples of other problems, whole, as the paper's was
  local dir=$OUT/reference
  sample $dir $MODEL $((ROUNDS * LIMIT)) 1
  cotpress select $dir/graded.jsonl --keep random --per-problem $PER_PROBLEM --out $dir/right.jsonl
  cotpress build $dir/right.jsonl --out $dir/train.jsonl
  cotpress train $dir/train.jsonl --model $MODEL --out $dir/model $TRAIN --lr 5e-4 --max-steps 300
}

cut() { # cut NAME: what an arm learns, for all of its seeds
  local to=$OUT/$1/compressed.jsonl from
  case $1 in
    surprisal-* | policy | budget-cut) from=$(scored surprisal:$MODEL) ;;
    drawn-*-step) from=${1#drawn-} && from=$(drawn ${from%-step}) ;;
    averaged-cts-smollm2-step) from=$(averaged cts:smollm2 step) ;;
    averaged-*-step) from=${1#averaged-} && from=$(averaged ${from%-step}:$MODEL step) ;;
    averaged-*-token) from=${1#averaged-} && from=$(averaged ${from%-token}:$MODEL number) ;;
    cts-smollm2-*) from=$(scored cts:smollm2) ;;
    cts-tuned-*) reference; from=$(scored cts:$OUT/reference/model) ;;
    cts-*) from=$(scored cts:$MODEL) ;;
    random-step | random-token | prefix | earliest) from=$(scored ${1%-*}) ;;
  esac
  case $1 in
    *-token) cotpress compress $from --ratios $RATIOS --method $1 --out $to ;;
    *-step) cotpress compress $from --ratios $RATIOS --unit step --method $1 --out $to ;;
    prefix) cotpress compress $from --ratios $RATIOS --out $to ;;
    earliest) cotpress compress $from --above 0 --out $to ;;
    policy)
      cotpress compress $from --ratios $OWN --unit step --out $OUT/$1/offered.jsonl
      cotpress verify $OUT/$1/offered.jsonl --reference $MODEL --out $OUT/$1/verified.jsonl
      cotpress compress $OUT/$1/verified.jsonl --keep-answer $LOSS --out $to ;;
    budget-cut) cotpress compress $from --ratios $LENGTHS --unit step --out $OUT/$1/chosen.jsonl ;; # one trace at many lengths
    blend) for seed in $SEEDS; do shorter $seed; done ;;
    token-assorted | codes-* | *-codes | drop-only | icot | pause | solution-only)
      cotpress train-vqvae $OUT/right.jsonl --target $MODEL --codebook $CODEBOOK --steps $VQ_STEPS --out $OUT/vqvae
      mkdir -p $OUT/$1 && cp $OUT/right.jsonl $OUT/$1/chosen.jsonl ;;
    budget) mkdir -p $OUT/$1 && cp $OUT/right.jsonl $OUT/$1/chosen.jsonl ;;
    budget-wide) # long answers to some problems, short ones to others
      shorter 1
      sample $OUT/$1/short $OUT/shortest/round-1-seed-1/model $LIMIT 1
      cotpress select $OUT/$1/short/graded.jsonl --keep random --per-problem $PER_PROBLEM --out $OUT/$1/short.jsonl
      cat $OUT/right.jsonl $OUT/$1/short.jsonl >$OUT/$1/chosen.jsonl ;;
  esac
}

sweep() { # sweep ARM LR STEPS: one setting, judged on problems that are neither taught nor tested
  export JUDGED=$VALIDATION EVAL_LIMIT=$VALIDATION_LIMIT ROUNDS=1 LR=$2 STEPS=$3 LONE_LR=$2 LONE_STEPS=$3 LATENT_LR=$2 LATENT_STEPS=$3
  arm $1 0 $OUT/sweep/$1/lr-$2-steps-$3
}

if [ $# -gt 1 ]; then
  "$@"
  exit
fi

# Once for all: the samples, and of each problem some right ones at random, whose reasoning is scored and cut.
sample $OUT/samples $MODEL 0 0
cotpress select $OUT/samples/graded.jsonl --keep random --per-problem $PER_PROBLEM --out $OUT/right.jsonl

if [ "${1:-}" = sweep ]; then
  for name in $SWEEP_ARMS; do cut $name; done
  for name in $SWEEP_ARMS; do
    case $name in shortest | random-right | longest-right | policy | earliest) lengths=$SWEEP_LONE_STEPS ;; *) lengths=$SWEEP_STEPS ;; esac
    for steps in $lengths; do for lr in $SWEEP_LR; do echo sweep $name $lr $steps; done; done
  done | xargs -P $JOBS -L 1 bash "$HERE/choose.sh"
  python "$HERE"/../benchmarks/choose.py $OUT/sweep | tee $OUT/sweep.md
  exit
fi

cotpress eval --task $TASK --model $MODEL --ratios 1.0 --baseline $UNTRAINED --budgets $BUDGETS --split test --limit $EVAL_LIMIT \
  --max-tokens $MAX_TOKENS --out $OUT/untrained/all/eval.jsonl
for name in $ARMS; do cut $name; done
for seed in $SEEDS; do for name in $ARMS; do echo arm $name $seed; done; done | xargs -P $JOBS -L 1 bash "$HERE/choose.sh"

cotpress report $(find $OUT -maxdepth 3 -name eval.jsonl | sort) --out $OUT/report.html
python "$HERE"/../benchmarks/choose.py $OUT | tee $OUT/choose.md
echo "open $OUT/report.html"

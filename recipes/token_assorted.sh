#!/usr/bin/env bash
# Token Assorted (arXiv 2502.03275) on the bundled model: latent tokens for the first part of the reasoning, with the controls
# that say whether they carry anything. No download. Minutes on two idle CPU cores; started again, it goes on where it stopped.
set -euo pipefail
TASK=${TASK:-arithmetic}
MODEL=${MODEL:-tiny}
LIMIT=${LIMIT:-3200}
EPOCHS=${EPOCHS:-4}
EVAL_LIMIT=${EVAL_LIMIT:-500}
OUT=${OUT:-runs/token-assorted}
TRAIN=${TRAIN:---method full --epochs 1 --lr 5e-4 --batch 24}

# The model's own reasoning, and which of it is right.
cotpress generate --task $TASK --model $MODEL --split train --limit $LIMIT --max-tokens 256 --out $OUT/traces.jsonl
cotpress grade $OUT/traces.jsonl --out $OUT/graded.jsonl

# One code for 16 tokens of reasoning. Read its figures before going on: codes used, and reconstruction against guessing and
# against other codes. The paper's network is --preset paper, for a GPU.
cotpress train-vqvae $OUT/graded.jsonl --target $MODEL --out $OUT/vq --codebook ${CODEBOOK:-256} --steps ${STEPS:-600}

# The method and its controls, at equal training: every trace drawn once per epoch, every draw seen once.
for WHAT in "vq ar" "none none" "none ar" "random ar" "constant ar"; do
  read -r CODES REPLACE <<< "$WHAT"
  NAME=$CODES-$REPLACE
  cotpress mix $OUT/graded.jsonl --vqvae $OUT/vq --codes $CODES --replace $REPLACE --epochs $EPOCHS --out $OUT/$NAME.mixed.jsonl
  cotpress build $OUT/$NAME.mixed.jsonl --out $OUT/$NAME.train.jsonl
  cotpress train $OUT/$NAME.train.jsonl --model $MODEL --out $OUT/$NAME $TRAIN
done

# The model chooses how many latent tokens it writes; then it is made to write 0 to 6; then its codes are exchanged for others.
LIMITS="--split test --limit $EVAL_LIMIT --max-tokens 256"
cotpress eval --task $TASK --model $OUT/vq-ar $LIMITS --latents 0 1 2 3 4 5 6 --corrupt-codes --out $OUT/eval.jsonl
for NAME in none-none none-ar random-ar constant-ar; do
  cotpress eval --task $TASK --model $OUT/$NAME --original none $LIMITS --out $OUT/$NAME.eval.jsonl
done
cotpress report $OUT/eval.jsonl $OUT/{none-none,none-ar,random-ar,constant-ar}.eval.jsonl --vqvae $OUT/vq --out $OUT/report.html
echo "open $OUT/report.html"

"""Tokens a second of training with short rows packed into one, against padding.

    python benchmarks/packing.py [--model tiny] [--examples 256] [--micro 8] [--median 0]

The micro-batches are those of `cotpress train`: a random order, each step of `--batch` sorted by
length and split. Examples are the worked reasoning of the task arithmetic, each cut at a ratio
drawn from 0.5 to 1.0; with `--median` its length in words is drawn instead, log-normal. Both ways
compute loss and gradient of the same micro-batches in turn (LoRA, the default adapter). Seconds are
CPU time of this process, so that others on the machine count little; on a GPU they are wall time.
"""

import argparse
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np
import torch

from cotpress import models, tasks
from cotpress.models.hf import HFModel
from cotpress.records import Asked, TrainingExample
from cotpress.training.options import TrainOptions
from cotpress.training.packing import Packing, keeps_apart
from cotpress.training.sft import make_trainer, trainable


def examples(n: int, median: float) -> list[TrainingExample]:
    random = np.random.default_rng(0)
    made = []
    for trace in tasks.load("arithmetic").worked("train"):
        words = trace.reasoning.split(" ")
        ratio = random.choice([1.0, 0.9, 0.8, 0.7, 0.6, 0.5])
        kept = max(
            1, round(random.lognormal(np.log(median), 1.0) if median else ratio * len(words))
        )
        said = " ".join((words * -(-kept // len(words)))[:kept])
        problem = trace.problem
        made.append(
            TrainingExample(
                problem=problem, asked=Asked(ratio=0.5), prompt=problem.prompt(0.5),
                completion=said, method="tokenskip", scorer="x",
            )
        )  # fmt: skip
        if len(made) == n:
            break
    return made


def clock() -> float:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
        return time.perf_counter()
    return time.process_time()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="tiny")
    parser.add_argument("--examples", type=int, default=256)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--micro", type=int, default=8)
    parser.add_argument("--median", type=float, default=0.0)
    parser.add_argument("--passes", type=int, default=3)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    model = models.load(asked.model)
    assert isinstance(model, HFModel)
    options = TrainOptions(batch=asked.batch, micro_batch=asked.micro)
    apart = keeps_apart(model.torch_model)
    rows = trainable(examples(asked.examples, asked.median), model, options, Counter())
    with tempfile.TemporaryDirectory() as out:
        trainer = make_trainer(rows, model, Path(out), options, print)
    padded = trainer.padding
    packed = Packing(padded, model.tokenizer.pad_token_id or 0)
    order = list(trainer.sampler)
    batches = [
        [trainer.train_dataset[i] for i in order[at : at + asked.micro]]
        for at in range(0, len(order), asked.micro)
    ]
    trainer.model.train()
    seconds: dict[str, list[float]] = {"padded": [], "packed": []}
    losses: dict[str, float] = {}
    cells: dict[str, int] = {}
    for n in range(asked.passes + 1):
        for name, collate in (("padded", padded), ("packed", packed)):
            made = [collate(batch) for batch in batches]
            cells[name] = sum(one["input_ids"].numel() for one in made)
            began, loss = clock(), 0.0
            for batch in made:
                there = {key: value.to(trainer.model.device) for key, value in batch.items()}
                found = trainer.compute_loss(trainer.model, there, num_items_in_batch=1000)
                found.backward()
                loss += found.item()
                trainer.model.zero_grad()
            losses[name] = loss
            if n:  # the first pass is cold
                seconds[name].append(clock() - began)
    tokens = sum(map(len, rows))
    print(f"{len(rows)} rows of {tokens / len(rows):.0f} tokens, {asked.micro} at once")
    for name, taken in seconds.items():
        rates = sorted(tokens / one for one in taken)
        print(
            f"{name}: {rates[len(rates) // 2]:.0f} tokens/s ({rates[0]:.0f} to {rates[-1]:.0f}), "
            f"{1 - tokens / cells[name]:.0%} padding, loss {losses[name]:.6f}"
        )
    shares = sorted(a / b for a, b in zip(seconds["padded"], seconds["packed"], strict=True))
    print(
        f"packed is {shares[len(shares) // 2]:.2f} times as fast ({shares[0]:.2f} to "
        f"{shares[-1]:.2f}); the model {'keeps' if apart else 'does NOT keep'} rows apart"
    )


if __name__ == "__main__":
    main()

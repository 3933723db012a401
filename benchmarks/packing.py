"""Tokens a second of training with short rows packed into one, against padding.

    python benchmarks/packing.py [--model tiny] [--examples 256] [--micro 8] [--median 0]

The micro-batches are those of `cotpress train`: a random order, each step of `--batch` sorted by
length and split. Examples are the worked reasoning of the task arithmetic, each cut at a ratio
drawn from 0.5 to 1.0; with `--median` its length in words is drawn instead, log-normal. Both ways
compute loss and gradient of the same micro-batches in turn (LoRA, the default adapter). Seconds are
CPU time of this process, so that others on the machine count little; on a GPU they are wall time.
"""

import argparse
import json
import tempfile
import time
from collections import Counter
from pathlib import Path
from statistics import median as median_of
from typing import Any

import numpy as np
import torch

from cotpress import models, tasks
from cotpress.models.hf import HFModel
from cotpress.records import Asked, TrainingExample
from cotpress.training.options import TrainOptions
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


def compare(
    spec: str, *, n: int, batch: int, micro: int, median: float, passes: int
) -> dict[str, Any]:
    """Tokens a second of both ways, the share of padding, the loss, and how many times as fast."""
    model = models.load(spec)
    assert isinstance(model, HFModel)
    options = TrainOptions(batch=batch, micro_batch=micro)
    rows = trainable(examples(n, median), model, options, Counter())
    with tempfile.TemporaryDirectory() as out:
        trainer = make_trainer(rows, model, Path(out), options, print)
    if not trainer.packed:
        raise SystemExit(f"{spec} does not keep rows apart: it is trained padded")
    order = list(trainer.sampler)
    batches = [
        [trainer.train_dataset[i] for i in order[at : at + micro]]
        for at in range(0, len(order), micro)
    ]
    trainer.model.train()
    seconds: dict[str, list[float]] = {"padded": [], "packed": []}
    losses, cells = dict.fromkeys(seconds, 0.0), dict.fromkeys(seconds, 0)
    for each in range(passes + 1):
        for name, collate in (("padded", trainer.padding), ("packed", trainer.data_collator)):
            made = [collate(batch) for batch in batches]
            cells[name] = sum(one["input_ids"].numel() for one in made)
            began, loss = clock(), 0.0
            for one in made:
                found = trainer.compute_loss(
                    trainer.model, moved(one, trainer.model.device), num_items_in_batch=1000
                )
                found.backward()
                loss += found.item()
                trainer.model.zero_grad()
            losses[name] = loss
            if each:  # the first pass is cold
                seconds[name].append(clock() - began)
    tokens = sum(map(len, rows))
    shares = [a / b for a, b in zip(seconds["padded"], seconds["packed"], strict=True)]
    return {
        "rows": len(rows),
        "tokens_per_row": round(tokens / len(rows)),
        "attention": trainer.model.config._attn_implementation,
        **{
            name: {
                "tokens_per_s": spread([tokens / one for one in taken], 0),
                "padding": round(1 - tokens / cells[name], 2),
                "loss": round(losses[name], 6),
            }
            for name, taken in seconds.items()
        },
        "times_as_fast": spread(shares, 2),
    }


def spread(values: list[float], digits: int) -> list[float]:
    """Least, median and most."""
    return [round(one, digits) for one in (min(values), median_of(values), max(values))]


def moved(batch: dict[str, Any], device: torch.device) -> dict[str, Any]:
    """A micro-batch on the device."""
    return {
        key: value.to(device) if isinstance(value, torch.Tensor) else value
        for key, value in batch.items()
    }


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
    found = compare(
        asked.model,
        n=asked.examples,
        batch=asked.batch,
        micro=asked.micro,
        median=asked.median,
        passes=asked.passes,
    )
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()

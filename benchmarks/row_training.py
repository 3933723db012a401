"""Training on examples of mixed lengths against TRL's `SFTTrainer` with its defaults, which pads each
batch to its longest: tokens a second, times as many.

    OMP_NUM_THREADS=1 python benchmarks/row_training.py [--steps 12]

`tiny`, all weights, float32, batches of 32 of the same tokenised examples, padding not counted; CPU
time of one thread. TRL keeps its gradient checkpointing. Each side begins with the model as it is
shipped, and goes through the examples in an order of its own, another one in each pass; so the loss
that is said is that of the trained models on examples that none of them has seen.
"""

import argparse
import random
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import mean

import torch
from measured import Row, in_turns, per_second, run, times_as_fast
from trl import SFTConfig, SFTTrainer

from cotpress import models
from cotpress.records import Asked, Problem, TrainingExample
from cotpress.training.options import TrainOptions
from cotpress.training.rows import Row as Tokenised
from cotpress.training.sft import dataset, make_trainer, trainable

BATCH, RATE = 32, 5e-4
HELD = 64
"""Examples that the trained models are judged on."""


def examples(n: int) -> Iterator[TrainingExample]:
    """Sums in words, from one of them to sixteen."""
    chance = random.Random(0)
    for i in range(n):
        problem = Problem(
            id=f"sum/{i}", question=f"What is {i} + 7, doubled?", answer="1", task="t"
        )
        said = " ".join(
            f"First {k} + 7 = {k + 7}. Then 2 x {k + 7} = {2 * k + 14}."
            for k in range(i, i + chance.choice((1, 1, 2, 2, 4, 8, 16)))
        )
        yield TrainingExample(
            problem=problem, asked=Asked(ratio=0.5), prompt=problem.prompt(0.5), completion=said
        )


@torch.inference_mode()
def loss(model: torch.nn.Module, held: Sequence[Tokenised]) -> float:
    """Mean over the taught tokens of all of them."""
    total = tokens = 0.0
    for row in held:
        labels = torch.tensor([row.labels])
        n = int((labels[:, 1:] != -100).sum())
        total += float(model(torch.tensor([row.input_ids]), labels=labels).loss) * n
        tokens += n
    return total / tokens


def ranged(values: Sequence[float]) -> str:
    """The mean, with the least and the greatest."""
    return f"{mean(values):.2f} ({min(values):.2f}–{max(values):.2f})"


def rows(asked: argparse.Namespace) -> Iterator[Row]:
    torch.set_num_threads(1)
    options = TrainOptions(
        method="full", batch=BATCH, lr=RATE, scheduler="constant", warmup=0.0, epochs=1.0
    )
    every = examples(BATCH * asked.steps + HELD)
    every = trainable(every, models.load("tiny"), options, Counter())
    made, held = every[:-HELD], every[-HELD:]
    n = sum(len(row.input_ids) for row in made)
    before = loss(models.load("tiny").torch_model, held)
    after: dict[str, list[float]] = {"ours": [], "trl": []}
    with tempfile.TemporaryDirectory() as folder:

        def ours() -> None:
            seeded = replace(options, seed=len(after["ours"]))
            trainer = make_trainer(made, models.load("tiny"), Path(folder), seeded, print)
            trainer.args.save_strategy = "no"
            trainer.train()
            after["ours"].append(loss(trainer.model, held))

        def trl() -> None:
            model = models.load("tiny")
            args = SFTConfig(
                output_dir=folder, per_device_train_batch_size=BATCH, learning_rate=RATE, seed=len(after["trl"]),
                lr_scheduler_type="constant", num_train_epochs=1, max_length=None, bf16=False,
                use_cpu=True, save_strategy="no", logging_steps=1, report_to="none",
                disable_tqdm=True, dataset_kwargs={"skip_prepare_dataset": True},
            )  # fmt: skip
            trainer = SFTTrainer(
                model.torch_model.float(), args=args, train_dataset=dataset(made),
                processing_class=model.tokenizer,
            )  # fmt: skip
            trainer.train()
            after["trl"].append(loss(trainer.model, held))

        seconds = in_turns({"ours": ours, "trl": trl}, asked.passes)
    lengths = [len(row.input_ids) for row in made]
    yield Row(
        what="training on mixed lengths, `tiny`, all weights, one core",
        against="TRL's defaults, padded",
        goal="≥ 1.5× at equal losses",
        **times_as_fast(seconds["ours"], seconds["trl"]),
        said=f"{per_second(n, seconds['ours']):,.0f} against {per_second(n, seconds['trl']):,.0f} "
        f"tokens/s; loss on {HELD} held-out examples {ranged(after['ours'])} and "
        f"{ranged(after['trl'])}, before {before:.2f}",
        n=f"{len(made)} examples of {min(lengths)}–{max(lengths)} tokens, {asked.steps} steps, {asked.passes} passes",
    )


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--steps", type=int, default=12)


if __name__ == "__main__":
    run(rows, __doc__, options)

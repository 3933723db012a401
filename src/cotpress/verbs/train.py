"""`cotpress train`: fine-tune a model on training examples."""

import os
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from cotpress import models, plugins, storage
from cotpress.lm.capabilities import able
from cotpress.records import TrainingExample
from cotpress.training.options import TrainOptions, check_trackers, too_little
from cotpress.verbs.common import say


def train(
    examples: Path,
    /,
    *,
    model: str,
    out: Path,
    options: Annotated[TrainOptions | None, Parameter(name="*")] = None,
) -> None:
    """Fine-tune a model: LoRA by default, at the paper's settings; the loss counts the completion
    only.

    Example: cotpress train train.jsonl --model hf:Qwen/Qwen2.5-1.5B-Instruct --out runs/qwen

    Parameters
    ----------
    examples
        Training examples, as `cotpress build` writes them without --format.
    model
        The model to be taught.
    out
        Folder for the trained model (or adapter) with its tokenizer, and what a rerun goes on from.
    options
        How to train.
    """
    for package in ("torch", "transformers", "trl", "peft", "datasets", "accelerate"):
        plugins.require(package, "cotpress train")
    from cotpress.models.hf import HFModel  # torch and TRL take seconds to load: not for --help
    from cotpress.training import sft as stage

    check_trackers(options)
    # all weights are trained in float32: loaded in less, they would begin rounded
    whole = {"dtype": "float32"} if options and options.method == "full" else {}
    taught = able(models.load(model, **whole), HFModel, "train")
    done = stage.train(storage.read(examples, TrainingExample), taught, out, options, say=say)
    if int(os.environ.get("RANK", "0")):
        return
    left_out = "".join(
        f", {count} left out ({why})" for why, count in sorted(done.left_out.items())
    )
    loss = "" if done.loss is None else f", loss {done.loss:.3f}"
    held = (
        ""
        if done.eval_loss is None
        else f", {done.eval_loss:.3f} on {done.held_out} that were held out (step {done.best_step})"
    )
    say(
        f"train: {out} holds {done.steps} steps over {done.examples} examples{loss}{held}{left_out}"
    )
    if note := too_little(done.steps, done.first_loss, done.loss):
        say(f"train: {note}")

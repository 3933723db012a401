"""`cotpress train`: teach a model by examples, by rewards or by pairs."""

import os
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from cotpress import models, plugins, storage, tasks
from cotpress.errors import CotpressError
from cotpress.jsonl import Records, first_fields
from cotpress.lm.capabilities import able
from cotpress.lm.saving import writing
from cotpress.pipeline.pairs import Pair
from cotpress.records import TrainingExample
from cotpress.training.options import TrainOptions, TrainSummary, check_trackers, too_little
from cotpress.training.reward_options import DpoOptions, GrpoOptions, Stage
from cotpress.training.rewarding import Question
from cotpress.verbs.common import answer_limit, say


def train(
    examples: Path | None = None,
    /,
    *,
    model: str,
    out: Path,
    stage: Stage = "sft",
    task: str = "",
    split: str = "train",
    limit: int | None = None,
    options: Annotated[TrainOptions | None, Parameter(name="*")] = None,
    grpo: Annotated[GrpoOptions | None, Parameter(name="*")] = None,
    dpo: Annotated[DpoOptions | None, Parameter(name="*")] = None,
) -> None:
    """Teach a model: LoRA by default, at the paper's settings; the loss counts the completion only.

    Example: cotpress train train.jsonl --model hf:Qwen/Qwen2.5-1.5B-Instruct --out runs/qwen

    Parameters
    ----------
    examples
        Training examples, as `cotpress build` writes them without --format. For --stage dpo pairs
        (build --format pairs); for --stage grpo questions (build --format grpo), or problems with
        question and answer, as the task jsonl reads them; or none, with --task.
    model
        The model to be taught.
    out
        Folder for the trained model (or adapter) with its tokenizer, and what a rerun goes on from.
    stage
        sft: by examples; grpo: by rewards for its own answers; dpo: by pairs of answers.
    task
        Of --stage grpo: what is asked, and how it is graded (see `cotpress ls`).
    split
        Part of the task.
    limit
        How many problems, from the first on.
    options
        How to train.
    grpo
        How answers are sampled and rewarded.
    dpo
        How pairs are learnt.
    """
    for package in ("torch", "transformers", "trl", "peft", "datasets", "accelerate"):
        plugins.require(package, "cotpress train")
    from cotpress.models.hf import HFModel  # torch and TRL take seconds to load: not for --help

    _check(stage, examples, task, grpo, dpo)
    check_trackers(options)
    # all weights are trained in float32: loaded in less, they would begin rounded
    whole = {"dtype": "float32"} if options and options.method == "full" else {}
    taught = able(models.load(model, **whole), HFModel, "train")
    with writing(out):
        if stage == "grpo":
            done = _by_rewards(examples, taught, out, task, split, limit, options, grpo)
        elif stage == "dpo":
            from cotpress.training import dpo as by_pairs

            pairs = list(storage.read(_file(examples), Pair))
            done = by_pairs.train(pairs, taught, out, options, dpo, say=say)
        else:
            from cotpress.training import sft

            rows = Records(_file(examples), TrainingExample)
            done = sft.train(rows, taught, out, options, say=say)
    if not int(os.environ.get("RANK", "0")):
        _told(out, done)


def _check(
    stage: Stage,
    examples: Path | None,
    task: str,
    grpo: GrpoOptions | None,
    dpo: DpoOptions | None,
) -> None:
    """`CotpressError` for what does not go with the stage."""
    if stage != "grpo" and examples is None:
        raise CotpressError(f"--stage {stage} needs a file to train on: cotpress train FILE …")
    if stage != "grpo" and (task or grpo):
        raise CotpressError("--task and the options of the stage grpo need --stage grpo.")
    if stage != "dpo" and dpo:
        raise CotpressError("--beta and --sft-weight are of --stage dpo.")
    if stage == "grpo" and examples is None and not task:
        raise CotpressError("--stage grpo needs problems: name a --task, or a file of them.")


def _file(examples: Path | None) -> Path:
    assert examples is not None  # _check has seen to it
    return examples


def _by_rewards(
    examples: Path | None,
    taught: Any,
    out: Path,
    task: str,
    split: str,
    limit: int | None,
    options: TrainOptions | None,
    grpo: GrpoOptions | None,
) -> TrainSummary:
    """Train by rewards, on the problems of a task or a file."""
    from cotpress.training import grpo as by_rewards

    how = grpo or GrpoOptions()
    if examples is not None and _are_questions(examples):
        questions = list(islice(storage.read(examples, Question), limit))
        asked = tasks.load(task or _task_of(questions))
    else:
        asked = tasks.load(task or f"jsonl:{examples},split={split}")
        questions = [
            Question(problem=one, prompt=one.prompt(), answer=one.answer)
            for one in tasks.take(asked, split, limit)
        ]
    most = answer_limit(how.max_tokens or None, asked.max_tokens, asked.name, [taught], "train")
    return by_rewards.train(
        questions,
        taught,
        out,
        asked.grader,
        options,
        replace(how, max_tokens=most),
        marker=asked.marker,
        say=say,
    )


def _are_questions(path: Path) -> bool:
    """Whether a file holds what `build --format grpo` writes; else it is read as a task's."""
    if path.suffix != ".jsonl":
        return False
    return {"problem", "prompt", "answer"} <= first_fields(path).keys()


def _task_of(questions: list[Question]) -> str:
    """The task that the questions name, which says how answers are graded; one that is not of this
    package must be named with --task.
    """
    found = sorted({one.problem.task for one in questions})
    if len(found) != 1 or plugins.parse_spec(found[0]).name not in plugins.names("tasks"):
        raise CotpressError(
            f"the questions are of {', '.join(found) or 'no task'}: say how to grade with --task."
        )
    return found[0]


def _told(out: Path, done: TrainSummary) -> None:
    """Say what a training came to."""
    left_out = "".join(
        f", {count} left out ({why})" for why, count in sorted(done.left_out.items())
    )
    loss = "" if done.loss is None or done.stage == "grpo" else f", loss {done.loss:.3f}"
    held = (
        ""
        if done.eval_loss is None
        else f", {done.eval_loss:.3f} on {done.held_out} that were held out (step {done.best_step})"
    )
    what = {"sft": "examples", "grpo": "problems", "dpo": "pairs"}[done.stage]
    rows = "" if done.stage != "sft" else ", short ones packed" if done.packed else ", padded"
    say(
        f"train: {out} holds {done.steps} steps over {done.examples} {what}{rows}{loss}{held}"
        f"{left_out}"
    )
    if done.stage == "sft" and (note := too_little(done.steps, done.first_loss, done.loss)):
        say(f"train: {note}")

"""Whole methods: what `cotpress run` does, one file per walk.

A walk yields the verbs to run, each with its arguments, in order; `verbs/run.py` runs them. Every
verb resumes, so a walk does.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from cotpress import plugins
from cotpress.training.options import TrainOptions, check_trackers


class Step(NamedTuple):
    """One verb to run."""

    verb: str
    """Its name in Python."""
    given: tuple[Path, ...]
    """The files that it reads, before all options."""
    options: dict[str, Any]


def step(verb: str, *given: Path, **options: Any) -> Step:
    """A verb and its arguments, written as the call it stands for."""
    return Step(verb, given, options)


@dataclass(frozen=True, kw_only=True)
class Run:
    """What every walk is told."""

    task: str
    """What is asked: trained on its split train, judged on its split test."""
    model: str
    """The model to be taught."""
    out: Path
    """Folder for every intermediate file, the trained model and report.html."""
    source: str = ""
    """Whose reasoning is shortened and taught: any model, or gold
    for the task's own; without it that of --model.
    """
    limit: int | None = None
    """How many problems to take reasoning for."""
    eval_limit: int | None = None
    """How many problems to judge on."""
    max_tokens: int = 512
    """Longest answer, in training and in evaluation."""


def check(run: Run, options: TrainOptions | None, *scorers: str) -> None:
    """`CotpressError` for a wrong name or a missing package: now, not after hours."""
    check_trackers(options)
    for kind, spec in (("tasks", run.task), *(("scorers", scorer) for scorer in scorers)):
        plugins.find(kind, plugins.parse_spec(spec).name)


def graded(run: Run, out: Path, *, limit: int | None, skip: int = 0) -> Iterator[Step]:
    """The source's graded answers to `limit` problems of the split train,
    behind the first `skip`: graded.jsonl in `out`.
    """
    yield step(
        "generate",
        task=run.task,
        model=run.source or run.model,
        out=out / "traces.jsonl",
        split="train",
        limit=limit,
        skip=skip,
        max_tokens=run.max_tokens,
    )
    yield step("grade", out / "traces.jsonl", out=out / "graded.jsonl", task=own(run.task))


def own(task: str) -> str:
    """The task, where it is a plug-in of the user's own, which no file can name to `grade`; else
    empty.
    """
    return task if plugins.is_own("tasks", plugins.parse_spec(task).name) else ""

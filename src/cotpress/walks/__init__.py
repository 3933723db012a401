"""Whole methods: what `cotpress run` does, one file per walk.

A walk yields the verbs to run, each with its arguments, in order; `verbs/run.py` runs them. Every
verb resumes, so a walk does.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, NamedTuple

from cyclopts import Group, Parameter

from cotpress import plugins
from cotpress.training.options import TrainOptions, check_trackers

DATA = Parameter(group=Group("Data", sort_key=10))
CUT = Parameter(group=Group("Cut", sort_key=20))
EVALUATION = Parameter(group=Group("Evaluation", sort_key=40))
"""How help arranges the options of a walk; those of training have groups of their own."""


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

    task: Annotated[str, DATA]
    """What is asked: trained on its split train, judged on its split test."""
    model: Annotated[str, DATA]
    """The model to be taught."""
    out: Annotated[Path, DATA]
    """Folder for every intermediate file, the trained model and report.html."""
    source: Annotated[str, DATA] = ""
    """Whose reasoning is shortened and taught: any model, or gold
    for the task's own; without it that of --model.
    """
    limit: Annotated[int | None, DATA] = None
    """How many problems to take reasoning for."""
    eval_limit: Annotated[int | None, EVALUATION] = None
    """How many problems to judge on."""
    max_tokens: Annotated[int | None, EVALUATION] = None
    """Longest answer, in training and in evaluation; as many tokens as
    the task's answers take where it is not given.
    """
    dry_run: Annotated[bool, DATA] = False
    """Do nothing but say what each step would take: time, from a few
    answers of the model, memory and disk.
    """


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

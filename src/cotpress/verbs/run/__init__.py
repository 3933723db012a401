"""`cotpress run METHOD`: the whole walk in one folder, one file per method. Every verb resumes, so a run does."""

from dataclasses import dataclass
from pathlib import Path

from cotpress import plugins
from cotpress.training.options import TrainOptions
from cotpress.verbs.generate import generate
from cotpress.verbs.grade import grade
from cotpress.verbs.train import check_trackers


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
    """Whose reasoning is shortened and taught: any model, or gold for the task's own; without it that of --model."""
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


def graded(run: Run, out: Path, *, limit: int | None, skip: int = 0) -> Path:
    """The source's graded answers to `limit` problems of the split train, behind the first `skip`; a file in `out`."""
    name = plugins.parse_spec(run.task).name
    generate(
        task=run.task,
        model=run.source or run.model,
        out=out / "traces.jsonl",
        split="train",
        limit=limit,
        skip=skip,
        max_tokens=run.max_tokens,
    )
    grade(out / "traces.jsonl", out=out / "graded.jsonl", task=run.task if plugins.is_own("tasks", name) else "")
    return out / "graded.jsonl"

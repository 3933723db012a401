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
from cotpress.backends import Backend
from cotpress.pipeline.importing.parts import held_out_path

Many = Parameter(consume_multiple=True)
DATA = Parameter(group=Group("Data", sort_key=10))
CUT = Parameter(group=Group("Cut", sort_key=20))
EVALUATION = Parameter(group=Group("Evaluation", sort_key=40))
"""How help arranges the options of a walk; those of training have groups of their own."""


class Step(NamedTuple):
    """One verb to run."""

    verb: str
    """Its name in Python."""
    given: tuple[Path | str, ...]
    """The files that it reads, before all options."""
    options: dict[str, Any]


def step(verb: str, *given: Path | str, **options: Any) -> Step:
    """A verb and its arguments, written as the call it stands for."""
    return Step(verb, given, options)


@dataclass(frozen=True, kw_only=True)
class Run:
    """What every walk takes."""

    task: Annotated[str, DATA] = ""
    """What is asked: trained on its split train, judged on its split test. One of --task and
    --traces is required; beside --traces it is only judged on, and nothing is held out.
    """
    traces: Annotated[tuple[str, ...], DATA, Many] = ()
    """Your own traces in place of a model's answers (one of --task and --traces is required):
    whatever `cotpress import` reads; where columns must be named, import first and give what it
    wrote.
    """
    holdout: Annotated[float, DATA] = 0.1
    """Share of the problems of --traces that is never taught, but judged on."""
    holdout_seed: Annotated[int, DATA] = 0
    """Of the choice of these problems."""
    grader: Annotated[str, DATA] = "math"
    """How answers of --traces are graded: math, choice, exact, code or text."""
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
    exclude_overlap: Annotated[bool, EVALUATION] = False
    """Leave out problems whose question was also taught, or nearly so."""
    max_tokens: Annotated[int | None, EVALUATION] = None
    """Longest answer, in training and in evaluation; as many tokens as
    the task's answers take.
    """
    backend: Annotated[Backend, EVALUATION] = "auto"
    """Who answers: hf (transformers), vllm (in this process, ended before the
    training), or auto: vllm where it is installed and finds a GPU, which is said.
    """
    processes: Annotated[int, EVALUATION] = 1
    """Let `generate`, `score`, `verify` and `eval` work in so many processes of this machine, each
    on a GPU of its own, where there are any.
    """
    dry_run: Annotated[bool, DATA] = False
    """Do nothing but say what each step would take: time, from a few
    answers of the model, memory and disk.
    """

    @property
    def held_out(self) -> float:
        """The share of the traces that is held out: none where a task is judged on."""
        return 0.0 if self.task else self.holdout

    @property
    def spread(self) -> dict[str, int]:
        """The option of the verbs that can work in several processes."""
        return {} if self.processes == 1 else {"processes": self.processes}


def graded(run: Run, out: Path, *, limit: int | None, skip: int = 0) -> Iterator[Step]:
    """Graded answers to `limit` problems behind the first `skip`, the user's own or the source's to
    the split train: graded.jsonl in `out`.
    """
    traces = out / "traces.jsonl"
    if run.traces:
        yield step(
            "import_",
            *run.traces,
            out=traces,
            model=run.model,
            holdout=run.held_out,
            holdout_seed=run.holdout_seed,
            skip=skip,
            limit=limit,
        )
        yield step("grade", traces, out=out / "graded.jsonl", grader=run.grader)
        return
    yield step(
        "generate",
        task=run.task,
        model=run.source or run.model,
        out=traces,
        split="train",
        limit=limit,
        skip=skip,
        max_tokens=run.max_tokens,
        backend=run.backend,
        **({} if run.source == "gold" else run.spread),  # worked answers ask no model
    )
    yield step("grade", traces, out=out / "graded.jsonl", task=own(run.task))


def judged(run: Run, folder: Path, **options: Any) -> Step:
    """The evaluation, on the task's split test or on what was held out of traces in `folder`."""
    held = f"jsonl:{held_out_path(folder / 'traces.jsonl')},split=test"
    if run.grader != "math":
        held += f",grader={run.grader}"
    return step(
        "evaluate",
        task=run.task or held,
        original=run.model,
        limit=run.eval_limit,
        max_tokens=run.max_tokens,
        exclude_overlap=run.exclude_overlap,
        backend=run.backend,
        **run.spread,
        **options,
    )


def own(task: str) -> str:
    """The task, where it is a plug-in of the user's own, which no file can name to `grade`; else
    empty.
    """
    return task if plugins.is_own("tasks", plugins.parse_spec(task).name) else ""

"""cotpress tasks in other people's harnesses: inspect-ai and lm-evaluation-harness.

Both ask with `Problem.prompt` and grade with `cotpress.pipeline.grade`, so that a model has the
same accuracy there as in `cotpress eval`.
"""

from pathlib import Path

import msgspec

from cotpress import tasks
from cotpress.pipeline.grade import grade
from cotpress.pipeline.split import split
from cotpress.records import Asked, Problem, Trace
from cotpress.tasks import Task

LM_EVAL = Path(__file__).parent / "lm_eval"
"""What `lm-eval run --include_path` wants."""


def problems(task: str, split: str, limit: int | None) -> list[dict[str, str]]:
    """The first problems of a cotpress task, as plain dictionaries."""
    found: list[dict[str, str]] = msgspec.to_builtins(tasks.take(tasks.load(task), split, limit))
    return found


def prompt(row: dict[str, str], ratio: float | None, budget: int | None = None) -> str:
    """What the user turn says: question and ratio or budget, as in training."""
    return problem(row).asked + Asked(ratio=ratio, budget=budget).tag


def problem(row: dict[str, str]) -> Problem:
    """The problem in a row of `problems`; other keys of the row are passed over."""
    return msgspec.convert(row, Problem)


def graded(row: dict[str, str], asked: Task, text: str, *, finished: bool = True) -> Trace:
    """The completion `text`, split and graded as `cotpress eval` does; its tokens are not
    counted.
    """
    parts = split(text, asked.marker)
    trace = Trace(
        problem=problem(row),
        model="",
        reasoning=parts.reasoning,
        conclusion=parts.conclusion,
        n_tokens=0,
        n_conclusion_tokens=0,
        finished=finished,
        opening=parts.opening,
        closing=parts.closing,
        ending=parts.ending,
    )
    return next(grade([trace], lambda _: asked.grader, workers=1))

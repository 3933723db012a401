"""lm-evaluation-harness: what `cotpress.yaml` beside this file calls. Options come from
`--metadata`.

lm-eval hands over the text alone: not whether the token limit ended it (such an answer is graded as
if it had ended by itself), and not its tokens. They are counted with the tokenizer of `target`;
without one, words and symbols are. Leave `think_end_token` unset, which would cut off the reasoning
before it is measured.
"""

from functools import cache
from typing import Any

from cotpress import harness, models, tasks
from cotpress.models.scripted import Scripted
from cotpress.plugins import require


def dataset(
    problems: str = "arithmetic",
    split: str = "test",
    limit: int | None = None,
    ratio: float | None = None,
    budget: int | None = None,
    target: str = "",
    **_: Any,
) -> dict[str, Any]:
    """A split `test` of a task's problems, prompts at `ratio` or `budget`; entries
    that lm-eval adds of its own are passed over.
    """
    rows = harness.problems(problems, split, limit)
    how = {"problems": problems, "target": target}
    made = [{**row, **how, "prompt": harness.prompt(row, ratio, budget)} for row in rows]
    return {"test": require("datasets", "lm-eval").Dataset.from_list(made)}


def process_results(doc: dict[str, Any], results: list[str]) -> dict[str, float]:
    """Is the answer right, and how long is its reasoning."""
    trace = harness.graded(doc, _task(doc["problems"]), results[0])
    length = len(_counter(doc["target"]).token_ends([trace.reasoning])[0])
    return {
        "accuracy": float(trace.grade is not None and trace.grade.correct),
        "reasoning_length": float(length),
    }


@cache
def _task(spec: str) -> tasks.Task:
    return tasks.load(spec)


@cache
def _counter(target: str) -> models.Model:
    return models.load(target) if target else Scripted({})

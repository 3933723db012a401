"""What contests with short answers share: fields in the spellings of their
copies, and whole numbers as people write them.
"""

from cotpress.inputs import Hub, Row
from cotpress.records import Problem
from cotpress.tasks import BOXED, Task, _sources

MAX_TOKENS = 32_768
"""What reasoning models are given for such problems."""


def task(name: str, target: str, split: str, *, dataset: str, of: str) -> Task:
    """A contest whose release is the split `of` of a data set, or a file that stands in for it."""
    instead = f"read a file with {name}:FILE"
    return _sources.one_split(
        name,
        target,
        split,
        release=Hub(dataset, split=of, keep=True, instead=instead),
        problem=lambda row: problem(name, row),
        max_tokens=MAX_TOKENS,
    )


def problem(name: str, row: Row) -> Problem:
    """The problem in a row: `problem` or `question`, and `answer`, whatever their case."""
    question = row.text(_sources.named(row, "problem", "question"))
    return Problem(
        id=f"{name}/{_sources.digest(question)}",
        question=question,
        answer=whole(row.text(_sources.named(row, "answer", "final_answer", "expected_answer"))),
        task=name,
        instruction=BOXED,
    )


def whole(answer: str) -> str:
    """`27.0` -> `27`, `073` -> `73`; anything else as it is."""
    digits, _, rest = answer.strip().partition(".")
    bare = digits.isdecimal() and not rest.strip("0")
    return str(int(digits)) if bare else answer.strip()

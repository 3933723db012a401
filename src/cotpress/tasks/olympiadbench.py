"""OlympiadBench: the open-ended, text-only mathematics problems in English, 674 of them (He et al.
2024, arXiv 2402.14008).

`olympiadbench` downloads the configuration OE_TO_maths_en_COMP of Hothan/OlympiadBench;
`olympiadbench:FILE` reads rows with `question` and `final_answer` (a text or a list of them), such
as the release's file of that name. Either is the split `test`, unless `split=NAME` says otherwise.

What a problem builds on (`context`) stands before it. The fields of mathematics are strata. The
tolerance that some rows allow is not used: the grader `math` has its own.
"""

from cotpress.errors import BadRecord
from cotpress.inputs import Hub, Row
from cotpress.records import Problem
from cotpress.tasks import BOXED, Task, _sources

MAX_TOKENS = 32_768


def load(target: str = "", *, split: str = "test") -> Task:
    """The release, or a local file, glob or folder."""
    return _sources.one_split(
        "olympiadbench",
        target,
        split,
        release=Hub(
            "Hothan/OlympiadBench",
            "OE_TO_maths_en_COMP",
            keep=True,
            instead="read a file with olympiadbench:FILE",
        ),
        problem=_problem,
        max_tokens=MAX_TOKENS,
    )


def _problem(row: Row) -> Problem:
    asked = row.text(_sources.named(row, "question", "problem"))
    context = row.text("context").strip() if row.values.get("context") else ""
    question = f"{context}\n\n{asked}" if context else asked
    return Problem(
        id=f"olympiadbench/{_sources.digest(question)}",
        question=question,
        answer=_answer(row),
        task="olympiadbench",
        instruction=BOXED,
        stratum=row.text("subfield") if row.values.get("subfield") else "",
    )


def _answer(row: Row) -> str:
    """The reference: one text, or those of a list with commas between."""
    name = _sources.named(row, "final_answer", "answer")
    value = row.values.get(name)
    if not isinstance(value, list):
        return row.text(name)
    if not value or not all(isinstance(one, str) for one in value):
        raise BadRecord(f"{row.where}: expected text or a list of texts at {name}.")
    return ", ".join(value)

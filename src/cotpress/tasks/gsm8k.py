"""GSM8K: grade-school word problems with whole-number answers (Cobbe et al. 2021, arXiv
2110.14168).

`gsm8k` downloads the release; `gsm8k:FOLDER` and `gsm8k:FILE` read rows with `question` and
`answer`, split as `tasks/_sources.py` says. The release writes the worked solution and the answer
in one field, with `####` between them; files with the bare answer, and the worked solution in `cot`
or nowhere, are read too. Problems are known by a hash of the question, so they are the same ones
wherever they come from. Calculator marks (`<<48/2=24>>`) are not part of the reasoning.
"""

from collections.abc import Iterator
from functools import cache

from cotpress.answers import stated
from cotpress.errors import BadRecord
from cotpress.inputs import Hub, Row, Source
from cotpress.pipeline.importing import CALCULATOR
from cotpress.records import Problem, Trace
from cotpress.tasks import BOXED, Task, _sources, worked_trace

MAX_TOKENS = 4096


def load(target: str = "", *, split: str = "") -> Task:
    """The release, or a local file or folder. `split`: the whole file is this split."""

    @cache
    def source(wanted: str) -> Source:
        if target:
            return _sources.files_of(target, wanted)
        instead = "read files with gsm8k:FOLDER"
        return Hub("openai/gsm8k", "main", wanted, keep=True, instead=instead)

    def rows(wanted: str) -> Iterator[Row]:
        if target:
            return _sources.local(
                target, wanted, split=split, question=lambda row: row.text("question")
            )
        return source(wanted).rows()

    def read(wanted: str) -> Iterator[Problem]:
        return _sources.unique(map(_problem, rows(wanted)))

    def gold(wanted: str) -> Iterator[Trace]:
        return map(_worked, rows(wanted), read(wanted))

    return Task(
        "gsm8k", read, _sources.splits(split), file=source, gold=gold, max_tokens=MAX_TOKENS
    )


def _problem(row: Row) -> Problem:
    question = row.text("question")
    answer = row.text("answer").rpartition("####")[2].strip().replace(",", "")
    return Problem(
        id=f"gsm8k/{_sources.digest(question)}",
        question=question,
        answer=answer,
        task="gsm8k",
        instruction=BOXED,
    )


def _worked(row: Row, problem: Problem) -> Trace:
    solution = row.text("cot") if "cot" in row.values else row.text("answer").rpartition("####")[0]
    if not solution.strip():
        raise BadRecord(
            f"{row.where}: no worked solution, neither in the field "
            "'cot' nor before #### in 'answer'."
        )
    return worked_trace(
        problem,
        CALCULATOR.sub("", solution.strip()),
        stated(problem.answer),
    )

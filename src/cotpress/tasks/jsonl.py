"""Your own questions: `jsonl:FILE`, rows with a question and an answer.

`jsonl:FILE,question=prompt,answer=target` names the fields. FILE may be of any kind that `cotpress
import` reads (JSON Lines, a JSON array, CSV, Parquet, packed or not), a glob, or a folder. A
folder, `split=NAME` and a file alone are split as `tasks/_sources.py` says. Problems are known by
the field `id=…` names, else by a hash of the question; a question that comes again gets a number
after its hash. `stratum=level` names a field whose values are reported apart.
"""

from collections.abc import Iterator
from functools import partial

from cotpress import grading
from cotpress.errors import CotpressError
from cotpress.records import Problem
from cotpress.tasks import BOXED, Task, _sources


def load(
    target: str,
    *,
    question: str = "question",
    answer: str = "answer",
    id: str = "",
    split: str = "",
    grader: str = "math",
    stratum: str = "",
    instruction: str | None = None,
) -> Task:
    """Problems of a file, a glob or a folder.

    `question`, `answer`, `id`, `stratum`: fields. `split`: the whole file is this split.
    `instruction`: what stands before every question; the default asks for `\\boxed{}` for the math
    grader and is empty for the others.
    """
    if not target:
        raise CotpressError("task jsonl needs a file: write jsonl:questions.jsonl.")
    grading.load(grader)
    asks = (BOXED if grader == "math" else "") if instruction is None else instruction
    fields = {"question": question, "answer": answer, "id": id, "stratum": stratum}
    options = {**fields, "split": split, "grader": grader}
    name = _sources.written("jsonl", target, options)

    def read(wanted: str) -> Iterator[Problem]:
        rows = _sources.local(target, wanted, split=split, question=lambda row: row.text(question))
        return _sources.unique(_sources.asked(rows, **fields, task=name, instruction=asks))

    return Task(name, read, _sources.splits(split), grader, file=partial(_sources.files_of, target))

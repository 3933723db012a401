"""Your own questions, or your own traces: `jsonl:FILE`, rows with a question and an answer.

`jsonl:FILE,question=prompt,answer=target` names the fields. FILE may be of any kind that `cotpress
import` reads (JSON Lines, a JSON array, CSV, Parquet, packed or not), a glob, or a folder. A
folder, `split=NAME` and a file alone are split as `tasks/_sources.py` says. Problems are known by
the field `id=…` names, else by a hash of the question; a question that comes again gets a number
after its hash. `stratum=level` names a field whose values are reported apart.

Rows that hold traces, in a layout that `import` knows or as cotpress writes them (a held-out part),
are read by the same reader: their questions, references, system turns and history, each problem
once.
"""

from collections.abc import Iterable, Iterator
from functools import partial
from itertools import chain, islice

import msgspec

from cotpress import grading, inputs
from cotpress.errors import BadRecord, CotpressError
from cotpress.inputs import Row
from cotpress.pipeline.importing import (
    HEAD,
    Columns,
    Unusable,
    find_columns,
    is_own,
    own_trace,
    read_problem,
)
from cotpress.records import Problem
from cotpress.tasks import BOXED, Task, _sources

QUESTION, ANSWER = "question", "answer"


def load(
    target: str,
    *,
    question: str = QUESTION,
    answer: str = ANSWER,
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
        rows = iter(_sources.files_of(target, wanted).rows())
        head = list(islice(rows, HEAD))
        columns = _columns(head, question, answer, id)
        if columns is None:
            rows = _sources.local(
                target, wanted, split=split, question=lambda row: row.text(question)
            )
            yield from _sources.unique(_sources.asked(rows, **fields, task=name, instruction=asks))
            return
        whole = bool(split) or inputs.place(target).is_dir()
        for problem in _of_traces(chain(head, rows), columns, stratum, name, asks):
            if whole or _sources.split_of(problem.question) == wanted:
                yield problem

    return Task(name, read, _sources.splits(split), grader, file=partial(_sources.files_of, target))


def _columns(head: list[Row], question: str, answer: str, id: str) -> Columns | None:
    """Where `import` finds things in rows that hold traces; None for rows that do not, or whose
    fields are named.
    """
    if (question, answer) != (QUESTION, ANSWER) or not head:
        return None
    if is_own(head[0].values):
        return Columns()
    try:
        find_columns([head[0].values], Columns(id=id))
    except CotpressError:
        return None
    return find_columns([row.values for row in head], Columns(id=id))


def _of_traces(
    rows: Iterable[Row], columns: Columns, stratum: str, task: str, instruction: str
) -> Iterator[Problem]:
    """The problems of traces, each once; `BadRecord` for a row that nothing can be judged by."""
    seen = set()
    for row in rows:
        try:
            if is_own(row.values):
                problem = own_trace(row.values).problem
            else:
                kind = task.partition(":")[0]
                problem = read_problem(row.values, columns, task=kind, instruction=instruction)
        except (Unusable, CotpressError) as error:
            raise BadRecord(f"{row.where}: {str(error).rstrip('.')}.") from error
        if problem.id in seen:
            continue
        seen.add(problem.id)
        if not problem.answer:
            raise BadRecord(
                f"{row.where}: no reference answer to judge by: take the row out, or name the "
                "column of the answers with answer=…"
            )
        apart = row.text(stratum) if stratum else problem.stratum
        yield msgspec.structs.replace(problem, task=task, stratum=apart)

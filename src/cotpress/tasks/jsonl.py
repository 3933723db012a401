"""Your own questions: `jsonl:FILE`, one JSON object a line with a question and an answer.

`jsonl:FILE,question=prompt,answer=target` names the fields. A folder, `split=NAME` and a file alone
are split as `tasks/_sources.py` says. Problems are known by the field `id=…` names, else by a hash
of the question; a question that comes again gets a number after its hash.
"""

from collections.abc import Iterator
from functools import partial

from cotpress import grading
from cotpress.errors import BadRecord, CotpressError
from cotpress.plugins import Spec
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
    instruction: str | None = None,
) -> Task:
    """Problems of a JSON Lines file or folder.

    `question`, `answer`, `id`: fields. `split`: the whole file is this split. `instruction`: what
    stands before every question; the default asks for `\\boxed{}` for the math grader and is empty
    for the others.
    """
    if not target:
        raise CotpressError("task jsonl needs a file: write jsonl:questions.jsonl.")
    grading.load(grader)
    asks = (BOXED if grader == "math" else "") if instruction is None else instruction
    options = {"question": question, "answer": answer, "id": id, "split": split, "grader": grader}
    usual = {"question": "question", "answer": "answer", "id": "", "split": "", "grader": "math"}
    name = str(
        Spec("jsonl", target, {key: value for key, value in options.items() if value != usual[key]})
    )

    def read(wanted: str) -> Iterator[Problem]:
        ids: set[str] = set()
        for row in _sources.local(
            target, wanted, split=split, question=lambda row: row.text(question)
        ):
            asked = row.text(question)
            known = row.text(id) if id else f"jsonl/{_sources.digest(asked)}"
            if id and known in ids:
                raise BadRecord(
                    f"{row.where}: {id} {known!r} stands on an earlier "
                    "line too; ids must be unique."
                )
            ids.add(known)
            yield Problem(
                id=known, question=asked, answer=row.text(answer), task=name, instruction=asks
            )

    return Task(
        name,
        lambda wanted: _sources.unique(read(wanted)),
        _sources.splits(split),
        grader,
        file=partial(_sources.file_of, target),
    )

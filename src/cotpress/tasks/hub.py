"""Questions of any data set on the Hugging Face hub: `hub:OWNER/NAME,config=…,split=…`.

`question=…` and `answer=…` name its fields, `id=…` that which names a problem (else a hash of the
question does), `stratum=…` one whose values are reported apart. Its splits are those of the data
set, `train`, `validation` and `test`; with `split=NAME` that one is the only one. The data set is
downloaded into the cache of `datasets`, and read again from there without a network.
"""

from collections.abc import Iterator
from functools import cache

from cotpress import grading
from cotpress.errors import CotpressError
from cotpress.inputs import Hub
from cotpress.records import Problem
from cotpress.tasks import BOXED, Task, _sources

SPLITS = ("train", "validation", "test")


def load(
    target: str,
    *,
    config: str = "",
    split: str = "",
    revision: str = "",
    question: str = "question",
    answer: str = "answer",
    id: str = "",
    grader: str = "math",
    stratum: str = "",
    instruction: str | None = None,
) -> Task:
    """Problems of a data set. `config`, `split`, `revision`: as they are called there; the other
    options are those of the task `jsonl`.
    """
    if not target:
        raise CotpressError("task hub needs a data set: write hub:OWNER/NAME.")
    grading.load(grader)
    asks = (BOXED if grader == "math" else "") if instruction is None else instruction
    fields = {"question": question, "answer": answer, "id": id, "stratum": stratum}
    options = {"config": config, "split": split, "revision": revision, **fields, "grader": grader}
    name = _sources.written("hub", target, options)

    @cache
    def source(wanted: str) -> Hub:
        instead = "download it elsewhere and read it with jsonl:FOLDER"
        return Hub(target, config, wanted, revision, keep=True, instead=instead)

    def read(wanted: str) -> Iterator[Problem]:
        rows = source(wanted).rows()
        return _sources.unique(_sources.asked(rows, **fields, task=name, instruction=asks))

    return Task(name, read, (split,) if split else SPLITS, grader, file=source)

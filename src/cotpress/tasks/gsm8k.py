"""GSM8K: grade-school word problems with whole-number answers (Cobbe et al. 2021, arXiv 2110.14168).

`gsm8k` downloads the release; `gsm8k:FOLDER` and `gsm8k:FILE` read JSON Lines with `question` and `answer`, split as
`tasks/_sources.py` says. The release writes the worked solution and the answer in one field, with `####` between them;
files with the bare answer are read too. Problems are known by a hash of the question, so they are the same ones
wherever they come from.
"""

from collections.abc import Iterator

from cotpress.records import Problem
from cotpress.tasks import BOXED, Task, _sources


def load(target: str = "", *, split: str = "") -> Task:
    """The release, or a local file or folder. `split`: the whole file is this split."""

    def read(wanted: str) -> Iterator[Problem]:
        rows = (
            _sources.local(target, wanted, split=split, question=lambda row: row.text("question"))
            if target
            else _sources.hub_rows("openai/gsm8k", "main", wanted, instead="gsm8k:FOLDER")
        )
        return _sources.unique(map(_problem, rows))

    return Task("gsm8k", read, _sources.splits(split))


def _problem(row: _sources.Row) -> Problem:
    question = row.text("question")
    answer = row.text("answer").rpartition("####")[2].strip().replace(",", "")
    return Problem(id=f"gsm8k/{_sources.digest(question)}", question=question, answer=answer, task="gsm8k", instruction=BOXED)

r"""MATH-500: competition problems (Hendrycks et al. 2021, arXiv 2103.03874; the 500 of Lightman et
al. 2023).

`math500` downloads: `test` is MATH-500; `train` is the training part of MATH without any question
of MATH-500, with the answer read from the last `\boxed{}` of the solution. `math500:FILE` reads
JSON Lines with `problem` and `answer` (or `solution`) as the `test` split, unless `split=NAME` says
otherwise; `math500:FOLDER` has one file per split.
"""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from cotpress import grading
from cotpress.errors import BadRecord
from cotpress.records import Problem
from cotpress.tasks import BOXED, Task, _sources

SUBJECTS = (
    *("algebra", "counting_and_probability", "geometry", "intermediate_algebra"),
    *("number_theory", "prealgebra", "precalculus"),
)
"""The configurations of the training data set."""


def load(target: str = "", *, split: str = "test") -> Task:
    """The release, or a local file (all of it `split`) or folder."""

    def read(wanted: str) -> Iterator[Problem]:
        if target:
            rows = _sources.local(
                target, wanted, split=split, question=lambda row: row.text("problem")
            )
        else:
            rows = _train() if wanted == "train" else _test()
        return _sources.unique(map(_problem, rows))

    is_file = bool(target) and not Path(target).is_dir()
    file = partial(_sources.file_of, target) if target else None
    splits = (split,) if is_file else _sources.TRAIN_AND_TEST
    return Task("math500", read, splits, file=file, max_tokens=16_384)


def _test() -> Iterator[_sources.Row]:
    return _sources.hub_rows("HuggingFaceH4/MATH-500", None, "test", instead="math500:FILE")


def _train() -> Iterator[_sources.Row]:
    held_out = {row.text("problem") for row in _test()}
    for subject in SUBJECTS:
        for row in _sources.hub_rows(
            "EleutherAI/hendrycks_math", subject, "train", instead="math500:FOLDER"
        ):
            if row.text("problem") not in held_out:
                yield row


def _problem(row: _sources.Row) -> Problem:
    question = row.text("problem")
    answer = row.text("answer") if "answer" in row.values else grading.boxed(row.text("solution"))
    if answer is None:
        raise BadRecord(f"{row.where}: no \\boxed answer in the solution; give the field 'answer'.")
    known = (
        row.text("unique_id") if "unique_id" in row.values else f"math/{_sources.digest(question)}"
    )
    return Problem(id=known, question=question, answer=answer, task="math500", instruction=BOXED)

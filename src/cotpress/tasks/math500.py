r"""MATH-500: competition problems (Hendrycks et al. 2021, arXiv 2103.03874; the 500 of Lightman et
al. 2023).

`math500` downloads: `test` is MATH-500; `train` is the training part of MATH without any question
of MATH-500, with the answer read from the last `\boxed{}` of the solution. `math500:FILE` reads
rows with `problem` and `answer` (or `solution`) as the `test` split, unless `split=NAME` says
otherwise; `math500:FOLDER` has one file per split. The levels, where rows have them, are strata.
"""

from collections.abc import Iterator

from cotpress import grading, inputs
from cotpress.errors import BadRecord
from cotpress.inputs import Hub, Row, Several, Source
from cotpress.records import Problem
from cotpress.tasks import BOXED, Task, _sources

SUBJECTS = (
    *("algebra", "counting_and_probability", "geometry", "intermediate_algebra"),
    *("number_theory", "prealgebra", "precalculus"),
)
"""The configurations of the training data set."""

MAX_TOKENS = 16_384


def load(target: str = "", *, split: str = "test") -> Task:
    """The release, or a local file (all of it `split`) or folder."""
    test, train = _releases()

    def source(wanted: str) -> Source:
        if target:
            return _sources.files_of(target, wanted)
        return Several((test, *train)) if wanted == "train" else test

    def rows(wanted: str) -> Iterator[Row]:
        if target:
            return _sources.local(
                target, wanted, split=split, question=lambda row: row.text("problem")
            )
        return _without(test, train) if wanted == "train" else test.rows()

    def read(wanted: str) -> Iterator[Problem]:
        return _sources.unique(map(_problem, rows(wanted)))

    is_file = bool(target) and not inputs.place(target).is_dir()
    parts = (split,) if is_file else _sources.TRAIN_AND_TEST
    return Task("math500", read, parts, file=source, max_tokens=MAX_TOKENS)


def _releases() -> tuple[Hub, tuple[Hub, ...]]:
    """MATH-500, and the training part of MATH, a configuration a subject."""
    file, folder = "read a file with math500:FILE", "read files with math500:FOLDER"
    test = Hub("HuggingFaceH4/MATH-500", split="test", keep=True, instead=file)
    math = "EleutherAI/hendrycks_math"
    return test, tuple(Hub(math, name, keep=True, instead=folder) for name in SUBJECTS)


def _without(test: Hub, train: tuple[Hub, ...]) -> Iterator[Row]:
    """The rows of `train` whose problem is none of `test`."""
    held_out = {row.text("problem") for row in test.rows()}
    for row in Several(train).rows():
        if row.text("problem") not in held_out:
            yield row


def _problem(row: Row) -> Problem:
    question = row.text("problem")
    answer = row.text("answer") if "answer" in row.values else grading.boxed(row.text("solution"))
    if answer is None:
        raise BadRecord(f"{row.where}: no \\boxed answer in the solution; give the field 'answer'.")
    known = (
        row.text("unique_id") if "unique_id" in row.values else f"math/{_sources.digest(question)}"
    )
    return Problem(
        id=known,
        question=question,
        answer=answer,
        task="math500",
        instruction=BOXED,
        stratum=_level(row),
    )


def _level(row: Row) -> str:
    """`level 5`, whether the row says 5 or Level 5; empty where it has none."""
    level = str(row.values.get("level", "")).lower().removeprefix("level").strip()
    return f"level {level}" if level.isdecimal() else ""

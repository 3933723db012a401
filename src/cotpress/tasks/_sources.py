"""Where questions come from: a data set of the Hugging Face hub, or the user's own files, of any
kind that `cotpress.inputs` reads; and how they are split.

One rule for every task that reads files, so that splits never overlap:

- a folder holds one file per split, whose name has the split's name in it (`train.jsonl`,
  `gsm8k_test.jsonl`), or that file in numbered shards (`train-00000-of-00002.parquet`);
- a file or a glob with the option `split=NAME` is that split, whole, and there is no other;
- a file or a glob alone is divided by a hash of each question: four fifths are `train`, one fifth
  `test`. The same question is always in the same split, wherever it stands.

A release that has one split only, such as a contest, is `test`; so is the file or folder that
stands in for it (`one_split`).
"""

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator

import msgspec

from cotpress import inputs
from cotpress.errors import BadRecord, CotpressError
from cotpress.inputs import Files, Row, Source
from cotpress.plugins import Spec
from cotpress.records import Problem
from cotpress.tasks import Task

TRAIN_AND_TEST = ("train", "test")


def splits(split: str) -> tuple[str, ...]:
    """The splits of a local file or folder, given the option `split` (empty: none was given)."""
    return (split,) if split else TRAIN_AND_TEST


def local(target: str, wanted: str, *, split: str, question: Callable[[Row], str]) -> Iterator[Row]:
    """The rows of the split `wanted` of a file, a glob or a folder, by the rule above."""
    whole = bool(split) or inputs.place(target).is_dir()
    for row in files_of(target, wanted).rows():
        if whole or split_of(question(row)) == wanted:
            yield row


def files_of(target: str, wanted: str) -> Files:
    """The files that the split `wanted` of a file, a glob or a folder is read from."""
    found = inputs.find(target)
    folder = inputs.place(target)
    if not folder.is_dir():
        return found
    paths = tuple(path for path in found.paths if wanted in path.name.partition(".")[0])
    if len({re.sub(r"\d+", "0", str(path)) for path in paths}) != 1:
        names = ", ".join(str(path.relative_to(folder)) for path in paths[:9]) or "none"
        raise CotpressError(
            f"{target}: expected one file, or one in shards, with {wanted!r} in its name, "
            f"found {names}."
        )
    return Files(target, paths, found.passed_over)


def one_split(
    name: str,
    target: str,
    split: str,
    *,
    release: Source,
    problem: Callable[[Row], Problem],
    grader: str = "math",
    max_tokens: int,
) -> Task:
    """A task whose release is one split, called `split`, or the files that stand in for it."""

    def source(_: str) -> Source:
        return inputs.find(target) if target else release

    return Task(
        name,
        lambda wanted: unique(map(problem, source(wanted).rows())),
        (split,),
        grader,
        file=source,
        max_tokens=max_tokens,
    )


def named(row: Row, *fields: str) -> str:
    """Which of some names a row has for a field, whatever their case: the first; where there is
    none, the first of all, so that it is the one that is missed.
    """
    present = {name.lower(): name for name in row.values}
    return next((present[field] for field in fields if field in present), fields[0])


def asked(
    rows: Iterable[Row],
    *,
    question: str,
    answer: str,
    id: str,
    stratum: str,
    task: str,
    instruction: str,
) -> Iterator[Problem]:
    """The problems of rows whose fields are named; without `id` they are known by a hash of the
    question, and `BadRecord` names an id that comes again.
    """
    ids: set[str] = set()
    for row in rows:
        text = row.text(question)
        known = row.text(id) if id else f"{task.partition(':')[0]}/{digest(text)}"
        if id and known in ids:
            raise BadRecord(
                f"{row.where}: {id} {known!r} stands on an earlier line too; ids must be unique."
            )
        ids.add(known)
        yield Problem(
            id=known,
            question=text,
            answer=row.text(answer),
            task=task,
            instruction=instruction,
            stratum=row.text(stratum) if stratum else "",
        )


def written(kind: str, target: str, options: dict[str, str]) -> str:
    """The name of a task of named fields: its spec, with the options that are not the usual ones.

    The instruction is not part of it: every problem holds its own.
    """
    usual = {"question": "question", "answer": "answer", "grader": "math"}
    said = {name: value for name, value in options.items() if value != usual.get(name, "")}
    return str(Spec(kind, target, said))


def unique(problems: Iterable[Problem]) -> Iterator[Problem]:
    """The same problems; one whose id was there before gets a number after it (`gsm8k/0c12…/2`)."""
    seen: Counter[str] = Counter()
    for problem in problems:
        seen[problem.id] += 1
        again = seen[problem.id]
        yield (
            problem if again == 1 else msgspec.structs.replace(problem, id=f"{problem.id}/{again}")
        )


def split_of(question: str) -> str:
    """`train` or `test`: the split of a question that no file name
    decides; one fifth of all questions are `test`.
    """
    return "test" if int(digest(question), 16) % 5 == 0 else "train"


def digest(question: str) -> str:
    """Sixteen hexadecimal digits that stand for a question."""
    return hashlib.sha256(question.encode("utf-8", "surrogatepass")).hexdigest()[:16]

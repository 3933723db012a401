"""Where questions come from: a data set of the Hugging Face hub, or the user's own JSON Lines; and
how a file is split.

One rule for every task that reads files, so that splits never overlap:

- a folder holds one file per split, whose name has the split's name in it (`train.jsonl`,
  `gsm8k_test.jsonl`);
- a file with the option `split=NAME` is that split, whole, and there is no other;
- a file alone is divided by a hash of each question: four fifths are `train`, one fifth `test`. The
  same question is always in the same split, wherever it stands.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from cotpress import storage
from cotpress.errors import BadRecord, CotpressError
from cotpress.plugins import require
from cotpress.records import Problem

TRAIN_AND_TEST = ("train", "test")


@dataclass(frozen=True)
class Row:
    """One line of a file or of a data set, and where it stands."""

    values: Mapping[str, Any]
    where: str

    def text(self, field: str) -> str:
        """A field as text; `BadRecord` names place and field, and lists the fields that there
        are.
        """
        if field not in self.values:
            raise BadRecord(
                f"{self.where}: no field {field!r}; fields there: "
                f"{', '.join(sorted(self.values)) or 'none'}."
            )
        value = self.values[field]
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise BadRecord(
                f"{self.where}: expected text or a number, got {type(value).__name__} at {field}."
            )
        return str(value)


def splits(split: str) -> tuple[str, ...]:
    """The splits of a local file or folder, given the option `split` (empty: none was given)."""
    return (split,) if split else TRAIN_AND_TEST


def local(target: str, wanted: str, *, split: str, question: Callable[[Row], str]) -> Iterator[Row]:
    """The rows of the split `wanted` of a file or folder, by the rule above."""
    whole = bool(split) or Path(target).is_dir()
    for row in file_rows(file_of(target, wanted)):
        if whole or split_of(question(row)) == wanted:
            yield row


def file_of(target: str, wanted: str) -> Path:
    """The file that the split `wanted` of a file or folder is read from."""
    return _file_of(Path(target), wanted) if Path(target).is_dir() else Path(target)


def file_rows(path: Path) -> Iterator[Row]:
    """The rows of a JSON Lines file; `BadRecord` for a line that is no JSON object."""
    decoder = msgspec.json.Decoder(dict[str, Any])
    for number, line in storage.lines(path):
        try:
            yield Row(decoder.decode(line), f"{path}:{number}")
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise BadRecord(f"{path}:{number}: not a JSON object: {error}") from error


def hub_rows(dataset: str, config: str | None, split: str, *, instead: str) -> Iterator[Row]:
    """The rows of a data set on the hub; `instead` is what to write where it cannot be reached."""
    datasets = require("datasets", f"data set {dataset}")
    try:
        rows = datasets.load_dataset(dataset, config, split=split)
    except (ConnectionError, FileNotFoundError) as error:
        first = str(error).partition("\n")[0]
        raise CotpressError(
            f"cannot get the data set {dataset} ({first}): go online, or read files with {instead}."
        ) from error
    for number, values in enumerate(rows):
        yield Row(values, f"{dataset}, {split} row {number}")


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


def _file_of(folder: Path, split: str) -> Path:
    found = sorted(path for path in folder.glob("*.jsonl") if split in path.stem)
    if len(found) != 1:
        names = ", ".join(path.name for path in found) or "none"
        raise CotpressError(
            f"{folder}: expected one .jsonl file with {split!r} in its name, found {names}."
        )
    return found[0]

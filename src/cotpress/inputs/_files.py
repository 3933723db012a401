"""The files of a path, a folder or a glob, and what kind each is: by its content first, by its name
second.
"""

import glob
import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import BinaryIO

from cotpress.errors import BadRecord, CotpressError
from cotpress.inputs._arrow import arrow_rows, parquet_rows
from cotpress.inputs._csv import csv_rows
from cotpress.inputs._document import PIECE
from cotpress.inputs._json import json_rows
from cotpress.inputs._packed import BZIP2, DAMAGE, GZIP, XZ, ZSTD, bare_suffix, unpacked
from cotpress.inputs.row import Row
from cotpress.jsonl import BYTE_ORDER_MARK, hash_file, reading
from cotpress.remote import fetch, is_remote

JSON, CSV, ARROW = (".jsonl", ".json", ".ndjson"), (".csv", ".tsv"), (".arrow", ".feather")
PARQUET = ".parquet"

ABOUT = ("dataset_info.json", "dataset_infos.json", "dataset_dict.json", "state.json")
"""JSON beside data that says something of it."""

SPLIT = re.compile(r"(?<![a-z])(train|validation|valid|dev|test)(?![a-z])")


@dataclass(frozen=True)
class Files:
    """Files of rows, read one after another."""

    name: str
    paths: tuple[Path, ...]
    passed_over: tuple[Path, ...] = ()
    """Files that are not data, by their name."""

    def rows(self) -> Iterator[Row]:
        """The rows of all files, in order."""
        for path in self.paths:
            yield from file_rows(path)

    def content(self) -> str:
        """A short hash: of the content of one file; of names and contents of several."""
        if len(self.paths) == 1:
            return hash_file(self.paths[0])
        parts = (f"{path.name}\n{hash_file(path)}\n" for path in self.paths)
        return hashlib.sha256("".join(parts).encode("utf-8", "surrogateescape")).hexdigest()[:16]

    def splits(self) -> list[str]:
        """The splits that the names of the files speak of."""
        found = (SPLIT.search(path.name.lower()) for path in self.paths)
        return sorted({match[1] for match in found if match})


def place(text: str) -> Path:
    """A path as it is; of a URL, a copy on this disk: of a file, or the folder of several."""
    return fetch(text, wanted=is_data) if is_remote(text) else Path(text)


def find(text: str) -> Files:
    """The files that a path, a folder, a glob or a URL of them names; `CotpressError` where a
    folder or a glob has none.
    """
    if is_remote(text):
        return replace(find(str(place(text))), name=text)
    path = Path(text)
    if path.is_dir():
        return _data(text, path.rglob("*"), below=path)
    if path.exists() or not glob.has_magic(text):
        return Files(text, (path,))
    return _data(text, map(Path, glob.glob(text, recursive=True)), below=Path())


def merged(found: Sequence[Files]) -> Files:
    """The files of several texts as one source; `CotpressError` for a file that is named twice."""
    paths = [path for files in found for path in files.paths]
    if len(set(paths)) < len(paths):
        again = next(path for path in paths if paths.count(path) > 1)
        raise CotpressError(f"{again} is named twice, and would be read twice: name it once.")
    over = tuple(path for files in found for path in files.passed_over)
    return Files(" ".join(files.name for files in found), tuple(paths), over)


def is_data(path: Path) -> bool:
    """Whether a file's name is one of rows."""
    known = bare_suffix(path) in (*JSON, *CSV, *ARROW, PARQUET)
    return known and path.name not in ABOUT and not path.name.endswith(".meta.json")


def _data(text: str, found: Iterable[Path], *, below: Path) -> Files:
    """The files that hold rows, but for those in hidden folders, such as `.cache`."""
    files = sorted(path for path in found if path.is_file())
    paths = tuple(path for path in files if is_data(path) and not _is_hidden(path, below))
    if not paths:
        raise CotpressError(
            f"{text}: no file of rows among {len(files)}: JSON Lines, JSON, CSV, TSV, Parquet or "
            "Arrow was expected, packed or not."
        )
    return Files(text, paths, tuple(path for path in files if path not in set(paths)))


def _is_hidden(path: Path, below: Path) -> bool:
    parts = path.relative_to(below).parts if path.is_relative_to(below) else path.parts[-1:]
    return any(part.startswith(".") and part != ".." for part in parts)


def file_rows(path: Path) -> Iterator[Row]:
    """The rows of a file of whatever kind; `BadRecord` names file and place of what cannot be
    read.
    """
    with reading(path), path.open("rb") as file:
        magic = file.read(8)
    suffix = bare_suffix(path)
    if magic.startswith(b"PAR1") or (suffix == PARQUET and not _is_packed(magic)):
        return parquet_rows(path)
    if magic.startswith((b"ARROW1", b"\xff\xff\xff\xff")):
        return arrow_rows(path, stream=not magic.startswith(b"ARROW1"))
    return _text_rows(path, suffix)


def _text_rows(path: Path, suffix: str) -> Iterator[Row]:
    """The rows of a text, packed or not."""
    number = 0
    try:
        with closing(unpacked(path)) as file:
            head = file.read(PIECE)
        with closing(unpacked(path)) as file:
            for row in _text_reader(path, suffix, head)(file):
                number += 1
                yield row
    except DAMAGE as error:
        said = " ".join(str(error).split())
        raise BadRecord(
            f"{path}, behind row {number}: damaged or cut off ({said}): fetch or pack it again."
        ) from error


def _text_reader(path: Path, suffix: str, head: bytes) -> Callable[[BinaryIO], Iterator[Row]]:
    """What reads a text that begins with `head`."""
    _refuse_binary(path, head)
    text = head.removeprefix(BYTE_ORDER_MARK).lstrip()
    looks_like_json = text.startswith((b"{", b"["))
    if suffix in CSV and not looks_like_json:
        return partial(csv_rows, path=str(path))
    if suffix in JSON or looks_like_json or not text:
        return partial(json_rows, path=str(path), head=head)
    raise BadRecord(
        f"{path}: neither JSON nor a table: one JSON object per line, a JSON array, "
        "Parquet, or CSV in a file that is called .csv or .tsv was expected."
    )


def _refuse_binary(path: Path, head: bytes) -> None:
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise BadRecord(
            f"{path}: UTF-16 text: write it again as UTF-8, with iconv -f UTF-16 -t UTF-8 {path}."
        )
    if _is_packed(head) or head.startswith((b"PAR1", b"ARROW1")):
        raise BadRecord(f"{path}: packed twice, or a table that is packed: unpack it first.")


def _is_packed(magic: bytes) -> bool:
    return magic.startswith((GZIP, ZSTD, BZIP2, XZ, b"PK\x03\x04"))

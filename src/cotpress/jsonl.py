"""Files of records: JSON Lines read one by one, a bad line named by file, line and field; written
whole or not at all.

Lines end at `\\n` only: GSM8K holds a U+2028, which `str.splitlines` would take for a line end.
"""

import hashlib
import os
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import msgspec

from cotpress.errors import BadRecord, CotpressError
from cotpress.kinds import mistaken

R = TypeVar("R", bound=msgspec.Struct)

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
"""Some editors put it before the first line; JSON has no place for it."""


def read(
    path: Path, record: type[R], *, takes: Callable[[int], bool] = lambda place: True
) -> Iterator[R]:
    """The records of a JSON Lines file, one by one; `BadRecord`
    names file, line and field of the first bad one.

    Args:
        path: The file, UTF-8 with or without a byte order mark, one JSON object a line.
        record: Type of the records, such as `Trace`; fields it does not have are ignored.
        takes: Which records are wanted, by their places, counted from 0; lines of others are
            passed over undecoded.

    Yields:
        The records in the order of the file. One line is held at a time.

    Raises:
        BadRecord: A line is not such a record. It is a `CotpressError`.
        CotpressError: The file is missing, a folder or a pipe, cannot be read, or is in the
            format of an earlier version.
    """
    for _, one in read_placed(path, record, takes):
        yield one


def read_placed(
    path: Path, record: type[R], takes: Callable[[int], bool] = lambda place: True
) -> Iterator[tuple[int, R]]:
    """The same with the byte at which each record begins (`reading_at`)."""
    decoder = msgspec.json.Decoder(record)
    for n, (number, place, line) in enumerate(_placed_lines(path)):
        if not n:
            _refuse_superseded(path, record, line)
        if not takes(n):
            continue
        try:
            yield place, decoded(decoder, path, number, line)
        except BadRecord as error:
            row = {} if n else _fields(line)
            if row and (said := mistaken(row, record.__name__, _makers(record))):
                raise BadRecord(f"{path} {said}") from error
            raise


@dataclass(frozen=True)
class Records(Generic[R]):
    """The records of a file, read anew whenever they are gone through, so that none is held."""

    path: Path
    record: type[R]

    def __iter__(self) -> Iterator[R]:
        """From the first on."""
        return read(self.path, self.record)


@contextmanager
def reading_at(path: Path, record: type[R]) -> Iterator[Callable[[int], R]]:
    """What reads the record that begins at a byte, as `read_placed` gave it; `CotpressError` where
    there is none now.
    """
    decoder = msgspec.json.Decoder(record)
    with reading(path), path.open("rb") as file:

        def at(place: int) -> R:
            file.seek(place)
            try:
                return decoder.decode(file.readline().removeprefix(BYTE_ORDER_MARK))
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                raise CotpressError(
                    f"{path} changed while it was read: run the same command again."
                ) from error

        yield at


def write(path: Path, records: Iterable[msgspec.Struct]) -> None:
    """All records as one JSON Lines file, or none: for a
    notebook; verbs write with `run`, which resumes.

    Args:
        path: The file to make or to replace; folders above it are made.
        records: What to write, in order. All of it is held in memory.

    Returns:
        Nothing, once the whole file is on disk. Until then `path` holds what it held before.

    Raises:
        CotpressError: A file is in the place of a folder that is needed.
    """
    write_atomic(path, b"".join(msgspec.json.encode(record) + b"\n" for record in records))


def count(path: Path, record: type[msgspec.Struct]) -> int:
    """How many records a file holds, after checking every one: a bad
    last line shows before hours of work, not after.
    """
    return sum(1 for _ in read(path, record))


def count_distinct(path: Path, record: type[R], key: Callable[[R], str]) -> int:
    """The same, where no key may come twice; `CotpressError` names the double."""
    seen = set[int]()  # hashes: a key may be long, and a file has millions
    for one in read(path, record):
        name = key(one)
        if (known := hash(name)) in seen:
            raise CotpressError(
                f"{path} holds {name} twice: remove the double, or give each sample a number of "
                "its own (sample)."
            )
        seen.add(known)
    return len(seen)


def lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """(line number, line) of a file's lines that are not blank, split on
    `\\n` alone; `CotpressError` if it cannot be read.
    """
    return ((number, line) for number, _, line in _placed_lines(path))


def _placed_lines(path: Path) -> Iterator[tuple[int, int, bytes]]:
    """The same with the byte at which each begins."""
    at = 0
    with reading(path), path.open("rb") as file:
        for number, line in enumerate(file, 1):
            begin, at = at, at + len(line)
            if number == 1:
                line = line.removeprefix(BYTE_ORDER_MARK)
            if line.strip():
                yield number, begin, line


def first_fields(path: Path) -> dict[str, Any]:
    """The fields of a file's first line, which say what it holds; none where it is not an object,
    which the reader reports. `CotpressError` if it cannot be read.
    """
    _, first = next(lines(path), (0, b"{}"))
    return _fields(first)


def hash_file(path: Path) -> str:
    """A short hash of a file's content: an input that changed makes another
    output. `CotpressError` if it cannot be read.
    """
    with reading(path), path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]


def stem(path: Path) -> str:
    """What the files beside an output are called: `m` for `m.jsonl`. Any other name is whole and
    ends in a dot, `m.` for `m` and `m.json.` for `m.json`, so that no two outputs share them.

    Outputs of earlier versions have no dot: they keep theirs where no other can be meant.
    """
    if path.suffix == ".jsonl" and not path.stem.endswith("."):
        return path.stem
    return path.name if _is_dotless(path) else f"{path.name}."


def _is_dotless(path: Path) -> bool:
    """Whether an output not called `.jsonl` was made before its files had a dot."""
    old, new = (path.with_name(f"{path.name}{dot}.meta.json") for dot in ("", "."))
    namesake = path.with_name(f"{path.name}.jsonl")
    others = (new, namesake, namesake.with_name(f"{namesake.name}.part"))
    return path.exists() and old.exists() and not any(other.exists() for other in others)


def write_lines(path: Path, lines: Iterable[bytes]) -> None:
    """Write lines one by one so that `path` holds either all of them or what it held before."""
    _write_whole(path, lines)


def write_atomic(path: Path, content: bytes) -> None:
    """Write `content` so that `path` holds either all of it or what it held before."""
    _write_whole(path, [content])


def _write_whole(path: Path, pieces: Iterable[bytes]) -> None:
    make_folder(path.parent)
    part = path.with_name(path.name + ".tmp")
    try:
        with part.open("wb") as file:
            for piece in pieces:
                file.write(piece)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def make_folder(folder: Path) -> None:
    """Make a folder for outputs and those above it; `CotpressError` where a file is in the way."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise CotpressError(
            f"cannot make the folder {folder}, because a file is in "
            "its place: choose another --out."
        ) from error


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Say in one sentence why an input cannot be opened."""
    if path.is_fifo():
        raise CotpressError(
            f"{path} is a pipe, and inputs are read more than once: write it to a file first."
        )
    try:
        yield
    except FileNotFoundError as error:
        ours = path.suffix in ("", ".jsonl")
        cure = "run the verb that writes it, or check the path" if ours else "check the path"
        raise CotpressError(f"no file {path}: {cure}.") from error
    except IsADirectoryError as error:
        raise CotpressError(f"{path} is a folder: name a file in it.") from error
    except (PermissionError, NotADirectoryError) as error:
        raise CotpressError(f"cannot read {path}: {error.strerror}.") from error


def decoded(decoder: msgspec.json.Decoder[R], path: Path, number: int, line: bytes) -> R:
    """The record in one line of a file; `BadRecord` names file, line and field."""
    try:
        return decoder.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadRecord(
            f"{path}:{number}: not a {decoder.type.__name__}: "
            f"{_said(error, line)}{_source(decoder.type)}"
        ) from error


def _refuse_superseded(path: Path, record: type[msgspec.Struct], line: bytes) -> None:
    """`CotpressError` for a file of 0.1.0: its lines would be read, and mean something else."""
    if any(name in _fields(line) for name in getattr(record, "superseded", ())):
        raise CotpressError(
            f"{path} was written by cotpress 0.1.0, whose format is another "
            f"one: make it again with {_verbs(record)}."
        )


def _said(error: Exception, line: bytes) -> str:
    """What the decoder says, with the text around the byte that it only counts."""
    at = re.search(r"\(byte (\d+)\)$", str(error))
    if not at:
        return str(error)
    around = line[max(0, int(at[1]) - 20) : int(at[1]) + 10].decode("utf-8", "replace").strip()
    half = (
        "half a character (a lone surrogate): mend the text or take the line out; "
        if "surrogate" in str(error)
        else ""
    )
    return f"{half}{error}, at {around!r}"


def _source(record: type[msgspec.Struct]) -> str:
    """Which verb writes such records, where a record says so: a
    file of another step is the likeliest mistake.
    """
    return f" ({verbs} writes such lines)." if (verbs := _verbs(record)) else ""


def _verbs(record: type[msgspec.Struct]) -> str:
    return " or ".join(f"`cotpress {verb}`" for verb in _makers(record))


def _makers(record: type[msgspec.Struct]) -> tuple[str, ...]:
    return getattr(record, "written_by", ())


def _fields(line: bytes) -> dict[str, Any]:
    """The fields of a line; none where it is not an object, which the reader reports."""
    try:
        return msgspec.json.decode(line, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}

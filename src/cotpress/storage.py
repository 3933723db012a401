"""JSON Lines in and out: named bad lines, atomic finishing, resume by record key, and the meta file beside each output.

A run appends finished records to `<out>.part` and flushes each. When the stage ends the file is put in order, fsynced and
renamed, and `<name>.meta.json` is written last: nothing half-written is taken for complete. A rerun under the same options
reads what is finished and does only the rest; under other options it is refused. Lines end at `\\n` only: GSM8K holds a
U+2028, which `str.splitlines` would take for a line end.
"""

import hashlib
import os
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

import filelock
import msgspec

from cotpress.errors import BadRecord, CotpressError

R = TypeVar("R", bound=msgspec.Struct)


def read(path: Path, record: type[R]) -> Iterator[R]:
    """The records of a JSON Lines file, one by one; `BadRecord` names file, line and field of the first bad one."""
    decoder = msgspec.json.Decoder(record)
    for number, line in lines(path):
        try:
            yield decoder.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise BadRecord(f"{path}:{number}: not a {record.__name__}: {error}") from error


def lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """(line number, line) of a file's lines that are not blank, split on `\\n` alone; `CotpressError` if there is no file."""
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, 1):
                if line.strip():
                    yield number, line
    except FileNotFoundError as error:
        raise CotpressError(f"no file {path}: run the verb that writes it, or check the path.") from error
    except IsADirectoryError as error:
        raise CotpressError(f"{path} is a folder: name a file in it.") from error


def meta_path(path: Path) -> Path:
    """`traces.jsonl` -> `traces.meta.json`."""
    return path.with_name(path.stem + ".meta.json")


def write_atomic(path: Path, content: bytes) -> None:
    """Write `content` so that `path` holds either all of it or what it held before."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".tmp")
    with part.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(part, path)


def fingerprint(options: dict[str, Any]) -> str:
    """A short hash of the options that decide what a file holds."""
    return hashlib.sha256(msgspec.json.encode(options, order="deterministic")).hexdigest()[:16]


def hash_file(path: Path) -> str:
    """A short hash of a file's content: an input that changed makes another output."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]


@dataclass
class Run(Generic[R]):
    """One verb's output while it is made; see `run`."""

    path: Path
    done: dict[str, R]
    """Finished records of an earlier, interrupted run, by key."""
    dropped: Counter[str] = field(default_factory=Counter)
    """What a stage left out, by reason."""
    n_in: int = 0
    n_out: int = 0
    complete: bool = False
    """True: the output was finished under the same options before; there is nothing to do."""
    extra: dict[str, Any] = field(default_factory=dict)
    """What the verb adds to the meta file (model revision, tokenizer hash)."""

    def counted(self, records: Iterable[R | Any]) -> Iterator[Any]:
        """Pass records through, counting them as input."""
        for record in records:
            self.n_in += 1
            yield record

    def write(self, records: Iterable[R]) -> Iterator[R]:
        """Append each record to the part file as it is finished, and pass it on (for progress)."""
        encoder = msgspec.json.Encoder()
        with part_path(self.path).open("ab", buffering=0) as file:
            for record in records:
                file.write(encoder.encode(record) + b"\n")
                self.n_out += 1
                yield record


def part_path(path: Path) -> Path:
    """Where a run's finished records stand until all of them are."""
    return path.with_name(path.name + ".part")


@contextmanager
def run(
    path: Path, record: type[R], verb: str, options: dict[str, Any], *, version: str, key: Callable[[R], str] | None = None
) -> Iterator[Run[R]]:
    """Make one output file: lock it, take up what an interrupted run left, and finish it atomically with its meta file.

    `options` decide the content: an existing output made under others is refused. `key` names a record; without it an
    unfinished part is begun again (stages that are quick and pure).
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part, meta = part_path(path), meta_path(path)
    mark = fingerprint({"verb": verb, **options})
    started = time.monotonic()
    with _locked(path):
        _refuse_other_options(path, mark)
        this: Run[R] = Run(path, _finished(part, record, key) if key else {})
        this.complete = path.exists() and meta.exists() and not part.exists()
        if not this.complete:
            _restart(part, this.done.values())
            write_atomic(part.with_name(part.name + ".json"), msgspec.json.encode({"fingerprint": mark}))
        yield this
        if this.complete:
            return
        _finish(part, path)
        counts = {"in": this.n_in, "out": this.n_out + len(this.done), "dropped": dict(this.dropped)}
        about = {"verb": verb, "options": options, "fingerprint": mark, "version": version, **this.extra, "counts": counts}
        about["seconds"] = round(time.monotonic() - started, 3)
        write_atomic(meta, msgspec.json.format(msgspec.json.encode(about), indent=2) + b"\n")
        part.with_name(part.name + ".json").unlink(missing_ok=True)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    lock = path.with_name(path.name + ".lock")
    try:
        with filelock.FileLock(lock, timeout=0):
            yield
    except filelock.Timeout as error:
        raise CotpressError(f"{path} is being written by another run: wait for it, or choose another --out.") from error
    lock.unlink(missing_ok=True)


def _refuse_other_options(path: Path, mark: str) -> None:
    part = part_path(path)
    for about in (part.with_name(part.name + ".json"), meta_path(path)):
        if about.exists() and msgspec.json.decode(about.read_bytes()).get("fingerprint") != mark:
            raise CotpressError(
                f"{path} was begun with other options or another input (see {about.name}): choose another --out, or remove it."
            )
    if path.exists() and not meta_path(path).exists() and not part.exists():
        raise CotpressError(f"{path} exists and was not made by this verb: choose another --out, or remove it.")


def _finished(part: Path, record: type[R], key: Callable[[R], str]) -> dict[str, R]:
    """Whole records of an interrupted run; a last line without its end was half-written and is done again."""
    if not part.exists():
        return {}
    decoder = msgspec.json.Decoder(record)
    whole = part.read_bytes().split(b"\n")[:-1]
    return {key(found): found for found in map(decoder.decode, whole)}


def _restart(part: Path, records: Iterable[msgspec.Struct]) -> None:
    write_atomic(part, b"".join(msgspec.json.encode(record) + b"\n" for record in records))


def _finish(part: Path, path: Path) -> None:
    with part.open("rb") as file:
        os.fsync(file.fileno())
    os.replace(part, path)

"""JSON Lines in and out: named bad lines, atomic finishing, resume by record key, and the meta file
beside each output.

A run appends finished records to `<out>.part` and flushes each; `<out>.part.json` says under which
options. When the stage ends the file is fsynced and renamed, and `<name>.meta.json` is written
last: nothing half-written is taken for complete, and a kill between any two of these steps loses
nothing. A rerun under the same options does only the rest; under other options it is refused.

How lines are read and files written whole is in jsonl.py.
"""

import hashlib
import os
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, Generic, TypeVar

import msgspec

from cotpress.errors import CotpressError
from cotpress.failures import Failures, in_order
from cotpress.jsonl import count as count
from cotpress.jsonl import count_distinct as count_distinct
from cotpress.jsonl import decoded
from cotpress.jsonl import hash_file as hash_file
from cotpress.jsonl import lines as lines
from cotpress.jsonl import make_folder as make_folder
from cotpress.jsonl import read as read
from cotpress.jsonl import reading as reading
from cotpress.jsonl import stem as stem
from cotpress.jsonl import write as write
from cotpress.jsonl import write_atomic as write_atomic

I = TypeVar("I")  # noqa: E741
R = TypeVar("R", bound=msgspec.Struct)

FORMAT = 2
"""Version of the file formats, which every meta file names. 1: cotpress 0.1.0."""

BESIDE = (".part", ".part.json", ".meta.json", ".lock", ".tmp", ".ranked")
"""How names end that no output may have: an output `m` leaves an unfinished part `m.part`."""

IDENTITY = "identity"
"""The entry of a run's options that holds the identities of its tasks, models and scorers."""


def meta_path(path: Path) -> Path:
    """`traces.jsonl` -> `traces.meta.json`; `traces.json` -> `traces.json..meta.json`."""
    return path.with_name(stem(path) + ".meta.json")


def shards_path(path: Path) -> Path:
    """Where the processes of a run leave their shards until they are joined."""
    return path.with_name(path.name + ".shards")


def part_path(path: Path) -> Path:
    """Where a run's finished records stand until all of them are."""
    return path.with_name(path.name + ".part")


def fingerprint(options: dict[str, Any]) -> str:
    """A short hash of the options that decide what a file holds.

    An iterator among them stands for the list of its items, which are encoded one at a time.
    """
    digest = hashlib.sha256(b"{")
    for i, (name, value) in enumerate(sorted(options.items())):
        digest.update(b"," * (i > 0) + _encoded(name) + b":")
        if isinstance(value, Iterator):
            digest.update(b"[")
            for j, item in enumerate(value):
                digest.update(b"," * (j > 0) + _encoded(item))
            digest.update(b"]")
        else:
            digest.update(_encoded(value))
    digest.update(b"}")
    return digest.hexdigest()[:16]


def _encoded(value: Any) -> bytes:
    return msgspec.json.encode(value, order="deterministic")


@dataclass
class Run(Generic[R]):
    """One verb's output while it is made; see `run`."""

    path: Path
    failures: Failures
    """Rows that could not be made."""
    done: Counter[str]
    """How many finished records of each key an earlier, interrupted run left."""
    dropped: Counter[str] = field(default_factory=Counter)
    """What a stage left out, by reason."""
    n_in: int = 0
    n_out: int = 0
    """Records written by this run."""
    complete: bool = False
    """True: the output was finished under the same options before; there is nothing to do."""
    key: Callable[[Any], str] = lambda record: ""
    """Names a record."""
    again: Counter[str] = field(default_factory=Counter)
    """Records that are made again with others of their block, and not written again."""
    keyless: bool = False
    """Whether records have no keys: all are made again, and those that stand in the part as they
    are made are not written again.
    """
    extra: dict[str, Any] = field(default_factory=dict)
    """What the verb adds to the meta file (model revision, tokenizer hash)."""
    closing: Callable[[Path], dict[str, Any]] = lambda part: {}
    """What is added of all records, which it finds in the part, in their final order."""

    def counted(self, items: Iterable[I]) -> Iterator[I]:
        """Pass items through, counting them as input."""
        for item in items:
            self.n_in += 1
            yield item

    def todo(self, items: Iterable[I], key: Callable[[I], str]) -> Iterator[I]:
        """The items whose records an interrupted run did not finish; `key` gives the key of an
        item's record.

        Of items with the same key as many are passed over as are done, so that doubles in the input
        stay doubles.
        """
        left = Counter(self.done)
        for item in items:
            name = key(item)
            if self.failures.again:
                self.failures.keys.append(name)
            if left[name] > 0:
                left[name] -= 1
            else:
                yield item

    def blocks(self, items: Iterable[I], key: Callable[[I], str], size: int) -> Iterator[list[I]]:
        """The items in blocks of `size` at fixed places, for stages whose results depend a little
        on what is worked on together. What was done is a beginning: of a block that is done the
        items that left no record, the block in which the run stopped whole, and then the others.

        `write` passes over the records that are made again. Behind a run in which rows failed, only
        the items without a record are left: servers do not work on a block together.
        """
        left = Counter(self.done)
        rest = left.total()
        items = iter(items)
        while block := list(islice(items, size)):
            undone, again = list[I](), Counter[str]()
            for item in block:
                name = key(item)
                if self.failures.again:
                    self.failures.keys.append(name)
                if left[name] > 0:
                    left[name] -= 1
                    rest -= 1
                    again[name] += 1
                else:
                    undone.append(item)
            if undone and (rest or self.failures.again):
                yield undone
            elif undone:
                self.again += again
                yield block

    def write(self, records: Iterable[R]) -> Iterator[R]:
        """Append each record to the part file as it is finished, and pass it on (for progress)."""
        encoder = msgspec.json.Encoder()
        part = part_path(self.path)
        part.touch()
        with part.open("r+b") as file:
            agrees = self.keyless
            if not agrees:
                file.seek(0, os.SEEK_END)
            for record in records:
                if self.again and self.again[name := self.key(record)]:
                    self.again[name] -= 1
                    continue
                line = encoder.encode(record) + b"\n"
                if agrees and (held := file.readline()) != line:
                    agrees = False
                    file.seek(-len(held), os.SEEK_CUR)
                    file.truncate()
                if not agrees:
                    file.write(line)
                    file.flush()
                self.n_out += 1
                yield record
            file.truncate()


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """Which run made a file: the part of `<name>.meta.json` that a rerun compares."""

    verb: str = ""
    options: dict[str, Any] = {}
    fingerprint: str = ""
    format: int = 1


class Note(Mark, frozen=True, kw_only=True):
    """Which run an unfinished part belongs to."""

    begins_again: bool = False
    """True: a run without keys left it, and nothing is lost when the same verb starts over."""


@contextmanager
def run(
    path: Path,
    record: type[R],
    verb: str,
    options: dict[str, Any],
    *,
    version: str,
    key: Callable[[R], str] | None = None,
    rank: Callable[[R], Any] | None = None,
) -> Iterator[Run[R]]:
    """Make one output file: lock it, take up what an interrupted run left, and finish it atomically
    with its meta file.

    `options` decide the content: an existing output made under others is refused. `key` names a
    record; without it the records are made again, and those of an unfinished part of the same verb
    stay as far as they are the same (stages that are quick and pure). Anybody else's is refused.
    Records that are written as they are ready have a `rank`: the finished file is in its order,
    those of the same rank as they were written.
    """
    if path.is_dir():
        raise CotpressError(f"{path} is a folder: name a file in it as --out.")
    if path.name.endswith(BESIDE):
        raise CotpressError(
            f"{path} is called like a file that cotpress keeps beside an output: choose another "
            "--out."
        )
    make_folder(path.parent)
    part, meta, note = part_path(path), meta_path(path), _note_path(path)
    mark = Mark(
        verb=verb,
        options=options,
        fingerprint=fingerprint({"verb": verb, **options}),
        format=FORMAT,
    )
    started = time.monotonic()
    with locked(path):
        _refuse_what_others_made(path, mark, begins_again=key is None)
        failures = Failures(path)
        if path.exists() and meta.exists():
            made = _read_made(meta)
            if made.size is not None and made.size != path.stat().st_size:
                raise CotpressError(
                    f"{path} has {path.stat().st_size:,} bytes, and {verb} wrote {made.size:,}: "
                    "it was cut off or changed since; choose another --out, or replace it with "
                    "--overwrite."
                )
            if not (made.counts.get("failed") and failures.again):
                note.unlink(missing_ok=True)  # of a run that was killed before it removed it
                yield Run(path, failures, Counter(), complete=True)
                return
        if path.exists():
            # killed after the rename and before the meta file: its counts are still to be made;
            # or some of its rows failed
            _write_note(note, mark, begins_again=key is None)
            os.replace(path, part)
        meta.unlink(missing_ok=True)  # of an output that was removed by hand
        _write_note(note, mark, begins_again=key is None)
        this: Run[R] = Run(path, failures, _resumed(part, record, key), keyless=key is None)
        this.key = key or this.key
        try:
            yield this
        except BaseException:
            _clean(part, note)
            raise
        if rank:
            _reorder(part, record, rank)
        elif failures.again and key is not None:
            decoder, name = msgspec.json.Decoder(record), key
            in_order(part, failures.keys, lambda line: name(decoder.decode(line)))
        this.extra |= this.closing(part)
        size = part.stat().st_size if part.exists() else 0
        _finish(part, path)
        about = {**msgspec.structs.asdict(mark), "version": version, **this.extra}
        about["counts"] = {
            "in": this.n_in,
            "out": this.n_out + this.done.total(),
            "dropped": this.dropped,
            **({"failed": len(failures.found)} if failures.found else {}),
        }
        about["size"] = size
        failures.finish()
        about["seconds"] = round(time.monotonic() - started, 3)
        write_atomic(meta, msgspec.json.format(msgspec.json.encode(about), indent=2) + b"\n")
        note.unlink(missing_ok=True)


class Made(msgspec.Struct, frozen=True, kw_only=True):
    """What a meta file says of the output itself."""

    size: int | None = None
    """Bytes of the output; None: an earlier version did not say."""
    counts: dict[str, Any] = {}


def _read_made(meta: Path) -> Made:
    try:
        return msgspec.json.decode(meta.read_bytes(), type=Made)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Made()


def _write_note(path: Path, mark: Mark, *, begins_again: bool) -> None:
    note = Note(**msgspec.structs.asdict(mark), begins_again=begins_again)
    write_atomic(path, msgspec.json.encode(note))


def _note_path(path: Path) -> Path:
    """Says which run an unfinished part belongs to."""
    return path.with_name(path.name + ".part.json")


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Keep other runs from writing the file or folder `path`, which need not
    be there; `CotpressError` where one is at it.
    """
    import filelock  # not at the top: every verb would load it

    make_folder(path.parent)
    lock = filelock.FileLock(path.with_name(path.name + ".lock"))
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout as error:
        raise CotpressError(
            f"{path} is being written by another run: wait for it, or choose another --out."
        ) from error
    try:
        yield
    finally:
        with suppress(PermissionError):  # Windows keeps open files
            # before the release: afterwards it may be another run's
            Path(lock.lock_file).unlink(missing_ok=True)
        lock.release()


def _refuse_what_others_made(path: Path, mark: Mark, *, begins_again: bool) -> None:
    """Refuse to go on with, or to replace, what was not made by the same verb under the same
    options.

    A verb without keys may also empty the part that it left itself, whatever the options were: it
    would start over anyway.
    """
    if path.exists():
        made, about = path, meta_path(path) if meta_path(path).exists() else _note_path(path)
        if not about.exists():
            raise CotpressError(
                f"{path} exists and was not made by {mark.verb}: choose "
                "another --out, or remove it."
            )
    else:
        made, about = part_path(path), _note_path(path)
        if not (made.exists() and made.stat().st_size):
            return  # there is nothing that could be lost
    found = _read_note(about)
    if about.exists() and found.format != FORMAT:
        raise CotpressError(
            f"{made} was made by an earlier version, in another format: "
            "choose another --out, or replace it with --overwrite."
        )
    if found.fingerprint == mark.fingerprint:
        return
    if made != path and begins_again and found.begins_again and found.verb == mark.verb:
        return
    ours = msgspec.json.decode(msgspec.json.encode(mark.options))
    names = sorted(differing(found.options, ours))
    how = (
        f"by {found.verb or 'an unknown run'}"
        if found.verb != mark.verb
        else f"with other options or input ({', '.join(names)})"
    )
    see = f", see {about.name}" if about.exists() else ""
    raise CotpressError(
        f"{made} was made {how}{see}: choose another --out, or replace it with --overwrite."
    )


def differing(found: dict[str, Any], ours: dict[str, Any]) -> Iterator[str]:
    """The options that are not the same; of an identity what it is of, such as `another scorer`."""
    for name in {*found, *ours} - {IDENTITY}:
        if found.get(name) != ours.get(name):
            yield name
    before, now = found.get(IDENTITY, {}), ours.get(IDENTITY, {})
    yield from (f"another {name}" for name in {*before, *now} if before.get(name) != now.get(name))


def _read_note(path: Path) -> Note:
    """What a note or a meta file says; the note of an unknown run where there is none."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Note)
    except FileNotFoundError:
        return Note()
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise CotpressError(
            f"{path} does not say which run it belongs to ({error}): remove it and its output."
        ) from error


def _resumed(part: Path, record: type[R], key: Callable[[R], str] | None) -> Counter[str]:
    """Keys of the whole records of an interrupted run; a last line
    without its end was half-written and is cut off.
    """
    done: Counter[str] = Counter()
    whole = 0
    if part.exists():
        decoder = msgspec.json.Decoder(record)
        with part.open("rb") as file:
            for number, line in enumerate(file, 1):
                if line.endswith(b"\n"):
                    if key:
                        done[key(decoded(decoder, part, number, line))] += 1
                    whole += len(line)
    with part.open("ab") as file:
        file.truncate(whole)
    return done


def _reorder(part: Path, record: type[R], rank: Callable[[R], Any]) -> None:
    """Put the lines of a part in the order of their ranks, unless they are."""
    decoder = msgspec.json.Decoder(record)
    places: list[tuple[Any, int]] = []
    at = 0
    with suppress(FileNotFoundError), part.open("rb") as file:
        for number, line in enumerate(file, 1):
            places.append((rank(decoded(decoder, part, number, line)), at))
            at += len(line)
    ordered = sorted(places)
    if ordered == places:
        return
    ranked = part.with_name(part.name + ".ranked")
    with part.open("rb") as file, ranked.open("wb") as new:
        for _, place in ordered:
            file.seek(place)
            new.write(file.readline())
        new.flush()
        os.fsync(new.fileno())
    os.replace(ranked, part)


def _clean(part: Path, note: Path) -> None:
    """Leave nothing of a run that came to nothing."""
    with suppress(OSError):
        if not part.exists() or not part.stat().st_size:
            part.unlink(missing_ok=True)
            note.unlink(missing_ok=True)


def _finish(part: Path, path: Path) -> None:
    try:
        with part.open("rb") as file:
            os.fsync(file.fileno())
        os.replace(part, path)
    except FileNotFoundError as error:
        raise CotpressError(
            f"{part} was removed while it was written: run the same command again."
        ) from error

"""Folders made by a run, as storage.py makes files: one run at a time, finished once, and never
mixed with another's.

What a folder is, its about file says (`cotpress.json`, say), with the fingerprint of everything
that decides the content. It is written last: a folder that has it is finished. Until then `<about
file>.part.json` says which run began it. A rerun under the same fingerprint finds a finished folder
done, and goes on with an unfinished one; any other run is refused.
"""

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import msgspec

from cotpress import storage
from cotpress.errors import CotpressError


class Kind(NamedTuple):
    """What a run makes."""

    about: str
    """Name of the about file."""
    noun: str
    """What a folder is called: `a training run`."""
    other: str
    """What is said of one that another run made: `was trained with other examples`."""
    whole: bool = False
    """Whether the folder appears at its place only when it is
    whole, rather than being gone on with.
    """


def is_finished(out: Path, kind: Kind, mark: str) -> bool:
    """Whether the folder was finished by a run with this fingerprint."""
    return _mark(out / kind.about) == mark


@contextmanager
def making(out: Path, kind: Kind, mark: str) -> Iterator[Path | None]:
    """Lock the folder `out` and give the place to write into; None where it was finished before.

    `CotpressError` where another run, or something else, has it. Whoever gets a place ends with
    `finish`.
    """
    storage.make_folder(out.parent)
    with storage.locked(out):
        if is_finished(out, kind, mark):
            tidy(out, kind)
            yield None
            return
        _refuse_what_others_made(out, kind, mark)
        place = out.with_name(out.name + ".part") if kind.whole else out
        if kind.whole:
            shutil.rmtree(place, ignore_errors=True)
        storage.write_atomic(_note(place, kind), msgspec.json.encode({"fingerprint": mark}))
        try:
            yield place
            if kind.whole:
                os.replace(place, out)
        finally:
            if kind.whole:
                shutil.rmtree(place, ignore_errors=True)


def finish(place: Path, kind: Kind, about: msgspec.Struct) -> None:
    """Say that the folder is finished, in its about file; `about` carries the fingerprint."""
    storage.write_atomic(
        place / kind.about, msgspec.json.format(msgspec.json.encode(about), indent=2) + b"\n"
    )
    _note(place, kind).unlink(missing_ok=True)


def tidy(out: Path, kind: Kind) -> None:
    """Remove what a run leaves that is killed just after it has finished the folder."""
    _note(out, kind).unlink(missing_ok=True)


def tidy_alone(out: Path, kind: Kind, *left: Path) -> None:
    """The same with its lock and folders `left`, unless another run has the folder: that one tidies
    up.
    """
    lock = out.with_name(out.name + ".lock")
    if any(path.exists() for path in (lock, _note(out, kind), *left)):
        with suppress(CotpressError), storage.locked(out):
            tidy(out, kind)
            for folder in left:
                shutil.rmtree(folder, ignore_errors=True)


def _note(place: Path, kind: Kind) -> Path:
    """Says which run an unfinished folder belongs to."""
    return place / f"{kind.about}.part.json"


def _refuse_what_others_made(out: Path, kind: Kind, mark: str) -> None:
    note = _note(out, kind)
    if not out.exists() or (out.is_dir() and not any(path != note for path in out.iterdir())):
        return  # there is nothing that could be lost
    made = next((path for path in (out / kind.about, note) if path.is_file()), None)
    if made is None:
        raise CotpressError(
            f"{out} holds something else than {kind.noun}: choose another --out, or remove it."
        )
    if _mark(made) != mark:
        raise CotpressError(
            f"{out} {kind.other}: choose another --out, or replace it with --overwrite."
        )


def _mark(path: Path) -> str:
    """The fingerprint in an about file or a note; empty where there is none."""
    try:
        return str(json.loads(path.read_bytes())["fingerprint"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""

"""Files elsewhere: `s3://`, `gs://`, `https://` and whatever else fsspec reaches, by way of the
local disk.

An input is copied into the work folder and read there; it is copied again when it changed. An
output is made in the work folder as any other is, with its resume, and uploaded once it is
complete: the output first, what stands beside it next, and its meta file last. So a meta file over
there says that all of it is there.

Each URL has a folder of its own, `in/NAME-HASH` or `out/NAME-HASH`, with a note of what was copied.
All of them may be removed at any time, but for outputs that are not complete or not uploaded yet.
"""

import errno
import hashlib
import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from glob import has_magic
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import msgspec

from cotpress.errors import CotpressError
from cotpress.jsonl import make_folder, stem, write_atomic
from cotpress.plugins import require

URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
"""How a path begins that is of another machine."""

WORK = "COTPRESS_WORK"
"""The variable that names the work folder."""

NOTE = ".cotpress-remote.json"
"""What a folder of the work folder holds of where its files belong."""

QUERY = re.compile(r"\?[^/\s'\"]*=[^\s'\")]*")
"""The query of a URL, which may be a signature; a question mark alone belongs to a glob."""

READ_ONLY = ("http", "https")
"""Schemes that nothing can be written to."""

BESIDE = ("meta.json", "rows.jsonl", "config.toml", "errors.jsonl")
"""Endings of what verbs look for beside an input."""

UNFINISHED = re.compile(r"\.(part|tmp|lock|ranked|part\.json)$|^\..*\.replaced$|\.shards$")
"""Names of files and folders that do not belong to a finished output."""


class Copied(msgspec.Struct, frozen=True):
    """A file that is the same here and there."""

    there: str
    """A hash of what the other side says of it."""
    here: list[int]
    """Its size and time of change."""


class Note(msgspec.Struct):
    """Which URL a folder belongs to, and what of it was copied, by names in the folder."""

    url: str
    copied: dict[str, Copied] = {}
    sending: str = ""
    """The file that was being uploaded when this was written."""


class Place(NamedTuple):
    """A path elsewhere."""

    url: str
    files: Any
    """The file system, of fsspec."""
    path: str
    """The path as that file system has it."""

    def beside(self, name: str) -> str:
        """The path of another file in the same folder."""
        return f"{self.path.rpartition('/')[0]}/{name}"

    @property
    def is_folder(self) -> bool:
        """Whether it is a folder. Of a file this is never asked: over HTTP it would be read for
        links.
        """
        return not self.files.isfile(self.path) and bool(self.files.isdir(self.path))

    def state(self, path: str) -> str:
        """A hash of what is known of a file: size, time, version; empty where there is none, or a
        web server says nothing by which a change would show.
        """
        try:
            about = self.files.info(path)
        except FileNotFoundError:
            return ""
        if _scheme(self.url) in READ_ONLY and not any(name.lower() == "etag" for name in about):
            return ""
        return _hash(repr(sorted((name, str(value)) for name, value in about.items())))


def is_remote(text: str) -> bool:
    """Whether a path is a URL."""
    return bool(URL.match(text))


def fetch(
    url: str,
    *,
    beside: Sequence[str] = (),
    wanted: Callable[[Path], bool] = lambda path: True,
) -> Path:
    """A copy on this disk of a file, a folder, or the files of a glob, which then is a folder.

    Args:
        url: Where it is.
        beside: Endings of files that are copied with a file where they are there: `meta.json`.
        wanted: Which files of a folder or a glob are copied, by their names.

    Raises:
        CotpressError: Nothing is there, it cannot be read, a package is missing, or the URL
            holds credentials.
    """
    place = _reach(url)
    try:
        with _storage():
            return _fetched(place, beside, wanted)
    except _Trouble as error:
        raise CotpressError(
            f"cannot read {url} ({error}): check the URL, and that you are logged in to the "
            "storage."
        ) from error


def _fetched(place: Place, beside: Sequence[str], wanted: Callable[[Path], bool]) -> Path:
    url, name = place.url, PurePosixPath(place.path).name
    if has_magic(place.path):
        above = re.split(r"[*?[]", place.path)[0].rpartition("/")[0]
        found = [path for path in place.files.glob(place.path) if place.files.isfile(path)]
        return _fetch_all(place, above, found, wanted, "files")
    if place.is_folder:
        return _fetch_all(place, place.path, place.files.find(place.path), wanted, name)
    for kind in ("out", "in"):
        here, known = _folder(kind, url) / name, _noted(_folder(kind, url))
        if known and _is_same(place, known, here, place.path):
            break
    with _held(here.parent, url) as note:
        if not _is_same(place, note, here, place.path):
            _get(place, place.path, here, note)
        for other in (here.with_name(f"{stem(here)}.{ending}") for ending in beside):
            there = place.beside(other.name)
            if _is_same(place, note, other, there):
                continue
            other.unlink(missing_ok=True)
            if place.files.exists(there):
                _get(place, there, other, note)
    return here


def place_output(url: str) -> Path:
    """Where on this disk an output is made. What is already there comes first, so that a verb finds
    its own finished output, and refuses another one.

    Raises:
        CotpressError: It cannot be written there, or another run wrote it since this folder did.
    """
    _refuse_secrets(url)
    if _scheme(url) in READ_ONLY:
        raise CotpressError(f"{url} can be read and not written: choose another --out.")
    place = _reach(url)
    folder = _folder("out", url)
    here = folder / PurePosixPath(place.path).name
    known = _noted(folder)
    try:
        with _storage():
            if known is None:
                _take_up(place, here)
            else:
                _refuse_another_run(place, here, known)
    except _Trouble as error:
        raise CotpressError(
            f"cannot look for {url} ({error}): check the URL, and that you are logged in to the "
            "storage."
        ) from error
    return here


def _take_up(place: Place, here: Path) -> None:
    """Begin the folder of an output with what is already there, if anything is."""
    try:
        with _held(here.parent, place.url) as note:
            if place.is_folder:
                for path in place.files.find(place.path):
                    _get(place, path, here / _below(path, place.path), note)
            elif place.files.exists(place.path):
                for name in (here.name, *(f"{stem(here)}.{ending}" for ending in BESIDE)):
                    if place.files.exists(place.beside(name)):
                        _get(place, place.beside(name), here.with_name(name), note)
    except BaseException:
        (here.parent / NOTE).unlink(missing_ok=True)  # the next run takes up all of it
        raise


def _refuse_another_run(place: Place, here: Path, note: Note) -> None:
    """`CotpressError` where the output over there is another one than was last copied."""
    state = "" if place.is_folder else place.state(place.path)
    copied = note.copied.get(here.name)
    if state and not note.sending and (copied is None or copied.there != state):
        raise CotpressError(
            f"{place.url} was written by another run since {here.parent} was begun: remove that "
            "folder to go on from what is there, or choose another --out."
        )


def upload(out: Path) -> str:
    """Upload what changed of a finished output and of what stands beside it, the meta file last.

    Args:
        out: A path that `place_output` gave; any other is left alone.

    Returns:
        Its URL; empty where nothing was to be uploaded.

    Raises:
        CotpressError: It could not be uploaded. The sentence says where it lies on this disk.
    """
    if not (url := url_of(out)) or not out.exists():
        return ""
    place = _reach(url)
    try:
        with _storage(), _held(out.parent, url) as note:
            _refuse_another_run(place, out, note)
            return url if _send(place, out.parent, note) else ""
    except _Trouble as error:
        raise CotpressError(
            f"cannot upload to {url} ({error}): the finished output is {out}, and the same command "
            "uploads it again."
        ) from error


def _send(place: Place, folder: Path, note: Note) -> bool:
    """Make the other side hold what a folder holds; whether there was anything to send."""
    files = sorted(_finished(folder), key=lambda path: (path.name.endswith(".meta.json"), path))
    names = {path: path.relative_to(folder).as_posix() for path in files}
    sent = False
    for path, name in names.items():
        there = place.beside(name)
        if _is_same(place, note, path, there):
            continue
        note.sending, sent = name, True
        _write_note(folder, note)
        place.files.makedirs(there.rpartition("/")[0], exist_ok=True)
        place.files.put_file(str(path), there)
        note.copied[name] = Copied(place.state(there), _here(path))
    for name in set(note.copied) - set(names.values()):
        if place.files.exists(place.beside(name)):
            place.files.rm_file(place.beside(name))
        del note.copied[name]
    note.sending = ""
    return sent


def url_of(path: Path) -> str:
    """The URL that a path in the work folder stands for; empty for any other."""
    note = _noted(path.parent)
    return note.url if note and PurePosixPath(note.url).name == path.name else ""


def work_folder() -> Path:
    """Where copies and unfinished outputs stand: `COTPRESS_WORK`, else the user's cache."""
    if named := os.environ.get(WORK):
        return Path(named)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "cotpress"


def _refuse_secrets(url: str) -> None:
    """`CotpressError` for a URL with credentials, which would end in meta files and logs."""
    scheme, _, rest = url.partition("://")
    if "::" in rest:
        raise CotpressError(
            f"{scheme}:// with :: is a chain of file systems: name the one URL of a file."
        )
    who, _, _ = rest.partition("/")[0].rpartition("@")
    if ":" in who or (who and _scheme(url) in READ_ONLY) or QUERY.search(rest):
        raise CotpressError(
            f"{_without_secrets(url)} was given with credentials or a query, which would end in "
            "logs: leave them out, and set them as the storage expects them, in its environment "
            "variables or files."
        )


def _scheme(url: str) -> str:
    return url.partition(":")[0].lower()


def _reach(url: str) -> Place:
    """The file system of a URL; `CotpressError` where a package is missing, or it holds
    credentials.
    """
    _refuse_secrets(url)
    scheme = _scheme(url)
    fsspec = require("fsspec", f"{scheme}://")
    try:
        files, path = fsspec.url_to_fs(url)
    except ImportError as error:
        package = getattr(error.__cause__, "name", None) or str(error)
        raise CotpressError(
            f"{scheme}:// needs the package {package!r}: pip install {package}"
        ) from error
    except ValueError as error:
        raise CotpressError(
            f"{url}: {' '.join(str(error).split())}: name a path, or a URL that fsspec knows, such "
            "as s3://BUCKET/FILE."
        ) from error
    if not PurePosixPath(path).name:
        raise CotpressError(f"{url} names no file: write one behind it.")
    files.invalidate_cache()
    return Place(url, files, path)


def _fetch_all(
    place: Place, above: str, found: Sequence[str], wanted: Callable[[Path], bool], name: str
) -> Path:
    """Copies of the files below a folder, of which the work folder then holds no others."""
    here = _folder("in", place.url) / name
    paths = {here / _below(path, above): path for path in found if wanted(Path(path))}
    if not paths:
        raise CotpressError(f"{place.url}: no file of rows there: check the URL.")
    with _held(here.parent, place.url) as note:
        for path in [path for path in here.rglob("*") if path.is_file() and path not in paths]:
            path.unlink()
        for path, there in paths.items():
            if not _is_same(place, note, path, there):
                _get(place, there, path, note)
    return here


def _below(path: str, above: str) -> PurePosixPath:
    """A path within a folder; it never leads out of it."""
    parts = [part for part in path.removeprefix(above).split("/") if part not in ("", ".", "..")]
    return PurePosixPath(*parts)


def _get(place: Place, there: str, here: Path, note: Note) -> None:
    state = place.state(there)
    make_folder(here.parent)
    part = here.with_name(here.name + ".tmp")
    try:
        place.files.get_file(there, str(part))
        os.replace(part, here)
    finally:
        part.unlink(missing_ok=True)
    folder = _folder_of(here)
    note.copied[here.relative_to(folder).as_posix()] = Copied(state, _here(here))


def _is_same(place: Place, note: Note, here: Path, there: str) -> bool:
    """Whether both sides of a file are as they were when it was copied."""
    copied = note.copied.get(here.relative_to(_folder_of(here)).as_posix())
    return bool(
        copied
        and here.exists()
        and copied.here == _here(here)
        and copied.there == (place.state(there) or None)
    )


def _finished(folder: Path) -> Iterator[Path]:
    """The files of a folder that belong to a finished output."""
    for path in folder.rglob("*"):
        parts = path.relative_to(folder).parts
        if path.is_file() and path.name != NOTE and not any(map(UNFINISHED.search, parts)):
            yield path


def _here(path: Path) -> list[int]:
    about = path.stat()
    return [about.st_size, about.st_mtime_ns]


def _folder(kind: str, url: str) -> Path:
    name = re.sub(r"[^A-Za-z0-9._-]", "_", PurePosixPath(url).name)[:60]
    return work_folder().absolute() / kind / f"{name}-{_hash(url)}"


def _folder_of(path: Path) -> Path:
    """The folder of its URL that a path stands in."""
    root = work_folder().absolute()
    return root.joinpath(*path.relative_to(root).parts[:2])


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:12]


def _without_secrets(text: str) -> str:
    """A text without the user names, passwords and queries of its URLs."""
    return QUERY.sub("", re.sub(r"://[^\s/@]+@", "://", text))


def _noted(folder: Path) -> Note | None:
    try:
        return msgspec.json.decode((folder / NOTE).read_bytes(), type=Note)
    except (OSError, msgspec.DecodeError):
        return None


def _write_note(folder: Path, note: Note) -> None:
    write_atomic(folder / NOTE, msgspec.json.format(msgspec.json.encode(note), indent=2))


@contextmanager
def _held(folder: Path, url: str) -> Iterator[Note]:
    """The note of a folder, which no other process changes meanwhile; written also after a
    failure, with what was copied before it.
    """
    import filelock

    make_folder(folder)
    with filelock.FileLock(folder / f"{NOTE}.lock"):
        note = _noted(folder) or Note(url)
        try:
            yield note
        finally:
            _write_note(folder, note)


class _Trouble(Exception):
    """What a storage had to say."""


@contextmanager
def _storage() -> Iterator[None]:
    """Raise `_Trouble` where the storage does not do what it is asked."""
    try:
        yield
    except CotpressError:
        raise
    except FileNotFoundError as error:
        raise _Trouble("nothing is there") from error
    # each storage has errors of its own, of packages that need not be installed
    except Exception as error:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise
        said = _without_secrets(" ".join(str(error).split()))[:300]
        raise _Trouble(said or type(error).__name__) from error

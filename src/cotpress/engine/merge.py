"""The shards of one run as its one output, with the meta file that the run itself would have left.

Nothing is decoded: lines are copied, so that the output has the bytes of the shards.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple, cast

import msgspec

from cotpress import __version__, storage
from cotpress.engine.shards import OPTION, Chunk, Shard, parse
from cotpress.errors import CotpressError
from cotpress.failures import Failure, errors_path


class Counts(msgspec.Struct, frozen=True):
    """What a shard took, left and left out."""

    n_in: int = msgspec.field(default=0, name="in")
    n_out: int = msgspec.field(default=0, name="out")
    dropped: dict[str, int] = {}
    failed: int = 0


class Meta(storage.Mark, frozen=True, kw_only=True):
    """The meta file of a shard."""

    size: int
    counts: Counts
    chunks: list[Chunk]
    """Places of its records in the run; see shards.py."""
    noted: dict[str, int] = msgspec.field(default_factory=dict)
    """What the stage noted of records that it passed on."""
    rest: list[str] = msgspec.field(default_factory=list)
    """What no shard can make, because it takes the records of all."""


class Part(NamedTuple):
    """One finished shard."""

    path: Path
    shard: Shard
    meta: Meta

    @property
    def deciding(self) -> dict[str, Any]:
        """What decides the content of the whole run."""
        own = {name: value for name, value in self.meta.options.items() if name != OPTION}
        return {"verb": self.meta.verb, **own}


class Merged(NamedTuple):
    """What was joined."""

    verb: str
    n: int
    """Records."""
    rest: list[str]
    """What the verb still has to make of all records; the output is then an unfinished part of its
    run, which goes on from there.
    """


class _Unfinished(Exception):
    """Leaves a run with its part as it is, for the verb to go on with."""


def merge(
    paths: Sequence[Path],
    out: Path,
    watch: Callable[[Iterable[Any]], Iterator[Any]] = iter,
) -> Merged:
    """Join finished shards into `out`, in the order of one run; `watch` sees every record pass.

    `CotpressError` where a shard is missing or unfinished, comes twice, or is of another run.
    """
    parts = _complete([_part(path) for path in paths])
    first = parts[0].meta
    options = {name: value for name, value in first.options.items() if name != OPTION}
    n = sum(part.meta.counts.n_out for part in parts)
    rest = first.rest
    if not n:
        reasons = Counter[str]()
        for part in parts:
            reasons.update(part.meta.counts.dropped)
        why = ", ".join(f"{count} {why}" for why, count in reasons.items()) or "they are empty"
        raise CotpressError(f"merge: the shards of {first.verb} hold no record: {why}.")
    with (
        suppress(_Unfinished),
        storage.run(out, msgspec.Struct, first.verb, options, version=__version__) as this,
    ):
        if this.complete:
            return Merged(first.verb, n, [])
        for _ in watch(this.write(cast("Iterator[Any]", _lines(parts)))):
            pass
        if rest:
            raise _Unfinished
        noted = Counter[str]()
        for part in parts:
            this.n_in += part.meta.counts.n_in
            this.dropped.update(part.meta.counts.dropped)
            noted.update(part.meta.noted)
            if part.meta.counts.failed:
                this.failures.found += storage.read(errors_path(part.path), Failure)
        this.extra |= {"noted": noted} if noted else {}
    return Merged(first.verb, n, rest)


def _part(path: Path) -> Part:
    """One shard; `CotpressError` where it is not finished, or is none."""
    meta = storage.meta_path(path)
    if storage.part_path(path).exists() or (path.exists() and not meta.exists()):
        raise CotpressError(f"{path} is not finished: run the command of this shard again.")
    with storage.reading(path), path.open("rb"):
        pass
    try:
        found = msgspec.json.decode(meta.read_bytes(), type=Meta)
        shard = parse(found.options[OPTION])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, LookupError, TypeError) as bad:
        raise CotpressError(
            f"{path} is not a shard, by its meta file {meta.name}: merge the outputs of one verb "
            "with --shard 0/n to n-1/n."
        ) from bad
    if (size := path.stat().st_size) != found.size:
        raise CotpressError(
            f"{path} has {size:,} bytes, and {found.verb} wrote {found.size:,}: it was cut off or "
            "changed since; make this shard again, with --overwrite."
        )
    return Part(path, shard, found)


def _complete(parts: Sequence[Part]) -> list[Part]:
    """The shards in order; `CotpressError` where they are not all those of one run."""
    if not parts:
        raise CotpressError("merge needs the shards of a run: name their files.")
    first = parts[0]
    held: dict[int, Path] = {}
    for one in parts:
        if one.shard.n != first.shard.n:
            raise CotpressError(
                f"{one.path} is shard {one.shard} and {first.path} is shard {first.shard}: merge "
                "the shards of one run."
            )
        if one.deciding != first.deciding:
            names = ", ".join(sorted(storage.differing(first.deciding, one.deciding)))
            raise CotpressError(
                f"{one.path} and {first.path} are of different runs ({names}): merge the shards of "
                "one run."
            )
        if one.shard.number in held:
            raise CotpressError(
                f"{one.path} and {held[one.shard.number]} are both shard {one.shard}: name each "
                "shard once."
            )
        held[one.shard.number] = one.path
    missing = [str(Shard(i, first.shard.n)) for i in range(first.shard.n) if i not in held]
    if missing:
        some = ", ".join(missing[:10]) + (" …" if len(missing) > 10 else "")
        raise CotpressError(
            f"shard{'s' * (len(missing) > 1)} {some} of {first.meta.verb} missing: make and name "
            "every shard of the run."
        )
    return sorted(parts, key=lambda part: part.shard)


def _lines(parts: Sequence[Part]) -> Iterator[msgspec.Raw]:
    """The records of all shards in the order of their places."""
    at = [0] * len(parts)
    ordered = sorted(
        (chunk[:-1], number, chunk[-1])
        for number, part in enumerate(parts)
        for chunk in part.meta.chunks
    )
    for _, number, n in ordered:
        with parts[number].path.open("rb") as file:  # one at a time: there may be thousands
            file.seek(at[number])
            for line in islice(file, n):
                at[number] += len(line)
                yield msgspec.Raw(line.removesuffix(b"\n"))

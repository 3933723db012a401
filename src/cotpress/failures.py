"""Rows that could not be made: they stand beside an output, never in it, and the next run makes
only them.

`<name>.errors.jsonl` has one line for each, with the row's key, the reason and the time. Lines are
added as rows fail; a run that ends writes the file anew, with the rows that are still missing.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec

from cotpress import jsonl
from cotpress.errors import CotpressError

USUAL_RATE = 0.05
"""Share of failed rows above which a run ends."""

FEW = 100
"""Rows below which a run is too short for its share of failures to say much."""


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """One row that could not be made."""

    key: str
    reason: str
    time: str
    """UTC, ISO 8601."""


def errors_path(path: Path) -> Path:
    """`traces.jsonl` -> `traces.errors.jsonl`."""
    return path.with_name(f"{jsonl.stem(path)}.errors.jsonl")


class Failures:
    """The failed rows of one run."""

    def __init__(self, path: Path) -> None:
        self.path = errors_path(path)
        self.again = self.path.exists()
        """Whether rows of an earlier run failed: they come out of order."""
        self.keys: list[str] = []
        """Of all rows of the run in their order, where that matters."""
        self.found: list[Failure] = []

    def add(self, key: str, reason: str) -> None:
        """Note a row that failed, at once on disk."""
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        self.found.append(Failure(key=key, reason=reason, time=now))
        with self.path.open("ab") as file:
            file.write(msgspec.json.encode(self.found[-1]) + b"\n")

    def check(self, verb: str, rate: float, seen: int, total: int) -> None:
        """`CotpressError` where too many of the rows that were asked for failed."""
        n = len(self.found)
        if n > (max(1.0, rate * max(seen, min(total, FEW))) if rate else 0):
            raise CotpressError(
                f"{verb}: {n} of {seen} requests failed, more than --max-error-rate {rate:g}: "
                f"{self.found[-1].reason} All reasons are in {self.path}; finished records are "
                "kept, and the same command goes on from there."
            )

    def finish(self) -> None:
        """Leave the rows that are still missing, or no file where there are none."""
        if self.found:
            jsonl.write(self.path, self.found)
        else:
            self.path.unlink(missing_ok=True)


def in_order(part: Path, keys: Sequence[str], key: Callable[[bytes], str]) -> None:
    """Put the lines of a file in the order of their keys, each of which may come several times."""
    places: dict[str, list[tuple[int, int]]] = {}
    at = 0
    with part.open("rb") as file:
        for line in file:
            places.setdefault(key(line), []).append((at, len(line)))
            at += len(line)

    def lines() -> Iterator[bytes]:
        with part.open("rb") as file:
            for name in keys:
                if waiting := places.get(name):
                    start, length = waiting.pop(0)
                    file.seek(start)
                    yield file.read(length)

    jsonl.write_lines(part, lines())

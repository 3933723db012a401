"""Which part of a run each of its n shards makes, and where its records stand in the whole.

The input is cut into windows of at most 256 items; shard i takes those whose number is i modulo n.
Windows are whole batches of the stage, so that a shard computes exactly what one run does. What of
a shard's output belongs to which window stands in its meta file, and `merge` puts the windows in
order.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from typing import NamedTuple, TypeVar

from cotpress.errors import CotpressError

I = TypeVar("I")  # noqa: E741

WINDOW = 256
"""Items of a window at most."""

OPTION = "shard"
"""The option that tells the shards of a run apart, in the meta file: `3/8`."""

Chunk = list[int]
"""Records that stand together in an output: their place, such as [window], and their number."""


class Shard(NamedTuple):
    """One of the `n` parts of a run; number 0 of 1 is all of it."""

    number: int = 0
    n: int = 1

    def __str__(self) -> str:
        """As it is typed."""
        return f"{self.number}/{self.n}"

    @property
    def options(self) -> dict[str, str]:
        """What it adds to the options of the run: nothing where it is all of it."""
        return {OPTION: str(self)} if self.n > 1 else {}


def parse(text: str) -> Shard:
    """`3/8` is number 3 of the shards 0 to 7; an empty text is the whole run. `CotpressError` for
    anything else.
    """
    if not text:
        return Shard()
    found = re.fullmatch(r"(\d{1,6})/(\d{1,6})", text, re.ASCII)
    if not found or int(found[1]) >= int(found[2]):
        raise CotpressError(
            f"--shard {text} is not a shard: write 0/8 for the first of eight, 7/8 for the last."
        )
    return Shard(int(found[1]), int(found[2]))


@dataclass(frozen=True)
class Share:
    """What one shard makes of `total` items."""

    shard: Shard
    total: int
    batch: int = 1
    """Items that the stage works on together, from fixed places: no window cuts them apart."""

    @property
    def size(self) -> int:
        """Items of a window: as many as let all shards have equally many windows."""
        rounds = max(1, -(-self.total // (WINDOW * self.shard.n)))
        return self.batch * max(1, -(-self.total // (self.batch * rounds * self.shard.n)))

    @property
    def n_items(self) -> int:
        """How many items the shard has."""
        size, windows = (
            self.size,
            range(self.shard.number, -(-self.total // self.size), self.shard.n),
        )
        return sum(min(size, self.total - window * size) for window in windows)

    @cached_property
    def takes(self) -> Callable[[int], bool]:
        """Whether the item at a place, counted from 0, is the shard's own."""
        size, (number, n) = self.size, self.shard
        return lambda place: place // size % n == number

    def take(self, items: Iterable[I]) -> Iterator[I]:
        """The shard's own items, in order."""
        return (item for place, item in enumerate(items) if self.takes(place))

    def windows(self, keys: Iterable[str], written: Iterable[str]) -> Iterator[tuple[int]]:
        """The window of each record that was `written`, given the keys of the shard's own items;
        records stand in the order of the input, and items may have left none.
        """
        own = zip(filter(self.takes, range(self.total)), keys, strict=False)
        for name in written:
            yield (next(place for place, key in own if key == name) // self.size,)


def chunks(places: Iterable[tuple[int, ...]]) -> list[Chunk]:
    """Neighbours of the same place as one chunk each."""
    return [[*place, sum(1 for _ in same)] for place, same in groupby(places)]

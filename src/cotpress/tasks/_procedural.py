"""Problems without end from a seed, in splits that never overlap: what every procedural task
shares.

Problem `index` of a split comes from `Random(seed/split/index)` alone. What it is known by (its
question, or the world that the question is about) belongs to one split only, the one its hash says,
and each index draws until it has one of its own split: two splits share nothing, whatever their
seeds.
"""

import hashlib
from collections.abc import Callable, Iterator
from itertools import count
from random import Random
from typing import TypeVar

from cotpress.errors import CotpressError
from cotpress.grading import Check
from cotpress.records import Trace
from cotpress.tasks import Task

T = TypeVar("T")

SHARES = {"train": range(80), "validation": range(80, 90), "test": range(90, 100)}
"""Which hundredths of everything, by hash, belong to which split."""


def split_of(known_by: str) -> str:
    """The one split that what is known by this text belongs to."""
    hundredth = int.from_bytes(hashlib.sha256(known_by.encode()).digest()[:8], "big") % 100
    return next(split for split, share in SHARES.items() if hundredth in share)


def draw(
    split: str, seed: int, make: Callable[[Random], T], known_by: Callable[[T], str]
) -> Iterator[tuple[int, T]]:
    """(index, what `make` drew for it), without end."""
    for index in count():
        random = Random(f"{seed}/{split}/{index}")
        made = make(random)
        while split_of(known_by(made)) != split:
            made = make(random)
        yield index, made


def task(
    name: str,
    worked: Callable[[str], Iterator[Trace]],
    *,
    grader: str | Check = "math",
    marker: str = "",
    target: str = "",
) -> Task:
    """The task whose problems are those of `worked`; `CotpressError`
    for a target, since there is nothing to name.
    """
    if target:
        raise CotpressError(
            f"task {name} takes no target, but got {target!r}: write {name} alone, or with options."
        )
    return Task(
        name,
        lambda split: (trace.problem for trace in worked(split)),
        tuple(SHARES),
        grader,
        marker,
        gold=worked,
    )

"""In which order the segments of a reasoning are kept: a cut is a beginning of it, so that a
smaller ratio keeps a subset of what a larger one keeps.
"""

from collections.abc import Mapping, Sequence
from graphlib import TopologicalSorter
from itertools import accumulate
from typing import NamedTuple

from cotpress.pipeline.segmenting import Segments


class Order(NamedTuple):
    """In which order segments are kept."""

    segments: list[int]
    ends: list[int]
    """How many of them a cut may keep: rising, 0 first, all last."""
    n_held: int
    """How many are kept in any case."""


class Rank(NamedTuple):
    """How late a group is dropped."""

    held: bool
    protected: bool
    importance: float


class Groups(NamedTuple):
    """What is kept or dropped together, by the number of the group."""

    members: dict[int, list[int]]
    """Its segments."""
    rank: dict[int, Rank]
    """At least that of all that needs it."""
    depth: dict[int, int]
    """How many others it needs, one behind the other."""


def grouped(parts: Segments) -> Groups:
    """The groups of a trace, what each needs considered."""
    n = len(parts.ends)
    group, held = parts.group or range(n), parts.held or [False] * n
    rank: dict[int, Rank] = {}
    members: dict[int, list[int]] = {}
    for i, own in enumerate(group):
        mine = Rank(held[i], parts.protected[i], parts.importance[i])
        rank[own] = max(rank.get(own, mine), mine)
        members.setdefault(own, []).append(i)
    needs = parts.needs
    needed = set[int]().union(*needs.values())
    chained = {own: needs[own] for own in needed & needs.keys()}
    last_first = [*needs.keys() - needed, *reversed([*TopologicalSorter(chained).static_order()])]
    for own in last_first:  # what is needed is as important as what needs it
        for other in needs.get(own, ()):
            rank[other] = max(rank[other], rank[own])
    depth = dict.fromkeys(members, 0)
    for own in reversed(last_first):
        depth[own] = 1 + max((depth[other] for other in needs.get(own, ())), default=-1)
    return Groups(members, rank, depth)


def keeping_order(parts: Segments) -> Order:
    """What is held, then what is protected, then the rest, each by falling importance, ties by
    position; groups together, and none before what it needs.
    """
    members, rank, depth = grouped(parts)
    needs = parts.needs
    order = sorted(members, key=lambda own: (depth[own], members[own][0]))
    order.sort(key=rank.__getitem__, reverse=True)  # keeps the order of ties
    sizes = {own: sum(parts.n_tokens[i] for i in of) for own, of in members.items()}
    order = _topped_up(order, sizes, needs, rank)
    found = [i for own in order for i in members[own]]
    ends = [0, *accumulate(len(members[own]) for own in order)]
    return Order(found, ends, sum(len(members[own]) for own in order if rank[own].held))


STEPS = 10
"""Beginnings of the order are made to fill each tenth of all tokens."""


def _topped_up(
    order: Sequence[int],
    sizes: Mapping[int, int],
    needs: Mapping[int, frozenset[int]],
    rank: Mapping[int, Rank],
) -> list[int]:
    """The same groups in an order whose beginnings fill each tenth of all tokens.

    A group that is too large for what is left of a tenth is passed over, and the most important of
    the others that do fit are taken before it, as long as they leave it room in the first tenth in
    which it fits. So nothing less important delays it.
    """
    total = sum(sizes.values())
    result = [own for own in order if rank[own].held]
    left = list(order[len(result) :])
    used = sum(sizes[own] for own in result)
    for step in range(1, STEPS):
        most = _tenths(step, total)
        skipped: list[int] = []
        passed: set[int] = set()
        room = most  # what may be used without delaying those passed over
        for n, own in enumerate(left):
            if used >= room:
                skipped += left[n:]
                break
            alone = used + sizes[own]
            is_free = passed.isdisjoint(needs.get(own, ()))
            if is_free and alone <= room:
                result.append(own)
                used = alone
                continue
            if is_free:
                later = (_tenths(k, total) for k in range(step + 1, STEPS))
                if (fits := next((most for most in later if alone <= most), None)) is not None:
                    room = min(room, fits - sizes[own])
            skipped.append(own)
            passed.add(own)
        left = skipped
    return result + left


def _tenths(n: int, total: int) -> int:
    """The budget of a ratio of so many tenths."""
    return round(n / STEPS * total)

"""In which order the segments of a reasoning are kept: a cut is a beginning of it, so that a
smaller ratio keeps a subset of what a larger one keeps.
"""

from collections.abc import Mapping, Sequence
from itertools import accumulate, repeat
from typing import NamedTuple

from cotpress.pipeline.bonds import Needs, depths
from cotpress.pipeline.segmenting import Segments


class Order(NamedTuple):
    """In which order segments are kept."""

    segments: list[int]
    ends: list[int]
    """How many of them a cut may keep: rising, 0 first, all last."""
    n_held: int
    """How many are kept in any case."""


Rank = tuple[bool, bool, float]
"""How late a group is dropped: whether it is held, whether it is protected, its importance."""


class Groups(NamedTuple):
    """What is kept or dropped together, by the number of the group; in the order of their first
    segments.
    """

    members: dict[int, list[int]]
    """Its segments."""
    rank: dict[int, Rank]
    """At least that of all that needs it."""
    depth: dict[int, int]
    """How many others it needs, one behind the other."""


def grouped(parts: Segments) -> Groups:
    """The groups of a trace, what each needs considered."""
    members: dict[int, list[int]] = {}
    for i, own in enumerate(parts.group or range(len(parts.ends))):
        if own in members:
            members[own].append(i)
        else:
            members[own] = [i]
    each = list(zip(parts.held or repeat(False), parts.protected, parts.importance, strict=False))
    rank = {
        own: each[of[0]] if len(of) == 1 else max([each[i] for i in of])
        for own, of in members.items()
    }
    depth = dict.fromkeys(members, 0)
    _propagate(rank, depth, parts.needs)
    return Groups(members, rank, depth)


def _propagate(rank: dict[int, Rank], depth: dict[int, int], needs: Needs) -> None:
    """Make what is needed as important as what needs it, and deep in what it needs."""
    chained = depths(needs)
    assert chained is not None, "bonds join groups that need each other"
    depth |= chained
    last_first = sorted(chained, key=chained.__getitem__, reverse=True)
    for own in [*(needs.keys() - chained.keys()), *last_first]:
        mine, deepest = rank[own], -1
        for other in needs[own]:
            if rank[other] < mine:
                rank[other] = mine
            if depth[other] > deepest:
                deepest = depth[other]
        depth[own] = deepest + 1


def keeping_order(parts: Segments) -> Order:
    """What is held, then what is protected, then the rest, each by falling importance, ties by
    position; groups together, and none before what it needs.
    """
    members, rank, depth = grouped(parts)
    order = sorted(members, key=depth.__getitem__)
    order.sort(key=rank.__getitem__, reverse=True)  # keeps the order of ties
    n_tokens = parts.n_tokens
    sizes = {
        own: n_tokens[of[0]] if len(of) == 1 else sum([n_tokens[i] for i in of])
        for own, of in members.items()
    }
    n_held = sum([rank[own][0] for own in order]) if parts.held else 0
    order = _topped_up(order, sizes, parts.needs, n_held)
    found = [i for own in order for i in members[own]]
    ends = [0, *accumulate([len(members[own]) for own in order])]
    return Order(found, ends, ends[n_held])


STEPS = 10
"""Beginnings of the order are made to fill each tenth of all tokens."""


def _topped_up(
    order: Sequence[int], sizes: Mapping[int, int], needs: Needs, n_held: int
) -> list[int]:
    """The same groups in an order whose beginnings fill each tenth of all tokens; the first
    `n_held` stay where they are.

    A group that is too large for what is left of a tenth is passed over, and the most important of
    the others that do fit are taken before it, as long as they leave it room in the first tenth in
    which it fits. So nothing less important delays it.
    """
    total = sum(sizes.values())
    tenths = [round(n / STEPS * total) for n in range(STEPS)]
    result, left = list(order[:n_held]), list(order[n_held:])
    used = sum([sizes[own] for own in result])
    for step in range(1, STEPS):
        room = tenths[step]  # what may be used without delaying those passed over
        skipped: list[int] = []
        passed: set[int] = set()
        for n, own in enumerate(left):
            if used >= room:
                skipped += left[n:]
                break
            if not passed or passed.isdisjoint(needs.get(own, ())):
                alone = used + sizes[own]
                if alone <= room:
                    result.append(own)
                    used = alone
                    continue
                for most in tenths[step + 1 :]:
                    if alone <= most:
                        room = min(room, most - sizes[own])
                        break
            skipped.append(own)
            passed.add(own)
        left = skipped
    return result + left

"""Which segments a cut keeps together, and which need others: the atoms of a text and its line
breaks, said of segments.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise

from cotpress.atoms import Atom

Span = tuple[int, int]
Needs = Mapping[int, frozenset[int]]
"""Group -> the groups without which it is not kept; there are no circles."""


def bonds(
    text: str, ends: Sequence[int], whole: Sequence[Atom], long: Sequence[Span] = ()
) -> tuple[list[int], Needs]:
    """The group of each segment, and the groups that each group needs.

    The segments of one atom are one group. No cut glues two lines: all of a line needs a line break
    beside it, but for one within a sentence or step (`long`), which divides nothing. Groups that
    need each other are one.
    """
    groups = _Groups(len(ends))
    first = [bisect_right(ends, atom.spans[0][0]) for atom in whole]
    for atom, begin in zip(whole, first, strict=True):
        for start, end in atom.spans:
            for i in range(bisect_right(ends, start), bisect_right(ends, end - 1) + 1):
                groups.join(begin, i)
    edges = [(begin, first[atom.needs]) for atom, begin in zip(whole, first, strict=True)
             if atom.needs >= 0]  # fmt: skip
    inside = [span for atom in whole for span in atom.spans if text[slice(*span)].strip()]
    between = {*_line_ends(text, inside)} & {*_line_ends(text, long)}
    breaks = sorted({bisect_right(ends, at) for at in between})
    groups.join_all_needed(edges, breaks)
    lines = [*_breaks_needed(text, ends, breaks), *_blocks_needed(text, ends, whole)]
    needs = groups.without_circles([*edges, *lines])
    return [groups.root(i) for i in range(len(ends))], needs


def in_a_row(ends: Sequence[int], whole: Sequence[Atom]) -> tuple[list[int], Needs]:
    """The same for a reasoning of which a beginning is kept: each group needs the one before it.

    What lies between the two ends of an atom (brackets, the delimiters of a formula) is of its
    group, so that a beginning ends before it or behind it.
    """
    last = list(range(len(ends)))
    for atom in whole:
        first = bisect_right(ends, atom.spans[0][0])
        last[first] = max(last[first], bisect_right(ends, atom.spans[-1][1] - 1))
    group: list[int] = []
    reach = -1
    for i, until in enumerate(last):
        group.append(i if i > reach else group[-1])
        reach = max(reach, until)
    firsts = sorted(set(group))
    return group, {own: frozenset([before]) for before, own in pairwise(firsts)}


class _Groups:
    """Segments joined to groups (union-find)."""

    def __init__(self, n: int) -> None:
        self._parent = list(range(n))

    def root(self, i: int) -> int:
        """The segment that a group is named after."""
        parent = self._parent
        while parent[i] != i:
            parent[i] = i = parent[parent[i]]
        return i

    def join(self, one: int, other: int) -> None:
        self._parent[self.root(other)] = self.root(one)

    def needs(self, edges: Sequence[tuple[int, int]]) -> dict[int, set[int]]:
        """Group -> the groups that it needs, of (segment, needed segment)."""
        found: dict[int, set[int]] = {}
        for i, other in edges:
            own, needed = self.root(i), self.root(other)
            if own != needed:
                found.setdefault(own, set()).add(needed)
        return found

    def join_all_needed(self, edges: Sequence[tuple[int, int]], members: Sequence[int]) -> None:
        """Join each of `members` with all that it needs, directly or not."""
        needs = self.needs(edges)
        for i in members:
            left, seen = [self.root(i)], set[int]()
            while left:
                own = left.pop()
                for other in needs.get(own, set()) - seen:
                    seen.add(other)
                    left.append(other)
            for other in seen:
                self.join(i, other)

    def without_circles(self, edges: Sequence[tuple[int, int]]) -> Needs:
        """What each group needs, once groups that need each other are joined."""
        while True:
            needs = self.needs(edges)
            needed = set[int]().union(*needs.values())
            try:  # what nothing needs is in no circle
                TopologicalSorter({own: needs[own] for own in needed & needs.keys()}).prepare()
            except CycleError as error:
                one, *others = error.args[1]
                for other in others:
                    self.join(one, other)
            else:
                return {own: frozenset(of) for own, of in needs.items()}


def _breaks_needed(
    text: str, ends: Sequence[int], breaks: Sequence[int]
) -> Iterator[tuple[int, int]]:
    """(segment, the segment with the line break that it needs).

    All of a line needs the break that ends it. Where a token holds a break and the beginning of the
    next line, as some tokenizers have it, all of a line needs the break before it instead.
    """
    starts = [0, *ends]
    if any(text[starts[i] : ends[i]].rpartition("\n")[2].strip() for i in breaks):
        for n, i in enumerate(breaks):
            after = breaks[n + 1] if n + 1 < len(breaks) else len(ends)
            yield from ((own, i) for own in range(i + 1, after))
    else:
        for before, i in pairwise([-1, *breaks]):
            yield from ((own, i) for own in range(before + 1, i))


def _blocks_needed(
    text: str, ends: Sequence[int], whole: Sequence[Atom]
) -> Iterator[tuple[int, int]]:
    """(segment, a segment of the block that it needs): what follows a block of several lines
    without a blank, which would stand in the line before if the block were dropped.
    """
    for atom in whole:
        start, end = atom.spans[0][0], atom.spans[-1][1]
        word = _WORD.match(text, end)
        if atom.needs < 0 and word and "\n" in text[start:end]:
            first = bisect_right(ends, start)
            for i in range(bisect_right(ends, end), bisect_right(ends, word.end() - 1) + 1):
                yield i, first


_WORD = re.compile(r"\S+")


def _line_ends(text: str, inside: Sequence[tuple[int, int]]) -> Iterator[int]:
    """Where lines end, but for those within an atom."""
    starts = [start for start, _ in sorted(inside)]
    stops = [end for _, end in sorted(inside)]
    for match in re.finditer("\n", text):
        n = bisect_right(starts, match.start()) - 1
        if n < 0 or stops[n] <= match.start():
            yield match.start()

"""Which segments a cut keeps together, and which need others: the atoms of a text and its line
breaks, said of segments.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence, Set
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise, repeat

from cotpress.atoms import Atom

Span = tuple[int, int]
Needs = Mapping[int, Set[int]]
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
    first: list[int] = []
    for atom in whole:
        begin = bisect_right(ends, atom.spans[0][0])
        first.append(begin)
        for start, end in atom.spans:
            one, last = bisect_right(ends, start), bisect_right(ends, end - 1)
            if begin != last:
                for i in range(one, last + 1):
                    groups.join(begin, i)
    edges = [(begin, first[atom.needs]) for atom, begin in zip(whole, first, strict=True)
             if atom.needs >= 0]  # fmt: skip
    if "\n" in text:
        inside = [
            span
            for atom in whole
            for span in atom.spans
            if text.find("\n", *span) >= 0 and text[slice(*span)].strip()
        ]
        between = set(_line_ends(text, inside))
        if long:
            between &= set(_line_ends(text, long))
        breaks = sorted({bisect_right(ends, at) for at in between})
        groups.join_all_needed(edges, breaks)
        edges += _breaks_needed(text, ends, breaks)
        edges += _blocks_needed(text, ends, whole)
    needs = groups.without_circles(edges)
    return groups.roots(), needs


def depths(needs: Needs) -> dict[int, int] | None:
    """For each group that needs others and is needed itself, how many it needs, one behind the
    other; None if some need each other. All others are in no circle.
    """
    chained = needs.keys() & set[int]().union(*needs.values())
    first = sorted(chained)
    if any(max(needs[own] & chained, default=-1) >= own for own in first):
        try:
            sorter = TopologicalSorter({own: needs[own] & chained for own in chained})
            first = list(sorter.static_order())
        except CycleError:
            return None
    found: dict[int, int] = {}
    for own in first:
        found[own] = 1 + max([found.get(other, 0) for other in needs[own]], default=-1)
    return found


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

    def roots(self) -> list[int]:
        """The root of each segment."""
        return [own if parent == own else self.root(own) for own, parent in enumerate(self._parent)]

    def join(self, one: int, other: int) -> None:
        self._parent[self.root(other)] = self.root(one)

    def needs(self, edges: Sequence[tuple[int, int]]) -> dict[int, set[int]]:
        """Group -> the groups that it needs, of (segment, needed segment)."""
        found: dict[int, set[int]] = {}
        parent = self._parent
        for i, other in edges:
            own = i if parent[i] == i else self.root(i)
            needed = other if parent[other] == other else self.root(other)
            if own in found:
                found[own].add(needed)
            elif own != needed:
                found[own] = {needed}
        for own, of in found.items():
            of.discard(own)
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
        while depths(needs := self.needs(edges)) is None:
            needed = set[int]().union(*needs.values())
            try:
                TopologicalSorter({own: needs[own] for own in needed & needs.keys()}).prepare()
            except CycleError as error:
                one, *others = error.args[1]
                for other in others:
                    self.join(one, other)
        return needs


def _breaks_needed(
    text: str, ends: Sequence[int], breaks: Sequence[int]
) -> Iterator[tuple[int, int]]:
    """(segment, the segment with the line break that it needs).

    All of a line needs the break that ends it. Where a token holds a break and the beginning of the
    next line, as some tokenizers have it, all of a line needs the break before it instead.
    """
    starts = [0, *ends]
    if any(text[starts[i] : ends[i]].rpartition("\n")[2].strip() for i in breaks):
        for i, after in pairwise([*breaks, len(ends)]):
            yield from zip(range(i + 1, after), repeat(i))
    else:
        for before, i in pairwise([-1, *breaks]):
            yield from zip(range(before + 1, i), repeat(i))


def _blocks_needed(
    text: str, ends: Sequence[int], whole: Sequence[Atom]
) -> Iterator[tuple[int, int]]:
    """(segment, a segment of the block that it needs): what follows a block of several lines
    without a blank, which would stand in the line before if the block were dropped.
    """
    for atom in whole:
        start, end = atom.spans[0][0], atom.spans[-1][1]
        if atom.needs >= 0 or text.find("\n", start, end) < 0:
            continue
        word = _WORD.match(text, end)
        if word:
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

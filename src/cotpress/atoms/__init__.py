r"""What a cut keeps or drops whole, always: an atom is never divided, whatever the unit.

A number with its sign, exponent and unit mark; a LaTeX command with its arguments; brackets around
mathematics; a name with digits; a grapheme cluster; a numeral in words; a block of code; a table;
a call of a tool.
Half of any of them means something else: `10⁻`, `2 × 3 + 4` for `2 × (3 + 4)`, `12` for `AB12CDE`.

Some atoms need others. An operator with the operand behind it needs what stands before: of
`3 + 4 = 7` a cut may leave `3 + 4`, never `= 7` or `3 = 7`. Math delimiters and the two ends of an
environment are one atom with the first piece between them, and each further piece needs the one
before. So formulas grow from the left, balanced at any length, and no atom is so large that it
could not be afforded.
"""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from cotpress.atoms._brackets import is_small, pairs_of
from cotpress.atoms._formulas import (
    Region,
    bars_of,
    blocks_of,
    delimited,
    environments,
    on_edges,
    outermost,
    pieces_of,
)
from cotpress.atoms._operands import chains, signs
from cotpress.atoms._spans import Span, clusters_of, inside, merged, touches, widened, within


class Atom(NamedTuple):
    """What is kept or dropped whole."""

    spans: tuple[Span, ...]
    """(start, end) in characters, rising; several for a pair."""
    needs: int = -1
    """Index of the atom without which this one is not kept; -1: it stands by itself."""


def atoms(text: str) -> list[Atom]:
    """The atoms of a text; no two overlap, and none needs one that needs it."""
    clusters = clusters_of(text)
    pairs = list(pairs_of(text))
    blocks, named, shown = blocks_of(text), environments(text), delimited(text)
    regions = [on_edges(text, one, clusters) for one in outermost(text, blocks, named, shown)]
    enclosed = [*((start, end) for start, end, _ in [*named, *shown]), *pairs]
    whole = merged([*blocks, *bars_of(text), *_wholes(text, pairs, enclosed, regions, clusters)])
    found: list[Atom] = []
    at = 0
    for start, end, inner in [*regions, (len(text), len(text), (len(text), len(text)))]:
        if start < end and at < start and text[start - 1] in " \t":
            start -= 1  # a formula is set apart, too
        found += _shifted(_plain(text, at, start, whole, clusters), len(found))
        if start < end:
            found += _shifted(_formula(text, (start, end, inner), whole), len(found))
        at = end
    return _kept_apart(text, [*found, *_brackets(pairs, found)])


def _wholes(
    text: str,
    pairs: Sequence[Span],
    enclosed: Sequence[Span],
    regions: Sequence[Region],
    clusters: Sequence[Span],
) -> Iterator[Span]:
    """What is one atom at least: brackets of mathematics, commands, numbers, names."""
    inner = merged([span for *_, span in regions])
    if inner:
        yield from (span for span in enclosed if inside(span, inner))
    outer = merged([(start, end) for start, end, _ in regions])
    for pair in pairs:
        if is_small(text, pair) and not _cuts(outer, pair):
            yield pair
    edges = [0, *(at for span in outer for at in span), len(text)]
    for start, end in [*inner, *zip(edges[::2], edges[1::2], strict=True)]:
        found = signs(text, start, end)
        yield from (widened(span, clusters) for span in found) if clusters else found


def _brackets(pairs: Sequence[Span], found: Sequence[Atom]) -> Iterator[Atom]:
    """Brackets in prose: what is between may go, the two ends only together."""
    taken = merged([span for atom in found for span in atom.spans]) if pairs else []
    for a, b in pairs:
        if not any(inside((at, at + 1), taken) for at in (a, b - 1)):
            yield Atom(((a, a + 1), (b - 1, b)))


def _cuts(spans: Sequence[Span], pair: Span) -> bool:
    """Whether one of the merged spans holds one of the ends of a pair, or both."""
    a, b = pair
    return inside((a, a + 1), spans) or inside((b - 1, b), spans)


def _kept_apart(text: str, found: list[Atom]) -> list[Atom]:
    """The same atoms, where a number or a formula needs the one that ends where it begins: of
    `5(see above)7` no cut makes 57.
    """
    ends = {end: n for n, atom in enumerate(found) for _, end in atom.spans}
    return [
        Atom(spans, ends[spans[0][0]])
        if needs < 0 and spans[0][0] in ends and _MERGES.match(text, spans[0][0])
        else atom
        for atom in found
        for spans, needs in (atom,)
    ]


_MERGES = re.compile(r"[\d$]")


def _shifted(chain: list[Atom], by: int) -> list[Atom]:
    if not by:
        return chain
    return [atom if atom.needs < 0 else Atom(atom.spans, atom.needs + by) for atom in chain]


def _formula(text: str, region: Region, whole: Sequence[Span]) -> list[Atom]:
    """A formula in pieces: the first one with both delimiters, each other needs the one before."""
    start, end, inner = region
    first, *others = pieces_of(text, region, whole)
    both = ((start, first[1]), (inner[1], end)) if others else ((start, end),)
    return [Atom(both), *(Atom((span,), n) for n, span in enumerate(others))]


def _plain(
    text: str, start: int, end: int, whole: Sequence[Span], clusters: Sequence[Span]
) -> list[Atom]:
    """The atoms of a stretch between formulas."""
    if start >= end:
        return []
    own = within(whole, start, end)
    marked = within(clusters, start, end)
    chained = list(chains(text, own, start, end, clusters))
    joined = merged([(chain[0][0], chain[-1][1]) for chain in chained])
    found: list[Atom] = []
    single = [span for span in own if not inside(span, joined)] if joined else own
    for chain in sorted([*chained, *([span] for span in single)]):
        free_from = found[-1].spans[-1][1] if found else start
        begin = _set_apart(text, chain[0][0], free_from, marked)
        found.append(Atom(((begin, chain[0][1]),)))
        found += [Atom((span,), len(found) - 1 + k) for k, span in enumerate(chain[1:])]
    if marked:
        taken = merged([span for atom in found for span in atom.spans])
        found += [Atom((span,)) for span in marked if not touches(span, taken)]
    return found


def _set_apart(text: str, start: int, free_from: int, clusters: Sequence[Span]) -> int:
    """Where an atom begins with the blank or sign before it: `8 to 5` never becomes 85."""
    before = text[start - 1 : start]
    if start <= free_from or before in "\n\r({[)}]" or not text[start].isalnum():
        return start
    return start if clusters and touches((start - 1, start), clusters) else start - 1


def seams(found: Sequence[Atom]) -> tuple[list[int], list[int]]:
    """Where a token may be divided, for it holds the end of one piece and the beginning of the
    next, such as `)+`; and where it holds the end of a piece and a closing delimiter, as `}$`.
    """
    pieces = [atom.spans[0][0] for atom in found if atom.needs >= 0]
    return pieces, [atom.spans[1][0] for atom in found if len(atom.spans) > 1]

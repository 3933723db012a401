"""`ScoredTrace -> Segments`: which pieces of a reasoning are kept or dropped whole, and which are
held. Pure; no model.

Scores know neither: they are per token of the target model, and every unit and protection is a cut
of the same scores.
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Literal, NamedTuple

from cotpress import segments
from cotpress.atoms import Atom, atoms
from cotpress.errors import CotpressError
from cotpress.pipeline import units
from cotpress.records import Percentile, ScoredTrace

Protect = Literal["none", "symbols", "strict"]
"""What becomes of mathematics (`segments.SYMBOLS`).

symbols: it is dropped last, least important first, once all other text is used up; strict: never,
though the budget be exceeded; none: it is text like any other, as in the papers.
"""

WORDS = "llmlingua2"
"""The scorer that judges whole words."""


class Rules(NamedTuple):
    """In what units traces are cut and under which protection:
    a control beside a method is cut by the same.
    """

    unit: str = "number"
    protect: Protect = "symbols"
    protect_regex: str = ""
    """What is protected beside, as a regular expression."""


USUAL = Rules()
"""Where nothing else is said."""


@dataclass(frozen=True)
class Segments:
    """A reasoning as it is cut: lists with one entry per segment."""

    text: str
    ends: Sequence[int]
    """End offset of each in characters; they tile the text."""
    importance: Sequence[float]
    n_tokens: Sequence[int]
    """Target-model tokens that begin in each."""
    protected: Sequence[bool]
    """Whether it is dropped only once all that is not protected is."""
    held: Sequence[bool] = field(default=())
    """Whether it is never dropped; empty: none is."""
    group: Sequence[int] = field(default=())
    """Which are kept or dropped together, by number; empty: each by itself."""
    needs: Mapping[int, frozenset[int]] = field(default_factory=dict)
    """Group -> the groups without which it is not kept."""
    percentile: Percentile | None = None
    """The rule of a released selection, in place of a budget."""
    given: Sequence[float] = field(default=())
    """Log-likelihood with the condition of what decided each
    importance; empty where it is not known.
    """
    alone: Sequence[float] = field(default=())

    @property
    def texts(self) -> list[str]:
        """The pieces, in order; they join to the whole text."""
        return [self.text[a:b] for a, b in zip([0, *self.ends], self.ends, strict=False)]


def usual_rules(scorer: str) -> Rules:
    """Those of a scorer's own method, where nothing else is said:
    LLMLingua-2's release merges its tokens to words.
    """
    return USUAL._replace(unit="word") if scorer.partition(":")[0] == WORDS else USUAL


def segmented(scored: ScoredTrace, rules: Rules = USUAL) -> Segments:
    """The segments of a scored trace; those of its release,
    unprotected, where it carries a released selection.
    """
    text = scored.trace.reasoning
    if scored.percentile:
        n = len(scored.ends)
        return Segments(
            text,
            scored.ends,
            scored.importance,
            scored.percentile.n_tokens,
            [False] * n,
            percentile=scored.percentile,
        )
    unit, whole = units.load(rules.unit), atoms(text)
    spans = [*unit.spans(text), *(span for atom in whole for span in atom.spans)]
    ends = segments.segment_ends(text, scored.ends, spans)
    parts = list(segments.overlapping(ends, scored.ends))
    deciding = [_deciding(scored.importance[part], unit.pool) for part in parts]
    last = protected(ends, text, rules)
    group, needs = _bonds(text, ends, whole)
    return Segments(
        text,
        ends,
        [float(unit.pool(scored.importance[part])) for part in parts],
        segments.count_starts(ends, scored.ends, len(text)),
        last,
        last if rules.protect == "strict" else (),
        group,
        needs,
        given=_beside(scored.given, parts, deciding, unit.pool),
        alone=_beside(scored.alone, parts, deciding, unit.pool),
    )


def _bonds(
    text: str, ends: Sequence[int], whole: Sequence[Atom]
) -> tuple[list[int], dict[int, frozenset[int]]]:
    """The group of each segment, and the groups that each needs.

    The segments of one atom are one group. All of a line needs the line break that ends it: no cut
    glues two lines.
    """
    group = list(range(len(ends)))

    def root(i: int) -> int:
        while group[i] != i:
            group[i] = i = group[group[i]]
        return i

    first = [bisect_right(ends, atom.spans[0][0]) for atom in whole]
    for atom, begin in zip(whole, first, strict=True):
        for start, end in atom.spans:
            for i in range(bisect_right(ends, start), bisect_right(ends, end - 1) + 1):
                group[root(i)] = root(begin)
    for n, atom in enumerate(whole):  # one token may hold the end of a formula and its delimiter
        place = atom.needs
        while place >= 0 and root(first[place]) != root(first[n]):
            place = whole[place].needs
        between = atom.needs if place >= 0 else place
        while between > place:
            group[root(first[between])] = root(first[n])
            between = whole[between].needs
    needs: dict[int, set[int]] = {}
    for atom, begin in zip(whole, first, strict=True):
        if atom.needs >= 0:
            needs.setdefault(root(begin), set()).add(root(first[atom.needs]))
    inside = [span for atom in whole for span in atom.spans]
    breaks = sorted({bisect_right(ends, at) for at in _line_ends(text, inside)})
    for i in range(breaks[-1] if breaks else 0):
        needs.setdefault(root(i), set()).add(root(breaks[bisect_left(breaks, i)]))
    return [root(i) for i in group], {own: frozenset(of - {own}) for own, of in needs.items()}


def _line_ends(text: str, inside: Sequence[tuple[int, int]]) -> Iterator[int]:
    """Where lines end, but for those within an atom."""
    starts = [start for start, _ in sorted(inside)]
    stops = [end for _, end in sorted(inside)]
    for match in re.finditer("\n", text):
        n = bisect_right(starts, match.start()) - 1
        if n < 0 or stops[n] <= match.start():
            yield match.start()


class Order(NamedTuple):
    """In which order segments are kept."""

    segments: list[int]
    ends: list[int]
    """How many of them a cut may keep: rising, 0 first, all last."""
    n_held: int
    """How many are kept in any case."""


def keeping_order(parts: Segments) -> Order:
    """What is held, then what is protected, then the rest, each by falling importance, ties by
    position; groups together, and none before what it needs.
    """
    n = len(parts.ends)
    group, held = parts.group or range(n), parts.held or [False] * n
    rank: dict[int, tuple[bool, bool, float]] = {}
    members: dict[int, list[int]] = {}
    for i, own in enumerate(group):
        mine = (held[i], parts.protected[i], parts.importance[i])
        rank[own] = max(rank.get(own, mine), mine)
        members.setdefault(own, []).append(i)
    depth = _depths(parts.needs)
    for own in sorted(depth, key=depth.__getitem__, reverse=True):
        for other in parts.needs.get(own, ()):
            rank[other] = max(rank[other], rank[own])
    order = sorted(members, key=lambda own: (depth.get(own, 0), members[own][0]))
    order.sort(key=rank.__getitem__, reverse=True)  # keeps the order of ties
    sizes = {own: sum(parts.n_tokens[i] for i in of) for own, of in members.items()}
    order = _topped_up(order, sizes, parts.needs, rank)
    found = [i for own in order for i in members[own]]
    ends = [0, *accumulate(len(members[own]) for own in order)]
    return Order(found, ends, sum(len(members[own]) for own in order if rank[own][0]))


SHORT = 0.02
"""Which share of all tokens a cut may leave unused before less important text fills it."""


def _topped_up(
    order: Sequence[int],
    sizes: Mapping[int, int],
    needs: Mapping[int, frozenset[int]],
    rank: Mapping[int, tuple[bool, bool, float]],
) -> list[int]:
    """The same groups in an order whose beginnings fill each tenth of all tokens.

    Where the next group does not fit into a tenth any more and leaves more than `SHORT` of it, the
    most important later ones that do fit are taken before it, from what is protected alike. A cut
    is a beginning of this order, so that cuts stay nested.
    """
    total = sum(sizes.values())
    result = [own for own in order if rank[own][0]]
    left = list(order[len(result) :])
    used = sum(sizes[own] for own in result)
    for tenth in range(1, 10):
        most = round(tenth / 10 * total)
        skipped: list[int] = []
        for n, own in enumerate(left):
            if most - used <= (SHORT * total if skipped else 0):
                skipped += left[n:]
                break
            late = max((sizes[o] for o in skipped), default=0)
            if used + sizes[own] + late > 0.9 * total or used + sizes[own] > most or not needs.get(own, frozenset()).isdisjoint(skipped):
                skipped.append(own)
            else:
                result.append(own)
                used += sizes[own]
        left = skipped
    return result + left


def _depths(needs: Mapping[int, frozenset[int]]) -> dict[int, int]:
    """How many others stand below each group, one upon the other; a circle ends at its last."""
    found: dict[int, int] = {}

    def depth(own: int, above: frozenset[int]) -> int:
        if own not in found:
            others = needs.get(own, frozenset()) - above - {own}
            found[own] = max((1 + depth(other, above | {own}) for other in others), default=0)
        return found[own]

    for own in needs:
        depth(own, frozenset())
    return found


def protected(ends: Sequence[int], text: str, rules: Rules) -> list[bool]:
    """For each segment whether the rules protect it;
    `CotpressError` for what is no regular expression.
    """
    none = [False] * len(ends)
    found = none if rules.protect == "none" else segments.protected(ends, text)
    if not rules.protect_regex:
        return found
    try:
        spans = [match.span() for match in re.finditer(rules.protect_regex, text)]
    except re.error as error:
        raise CotpressError(
            f"--protect-regex {rules.protect_regex!r} is no regular expression: {error}."
        ) from error
    return [a or b for a, b in zip(found, segments.touched(ends, spans), strict=True)]


def _deciding(values: Sequence[float], pool: Callable[[Sequence[float]], float]) -> int | None:
    """Which of the values decided: the highest; None where all have a say."""
    return max(range(len(values)), key=values.__getitem__) if pool is max else None


def _beside(
    values: Sequence[float] | None,
    parts: Sequence[slice],
    deciding: Sequence[int | None],
    pool: Callable[[Sequence[float]], float],
) -> Sequence[float]:
    """What stands beside the scores, segment by segment: that
    of the deciding token, or pooled alike.
    """
    if values is None:
        return ()
    return [
        float(pool(values[part])) if at is None else values[part][at]
        for part, at in zip(parts, deciding, strict=True)
    ]

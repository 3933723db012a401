"""`ScoredTrace -> Segments`: which pieces of a reasoning are kept or dropped whole, and which are
held. Pure; no model.

Scores know neither: they are per token of the target model, and every unit and protection is a cut
of the same scores.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Literal, NamedTuple

from cotpress import segments
from cotpress.atoms import atoms, seams
from cotpress.errors import CotpressError
from cotpress.pipeline import units
from cotpress.pipeline.bonds import Needs, bonds, in_a_row
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
    """What is kept or dropped whole: a file of pipeline/units, or a dotted name of your own."""
    protect: Protect = "symbols"
    """What becomes of mathematics: none, symbols (dropped last) or strict (never dropped)."""
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
    needs: Needs = field(default_factory=dict)
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


def chosen_rules(
    first: ScoredTrace | None, unit: str, protect: Protect | None, protect_regex: str
) -> Rules:
    """The usual rules of a file of scores, known by its first, with what is named in their place;
    `CotpressError` where its scorer leaves no choice.
    """
    if first and first.percentile and (unit or protect == "symbols" or protect_regex):
        raise CotpressError(
            f"the scores of {first.scorer} carry a released selection, in pieces of its own: "
            "leave out --unit, --protect and --protect-regex, or score without it."
        )
    if first and first.from_start and (protect in ("symbols", "strict") or protect_regex):
        raise CotpressError(
            f"the scores of {first.scorer} keep a beginning of each reasoning, and nothing behind "
            "it: leave out --protect and --protect-regex."
        )
    usual = usual_rules(first.scorer if first else "")
    long = units.load(unit or usual.unit).long  # a wrong name is said now
    free = long or (first is not None and first.from_start)
    held = protect or ("none" if free else usual.protect)
    return Rules(unit or usual.unit, held, protect_regex)


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
    unit, whole = _unit(rules.unit), atoms(text)
    own = list(unit.spans(text))
    spans = [*own, *(span for atom in whole for span in atom.spans)]
    pieces, closing = seams(whole)
    if unit.long:  # a token may hold the end of one and the line break behind it
        closing = sorted({*closing, *(end for _, end in own if text[end : end + 1] in _BREAKS)})
    ends = segments.segment_ends(text, scored.ends, spans, [*pieces, *closing])
    parts = list(segments.overlapping(ends, scored.ends))
    importance = [float(unit.pool(values)) for values in map(scored.importance.__getitem__, parts)]
    if unit.long:
        importance = _blanks_least(text, ends, importance)
    if scored.from_start:
        rules = rules._replace(protect="none", protect_regex="")
    last = protected(ends, text, rules)
    group, needs = (
        in_a_row(ends, whole)
        if scored.from_start
        else bonds(text, ends, whole, own if unit.long else ())
    )
    return Segments(
        text,
        ends,
        importance,
        segments.count_starts(ends, scored.ends, closing),
        last,
        last if rules.protect == "strict" else (),
        group,
        needs,
        given=_beside(scored.given, scored.importance, parts, unit.pool),
        alone=_beside(scored.alone, scored.importance, parts, unit.pool),
    )


_unit = cache(units.load)
_BREAKS = ("\r", "\n")


def is_long(rules: Rules) -> bool:
    """Whether the unit of these rules may be a large part of a trace."""
    return _unit(rules.unit).long


def _blanks_least(text: str, ends: Sequence[int], importance: list[float]) -> list[float]:
    """The same importance, but that of white space between two units is the least of all: it is
    kept for what needs it, never for itself.
    """
    starts = [0, *ends]
    least = min(importance, default=0.0)
    return [
        least if text[start:end].isspace() else value
        for start, end, value in zip(starts, ends, importance, strict=False)
    ]


def protected(ends: Sequence[int], text: str, rules: Rules) -> list[bool]:
    """For each segment whether the rules protect it;
    `CotpressError` for what is not a regular expression.
    """
    none = [False] * len(ends)
    found = none if rules.protect == "none" else segments.protected(ends, text)
    if not rules.protect_regex:
        return found
    try:
        spans = [match.span() for match in re.finditer(rules.protect_regex, text)]
    except re.error as error:
        raise CotpressError(
            f"--protect-regex {rules.protect_regex!r} is not a regular expression: {error}."
        ) from error
    return [a or b for a, b in zip(found, segments.touched(ends, spans), strict=True)]


def _beside(
    values: Sequence[float] | None,
    importance: Sequence[float],
    parts: Sequence[slice],
    pool: Callable[[Sequence[float]], float],
) -> Sequence[float]:
    """What stands beside the scores, segment by segment: that of the most important token where it
    alone decides, or pooled alike.
    """
    if values is None:
        return ()
    if pool is not max:
        return [float(pool(values[part])) for part in parts]
    return [values[max(range(part.start, part.stop), key=importance.__getitem__)] for part in parts]

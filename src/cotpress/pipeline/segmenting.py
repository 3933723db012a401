"""`ScoredTrace -> Segments`: which pieces of a reasoning are kept or dropped whole, and which are
held. Pure; no model.

Scores know neither: they are per token of the target model, and every unit and protection is a cut
of the same scores.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from cotpress import segments
from cotpress.errors import CotpressError
from cotpress.pipeline import units
from cotpress.records import Percentile, ScoredTrace

Protect = Literal["none", "symbols"]
"""symbols: `segments.SYMBOLS` are never dropped; none: the papers' setting."""

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
            scored.percentile,
        )
    unit = units.load(rules.unit)
    ends = segments.segment_ends(text, scored.ends, unit.spans(text))
    parts = list(segments.overlapping(ends, scored.ends))
    deciding = [_deciding(scored.importance[part], unit.pool) for part in parts]
    return Segments(
        text,
        ends,
        [float(unit.pool(scored.importance[part])) for part in parts],
        segments.count_starts(ends, scored.ends, len(text)),
        held(ends, text, rules),
        given=_beside(scored.given, parts, deciding, unit.pool),
        alone=_beside(scored.alone, parts, deciding, unit.pool),
    )


def keeping_order(parts: Segments) -> list[int]:
    """Segment indices in the order they are kept: protected first,
    then by falling importance, ties by position.
    """
    # keeps the order of ties
    best = sorted(range(len(parts.ends)), key=parts.importance.__getitem__, reverse=True)
    return sorted(best, key=[not held for held in parts.protected].__getitem__)


def held(ends: Sequence[int], text: str, rules: Rules) -> list[bool]:
    """For each segment whether the rules protect it;
    `CotpressError` for what is no regular expression.
    """
    found = segments.protected(ends, text) if rules.protect == "symbols" else [False] * len(ends)
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

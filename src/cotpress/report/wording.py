"""Whether the wording tells what a cut drops: is there a rule that a model could learn? Nothing
here is HTML.

A cut keeps or drops every unit (token, step …) of a trace. That is guessed from the units of other
traces with the same wording (pipeline/alike.py). `told` is the share of the uncertainty (entropy of
kept or dropped) that the wording takes away: at 0 a reader cannot tell what was dropped, at 1 the
words say it. A cut at random is not at 0 where something is protected, since that shows in the
words.
"""

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from math import log2
from random import Random
from typing import NamedTuple

import msgspec

from cotpress.pipeline.alike import common_words, own_words, worded
from cotpress.pipeline.compress import selected
from cotpress.pipeline.order import keeping_order
from cotpress.pipeline.segmenting import Rules, segmented, usual_rules
from cotpress.records import ScoredTrace

RATIOS = (0.7, 0.5, 0.3)
TOKENS = 100_000
"""No further trace where there are more tokens than this already, and traces enough."""
FEWEST = 20
"""With fewer traces hardly any wording comes twice."""


class Unit(NamedTuple):
    """One unit of one trace, kept or dropped."""

    trace: int
    place: float
    """Where it begins, as a share of the trace's units."""
    wording: str
    kept: bool


@dataclass(frozen=True)
class Rule:
    """The cuts at one ratio."""

    ratio: float
    told: float
    """Share of the uncertainty that the wording takes away; below 0 where it misleads."""
    by_chance: float
    """The same for a cut at random by the same rules."""


@dataclass(frozen=True)
class Wording:
    """The cuts of one scorer."""

    scorer: str
    unit: str
    """What was kept or dropped whole."""
    n: int
    """Traces."""
    rows: list[Rule]


def wording_of(scored: Iterable[ScoredTrace], rules: Rules | None = None) -> Wording | None:
    """What the wording tells of a scorer's cuts by these rules (default: the scorer's usual ones),
    on the first traces; None where these are too few.
    """
    traces, n_tokens = [], 0
    for one in scored:
        traces.append(one)
        n_tokens += len(one.ends)
        if n_tokens > TOKENS and len(traces) >= FEWEST:
            break
    if len(traces) < FEWEST:
        return None
    rules = rules or usual_rules(traces[0].scorer)
    random = [_at_random(one, seed) for seed, one in enumerate(traces)]
    cuts = (units(some, rules, RATIOS) for some in (traces, random))
    rows = [
        Rule(ratio, told(real), told(drawn))
        for ratio, real, drawn in zip(RATIOS, *cuts, strict=True)
    ]
    return Wording(traces[0].scorer, rules.unit, len(traces), rows)


def units(scored: Sequence[ScoredTrace], rules: Rules, ratios: Sequence[float]) -> list[list[Unit]]:
    """For each ratio all units of all traces, cut at it."""
    found: list[list[Unit]] = [[] for _ in ratios]
    common = common_words(one.trace.problem.question for one in scored)
    for number, one in enumerate(scored):
        own = own_words(one.trace.problem.question, common)
        parts = segmented(one, rules)
        order = None if parts.percentile else keeping_order(parts)
        wordings = [worded(text, own) for text in parts.texts]
        for units_at, ratio in zip(found, ratios, strict=True):
            kept = {*selected(parts, order, ratio)}
            units_at += [
                Unit(number, place / len(wordings), wording, place in kept)
                for place, wording in enumerate(wordings)
            ]
    return found


def told(found: Sequence[Unit]) -> float:
    """The share of the uncertainty that the wording takes away; 0 where there is none, since all
    is kept, or nothing.
    """
    usual = sum(unit.kept for unit in found) / max(1, len(found))
    if not 0 < usual < 1:
        return 0.0
    guesses = guessed(found, [unit.wording for unit in found])
    after = sum(bits(guess, kept=unit.kept) for guess, unit in zip(guesses, found, strict=True))
    return 1 - after / sum(bits(usual, kept=unit.kept) for unit in found)


def guessed(found: Sequence[Unit], kinds: Sequence[Hashable]) -> list[float]:
    """For each unit the share kept of those of its kind in other traces; the share kept of all
    counts as one more of them.
    """
    usual = sum(unit.kept for unit in found) / len(found)
    kept, n = Counter[Hashable](), Counter[Hashable]()
    for unit, kind in zip(found, kinds, strict=True):
        for of in (kind, (kind, unit.trace)):
            kept[of] += unit.kept
            n[of] += 1
    return [
        (kept[kind] - kept[kind, unit.trace] + usual) / (n[kind] - n[kind, unit.trace] + 1)
        for unit, kind in zip(found, kinds, strict=True)
    ]


def bits(share: float, *, kept: bool) -> float:
    """How surprising it is that a unit is kept, or dropped, where this share was expected."""
    return -log2(share if kept else 1 - share)


def _at_random(scored: ScoredTrace, seed: int) -> ScoredTrace:
    """The trace with the importance of its tokens drawn, for a cut at random."""
    chance = Random(seed)
    drawn = [chance.random() for _ in scored.importance]
    return msgspec.structs.replace(scored, importance=drawn, from_start=False)

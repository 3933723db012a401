"""How traces were cut and what `cotpress verify` found, for the page:
likelihood that conclusions lose, ratios chosen by it.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import cast

from cotpress.pipeline.segmenting import Protect, Rules, is_long
from cotpress.records import Budget, CompressedTrace, ScoredTrace


@dataclass
class Cuts:
    """What is known of the cuts of one scored trace."""

    rules: Rules | None = None
    """Units and protection; None: not known, the usual ones of its scorer."""
    budget: Budget = "trace"
    longest_run: int | None = None
    losses: list[tuple[float, float]] = field(default_factory=list)
    """(ratio, nats) that the conclusion lost."""
    chosen: float | None = None
    """The ratio that was chosen for this very trace."""
    rooms: dict[float, int] = field(default_factory=dict)
    """Tokens kept at each ratio, where other traces had a say in it: one threshold for all of them,
    or sentences and steps, of which what one trace leaves goes to the next.
    """


@dataclass
class Survival:
    """Losses in nats by ratio, and each trace's cuts."""

    reference: str = ""
    by_ratio: dict[float, list[float]] = field(default_factory=dict)
    without: list[float] = field(default_factory=list)
    """Losses when all of the reasoning is dropped, one per cut."""
    cuts: dict[tuple[str, str], Cuts] = field(default_factory=dict)
    """By scorer and trace key."""
    chosen: dict[float, int] = field(default_factory=dict)
    """How many traces were given a ratio of their own, by ratio."""
    threshold: float | None = None

    def of(self, scored: ScoredTrace) -> Cuts:
        """The cuts of a scored trace; ordinary ones where nothing is known of it."""
        return self.cuts.get((scored.scorer, scored.key), Cuts())


def rules_of(one: CompressedTrace) -> Rules | None:
    """Units and protection of a trace's cuts; None where a released selection had its own."""
    return Rules(one.unit, cast(Protect, one.protect), one.protect_regex) if one.unit else None


def survival(compressed: Iterable[CompressedTrace]) -> Survival:
    """Collect what was verified or chosen; memory grows by a few numbers per cut."""
    found = Survival()
    for one in compressed:
        rules = rules_of(one)
        own = Cuts(rules, one.budget, one.longest_run)
        found.cuts[one.scorer, one.key] = own
        for cut in one.cuts:
            if one.budget == "dataset" or (rules and is_long(rules)):
                own.rooms[cut.ratio] = cut.n_tokens
            if one.keep_answer is not None:
                found.chosen[cut.ratio] = found.chosen.get(cut.ratio, 0) + 1
                own.chosen = cut.ratio
                found.threshold = one.keep_answer
            if cut.verified is not None:
                found.reference = cut.verified.reference
                found.by_ratio.setdefault(cut.ratio, []).append(cut.verified.loss)
                found.without.append(cut.verified.full - cut.verified.none)
                own.losses.append((cut.ratio, round(cut.verified.loss, 3)))
    return found

"""What a step of GRPO makes of the answers to its problems: grades, rewards, and the figures that
say how the training goes.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from statistics import mean, pstdev
from typing import Any, NamedTuple

from cotpress.errors import CotpressError
from cotpress.prompts import Message
from cotpress.records import NOTHING, Asked, Problem, Record
from cotpress.rewards import Reward, Sample

CUT_OFF = 0.5
"""Where more than this share of the answers is cut off, step after step, the training collapsed."""
PATIENCE = 20
"""Steps in a row that it takes."""


class Question(Record, frozen=True, kw_only=True):
    """What is asked in training by rewards: a row of `build --format grpo`."""

    written_by = ("build --format grpo",)

    problem: Problem
    asked: Asked = NOTHING
    prompt: list[Message]
    answer: str
    """The reference answer, for reward functions of other trainers."""
    wanted: int | None = None
    """Reasoning tokens asked for: the budget, or the ratio of the known reasoning's length."""


class Judged(NamedTuple):
    """The rewards of a step's answers."""

    parts: list[dict[str, float]]
    """Reward -> value, for each answer."""
    figures: dict[str, float]
    """accuracy, tokens, cut_off, no_variance: of this step."""


def judged(
    samples: Sequence[Sample], rewards: Sequence[Reward], weights: Sequence[float], size: int
) -> Judged:
    """The rewards of all answers, each `size` of them to one problem; `CotpressError` for a reward
    that is not finite.
    """
    parts: list[dict[str, float]] = []
    flat = 0
    for first in range(0, len(samples), size):
        group = samples[first : first + size]
        values = [_values(reward, group) for reward in rewards]
        totals = [
            sum(w * value for w, value in zip(weights, one, strict=True))
            for one in zip(*values, strict=True)
        ]
        flat += pstdev(totals) < 1e-9
        names = [reward.name for reward in rewards]
        parts += [dict(zip(names, one, strict=True)) for one in zip(*values, strict=True)]
    figures = {
        "accuracy": mean(one.right for one in samples),
        "tokens": mean(one.trace.n_tokens for one in samples),
        "cut_off": mean(not one.trace.finished for one in samples),
        "no_variance": flat / (len(samples) / size),
    }
    return Judged(parts, figures)


def _values(reward: Reward, group: Sequence[Sample]) -> list[float]:
    values = list(reward(group))
    if len(values) != len(group):
        raise CotpressError(
            f"reward {reward.name} gave {len(values)} values for {len(group)} answers: it must "
            "give one for each."
        )
    for one, value in zip(group, values, strict=True):
        if not math.isfinite(value):
            raise CotpressError(
                f"reward {reward.name} gave {value} for an answer to {one.trace.problem.id}: let "
                "it give a finite number for every answer, 0 where it cannot tell."
            )
    return values


class Collapse:
    """Watches the figures of the steps; says why to stop."""

    def __init__(self, before: Iterable[Mapping[str, Any]] = ()) -> None:
        self.n_cut = self.n_flat = 0
        for figures in before:
            self.seen(figures)

    def seen(self, figures: Mapping[str, Any]) -> str:
        """Take up one step; a sentence where the training has collapsed, else empty."""
        if "cut_off" not in figures:
            return ""
        self.n_cut = self.n_cut + 1 if figures["cut_off"] > CUT_OFF else 0
        self.n_flat = self.n_flat + 1 if figures["no_variance"] >= 1 else 0
        if self.n_cut >= PATIENCE:
            return (
                f"more than half of the answers were cut off in {PATIENCE} steps in a row: raise "
                "--max-tokens, lower --lr, or start from a model that ends its answers."
            )
        if self.n_flat >= PATIENCE:
            return (
                f"all answers to a problem were worth the same in {PATIENCE} steps in a row, which "
                "teaches nothing: take problems that are neither always nor never solved, another "
                "--reward or a higher --temperature."
            )
        return ""


def said_time(tokens: float, per_second: float) -> str:
    """How long it takes to sample so many tokens at most, for a person."""
    seconds = tokens / max(per_second, 1e-9)
    for size, unit in ((86400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.0f} seconds"

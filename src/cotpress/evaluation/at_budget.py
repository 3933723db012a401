"""What a budget buys: the share of answers that are right and reason within B tokens, over B.

OAA_t and AUC_OAA of OptimalThinkingBench (Aggarwal et al. 2025, arXiv 2508.13141, section 3): an
answer that reasons longer than the budget counts as wrong, as if it had been cut off there. The
area is the mean of the curve over all budgets from 0 to the largest.
"""

import math
from collections.abc import Callable, Sequence
from statistics import fmean

import numpy as np

from cotpress.evaluation.problems import Answer, Answers, by_problem, means, right

STEPS = 40
"""Budgets of a curve."""


def grid(largest: int) -> list[int]:
    """At most `STEPS` budgets in even steps, the largest one last; no reasoning at all is a budget
    of 1.
    """
    largest = max(1, largest)
    return sorted({math.ceil(largest * step / STEPS) for step in range(1, STEPS + 1)})


def curve(group: Answers, budgets: Sequence[int]) -> list[float]:
    """The share right within each budget: mean over problems of the mean over their answers."""
    return _within(group, budgets, right)


def distribution(group: Answers, budgets: Sequence[int]) -> list[float]:
    """The share of answers, right or wrong, that reason within each budget: the cumulative
    distribution of their lengths, every problem with the same weight.
    """
    return _within(group, budgets, lambda _: True)


def _within(
    group: Answers, budgets: Sequence[int], counts: Callable[[Answer], object]
) -> list[float]:
    problems = by_problem(group)
    found = sorted(
        (answer.n_tokens, 1 / len(answers) / len(problems))
        for answers in problems.values()
        for answer in answers
        if counts(answer)
    )
    shares = np.cumsum([0.0, *(share for _, share in found)])
    within = np.searchsorted([tokens for tokens, _ in found], budgets, side="right")
    return [min(1.0, round(float(share), 12)) for share in shares[within]]


def area(group: Answers, largest: int) -> float:
    """The mean of the curve over budgets from 0 to `largest`, exactly: a right answer of L tokens
    adds 1 - L / largest.
    """
    largest = max(1, largest)

    def room(answer: Answer) -> float:
        return max(0.0, 1 - answer.n_tokens / largest) if right(answer) else 0.0

    return fmean(means(group, room).values())

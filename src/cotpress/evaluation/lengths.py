"""How long answers are, and whether they are as long as they were asked to be."""

from collections.abc import Mapping, Sequence
from statistics import fmean, median
from typing import NamedTuple

import numpy as np

from cotpress.evaluation.problems import Answer, Answers, by_problem
from cotpress.evaluation.statistics import ratio_of_means
from cotpress.records import Lengths


def lengths(tokens: Sequence[int]) -> Lengths | None:
    """Mean, median and 90th percentile (linear interpolation); None of nothing."""
    if not tokens:
        return None
    p90 = float(np.quantile(np.asarray(tokens, dtype=float), 0.9))
    return Lengths(n=len(tokens), mean=fmean(tokens), median=float(median(tokens)), p90=p90)


class Adherence(NamedTuple):
    """How far answers are from what they were asked for."""

    error: float
    """Mean of |asked - actual| / asked, in reasoning tokens (L1: Aggarwal and Welleck 2025, arXiv
    2503.04697, section 4)."""
    over: float
    """Share that is longer."""
    low: float | None = None
    """95 % interval of the error, over problems; None of a single problem."""
    high: float | None = None


def adherence(group: Answers, base: Mapping[str, float]) -> Adherence | None:
    """Of a budget, or of a ratio below 1 times what the original model spends on the same problem
    (`base`: reasoning tokens by problem); a ratio of means hides that some answers are too long
    where others are too short.

    None where nothing was asked for, or the original is not known.
    """
    errors, over = [], []
    for name, answers in by_problem(group).items():
        asked = _asked(answers[0], base.get(name))
        if asked:
            errors.append(fmean(abs(asked - answer.n_tokens) / asked for answer in answers))
            over.append(fmean(answer.n_tokens > asked for answer in answers))
    if not errors:
        return None
    found = ratio_of_means(errors, [1.0] * len(errors)) if len(errors) > 1 else None
    return Adherence(
        fmean(errors), fmean(over), found.low if found else None, found.high if found else None
    )


def _asked(answer: Answer, original: float | None) -> float | None:
    """Reasoning tokens that a prompt asks for."""
    if answer.asked.budget is not None:
        return float(answer.asked.budget)
    ratio = answer.asked.ratio
    return None if ratio is None or ratio == 1.0 or original is None else ratio * original

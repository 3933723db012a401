"""Intervals and tests over problems that ask for no distribution: bootstrap and sign flips, both
with a fixed seed.

With several answers a problem the figures of a row are means over problems of means over answers.
Only problems are drawn anew, or change their sign: the answers to one problem are alike, and 50
problems asked 16 times are not 800 problems.
"""

from collections.abc import Sequence
from itertools import product

import numpy as np

from cotpress.evaluation.statistics import Interval, wilson

DRAWS = 2_000
"""Sets of problems that are drawn for an interval."""
FLIPS = 10_000
"""Random sign patterns where there are too many to try all."""
EXACT = 16
"""Up to so many problems that differ, all 2^n sign patterns are tried."""
SEED = 20_240_911
"""Of every draw here: an interval is a function of the figures alone."""
BLOCK = 1 << 22
"""Numbers drawn at once: 32 MB."""


def bootstrap(values: Sequence[float]) -> Interval:
    """Percentile bootstrap at 95 % of the mean of `values` in 0..1, one per problem (Efron and
    Tibshirani 1993, section 13.3).

    Where all values are the same every draw is, too, and the bootstrap would claim to know the
    mean exactly: there the interval is Wilson's with the mean as the share of n problems.
    """
    known = np.asarray(values, dtype=float)
    n = len(known)
    if n == 0 or known.min() == known.max():
        return wilson(float(known.sum()), n)
    chance, found = np.random.default_rng(SEED), np.empty(DRAWS)
    step = max(1, BLOCK // n)
    for begin in range(0, DRAWS, step):
        picks = chance.integers(0, n, size=(min(step, DRAWS - begin), n))
        found[begin : begin + step] = known[picks].mean(axis=1)
    low, high = np.quantile(found, [0.025, 0.975])
    return Interval(float(low), float(high))


def sign_flip(differences: Sequence[float]) -> float:
    """Two-sided p of the hypothesis that each problem's difference might as well have the other
    sign: the share of sign patterns whose sum is at least as far from 0 as the one found.

    Exact for up to `EXACT` differences other than 0; else of `FLIPS` random patterns and the one
    found, which counts itself (Phipson and Smyth 2010), so that p is never 0. With differences of
    1 and -1 it is McNemar's exact test. 1.0 where nothing differs.
    """
    known = np.asarray([value for value in differences if value], dtype=float)
    n = len(known)
    if n == 0:
        return 1.0
    far = abs(known.sum()) - 1e-9 * np.abs(known).sum()
    if n <= EXACT:
        signs = np.array(list(product((1.0, -1.0), repeat=n)))
        return float(np.mean(np.abs(signs @ known) >= far))
    chance, count = np.random.default_rng(SEED), 0
    step = max(1, BLOCK // n)
    for begin in range(0, FLIPS, step):
        flips = chance.integers(0, 2, size=(min(step, FLIPS - begin), n)) * 2 - 1
        count += int(np.count_nonzero(np.abs(flips @ known) >= far))
    return (1 + count) / (1 + FLIPS)

"""Several answers to one problem in one figure: what k tries solve, and what a vote among them
says. Their plain mean, avg@k, is the accuracy of a row.
"""

from collections import Counter
from collections.abc import Sequence
from math import comb

from cotpress.errors import CotpressError
from cotpress.records import Grade


def pass_at_k(n: int, right: int, k: int) -> float:
    """The chance that of `k` answers drawn from the `n` at hand at least one of the `right` ones
    is: 1 - C(n - right, k) / C(n, k), unbiased (Chen et al. 2021, arXiv 2107.03374, equation 1).

    `CotpressError` for a k that is larger than n.
    """
    if not 1 <= k <= n:
        raise CotpressError(
            f"pass@{k} needs at least {max(k, 1)} answers a problem and there are {n}: choose a k "
            f"of 1 to {n}, or ask with --samples {max(k, 1)}."
        )
    return 1 - comb(n - right, k) / comb(n, k)


def majority(grades: Sequence[Grade]) -> float:
    """Whether the most frequent of several answers is right (maj@k; Wang et al. 2023, arXiv
    2203.11171): 1 or 0, and of equally frequent answers the share that is right.

    All right answers are one, however they are worded; wrong ones are compared as text. An answer
    that could not be read has no vote, and without any vote nothing is right.
    """
    votes = Counter(
        None if grade.correct else " ".join((grade.answer or "").split()).casefold()
        for grade in grades
        if grade.correct or grade.answer is not None
    )
    most = max(votes.values(), default=0)
    first = [answer for answer, count in votes.items() if count == most]
    return 1 / len(first) if None in first else 0.0

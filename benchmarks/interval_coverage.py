"""How often a 95 % interval of avg@k holds the true accuracy, and how often the paired test sees a
difference where there is none: simulated problems of known difficulty.

    python benchmarks/interval_coverage.py

Each problem's chance to be answered rightly is drawn from a beta distribution, and each answer from
that chance. Beside the bootstrap over problems stands what counting all answers as problems of
their own would give.
"""

import numpy as np

from cotpress.evaluation.resampling import bootstrap, sign_flip
from cotpress.evaluation.statistics import wilson

RUNS = 1000
CASES = ((2.0, 2.0, 50, 16), (2.0, 2.0, 30, 4), (8.0, 1.0, 50, 4), (0.5, 0.5, 30, 16))
"""Shape of the beta distribution, problems, answers a problem."""


def main() -> None:
    chance = np.random.default_rng(0)
    for a, b, n, k in CASES:
        truth, held, naive, false = a / (a + b), 0, 0, 0
        for _ in range(RUNS):
            shares = chance.beta(a, b, n)
            right, other = chance.binomial(k, shares), chance.binomial(k, shares)
            low, high = bootstrap(list(right / k))
            held += low <= truth <= high
            low, high = wilson(int(right.sum()), n * k)
            naive += low <= truth <= high
            false += sign_flip(list((right - other) / k)) < 0.05
        print(
            f"beta({a:g}, {b:g}), {n} problems x {k}: bootstrap {held / RUNS:.1%}, "
            f"answers as problems {naive / RUNS:.1%}; p < 0.05 without a difference "
            f"{false / RUNS:.1%}"
        )


if __name__ == "__main__":
    main()

"""The shortest of a group is worth most: Kimi k1.5's length reward (arXiv 2501.12599, section
2.3.3).

    lambda = 0.5 - (length - shortest) / (longest - shortest), over all samples of the problem;
    lambda for right answers, min(0, lambda) for wrong ones; 0 where all are equally long.
"""

from collections.abc import Sequence

from cotpress.errors import CotpressError
from cotpress.rewards import Reward, Sample


class Shortest:
    """A value from the length beside those of the other samples."""

    name = "shortest"

    def __call__(self, group: Sequence[Sample]) -> list[float]:
        """One value per sample."""
        lengths = [one.trace.n_tokens for one in group]
        low, high = min(lengths), max(lengths)
        if low == high:
            return [0.0] * len(group)
        values = [0.5 - (length - low) / (high - low) for length in lengths]
        return [
            value if one.right else min(0.0, value)
            for one, value in zip(group, values, strict=True)
        ]


def load(target: str = "") -> Reward:
    """The reward; it takes no target."""
    if target:
        raise CotpressError("reward shortest takes no target: write shortest.")
    return Shortest()

"""Right answers are worth more the shorter they are, wrong ones the longer, along a cosine (Yeo et
al., arXiv 2502.03373, section 4.1); an answer that was cut off is worth `exceed`.

    end + (begin - end) / 2 * (1 + cos(pi * length / longest))
"""

import math
from collections.abc import Sequence

from cotpress.errors import CotpressError
from cotpress.rewards import Reward, Sample


class Cosine:
    """A value from length and grade."""

    name = "cosine"

    def __init__(
        self, length: int, right: tuple[float, float], wrong: tuple[float, float], exceed: float
    ) -> None:
        self.length, self.right, self.wrong, self.exceed = length, right, wrong, exceed

    def __call__(self, group: Sequence[Sample]) -> list[float]:
        """One value per sample."""
        return [self._value(one) for one in group]

    def _value(self, one: Sample) -> float:
        if not one.trace.finished:
            return self.exceed
        begin, end = self.right if one.right else self.wrong
        share = min(1.0, one.trace.n_tokens / self.length)
        return end + (begin - end) / 2 * (1 + math.cos(math.pi * share))


def load(
    target: str = "",
    *,
    length: int,
    right_short: float = 2.0,
    right_long: float = 1.0,
    wrong_short: float = -10.0,
    wrong_long: float = 0.0,
    exceed: float = -10.0,
) -> Reward:
    """`length`: reasoning tokens at which the cosine ends; the others are the paper's values."""
    if target or length < 1:
        raise CotpressError("reward cosine needs a length: write cosine,length=500.")
    return Cosine(length, (right_short, right_long), (wrong_short, wrong_long), exceed)

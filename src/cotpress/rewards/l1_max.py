"""L1-Max: right * clip(alpha * (wanted - length) + delta, 0, 1): below the wanted length is as good
(Aggarwal and Welleck, arXiv 2503.04697, formula 2).

The paper's alpha of 0.0003 is for lengths of thousands of tokens; `alpha=0` is one over the wanted
length. delta 0.5 lets right answers that are a little too long count for something.
"""

from collections.abc import Sequence

from cotpress.errors import CotpressError
from cotpress.rewards import Reward, Sample, wanted


class L1Max:
    """Right, and no longer than wanted."""

    name = "l1-max"

    def __init__(self, length: int, alpha: float, delta: float) -> None:
        self.length, self.alpha, self.delta = length, alpha, delta

    def __call__(self, group: Sequence[Sample]) -> list[float]:
        """One value per sample."""
        return [self._value(one) for one in group]

    def _value(self, one: Sample) -> float:
        most = wanted(one, self.length, self.name)
        slope = self.alpha or 1 / most
        return one.right * min(1.0, max(0.0, slope * (most - one.trace.n_tokens) + self.delta))


def load(target: str = "", *, length: int = 0, alpha: float = 0.0003, delta: float = 0.5) -> Reward:
    """`length`: reasoning tokens wanted at most where the prompt names none."""
    if target or alpha < 0:
        raise CotpressError("reward l1-max takes no target and an alpha of at least 0.")
    return L1Max(length, alpha, delta)

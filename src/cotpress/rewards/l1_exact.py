"""L1-Exact: right - alpha * |wanted - length| (Aggarwal and Welleck, arXiv 2503.04697, formula 1).

The paper's alpha of 0.0003 is for lengths of thousands of tokens; `alpha=0` is one over the wanted
length, so that missing it by all of it costs as much as a wrong answer.
"""

from collections.abc import Sequence

from cotpress.errors import CotpressError
from cotpress.rewards import Reward, Sample, wanted


class L1Exact:
    """Right, at the wanted length."""

    name = "l1-exact"

    def __init__(self, length: int, alpha: float) -> None:
        self.length, self.alpha = length, alpha

    def __call__(self, group: Sequence[Sample]) -> list[float]:
        """One value per sample."""
        return [self._value(one) for one in group]

    def _value(self, one: Sample) -> float:
        most = wanted(one, self.length, self.name)
        return one.right - (self.alpha or 1 / most) * abs(most - one.trace.n_tokens)


def load(target: str = "", *, length: int = 0, alpha: float = 0.0003) -> Reward:
    """`length`: reasoning tokens wanted where the prompt names none."""
    if target or alpha < 0:
        raise CotpressError("reward l1-exact takes no target and an alpha of at least 0.")
    return L1Exact(length, alpha)

"""How close the length is to the one that was asked for: 1 - |asked - length| / asked, at least 0;
right or not, so that it is added to `correct`.
"""

from collections.abc import Sequence

from cotpress.errors import CotpressError
from cotpress.rewards import Reward, Sample, wanted


class Adherence:
    """1 at the length that was asked for."""

    name = "adherence"

    def __init__(self, length: int) -> None:
        self.length = length

    def __call__(self, group: Sequence[Sample]) -> list[float]:
        """One value per sample."""
        return [self._value(one) for one in group]

    def _value(self, one: Sample) -> float:
        asked = wanted(one, self.length, self.name)
        return max(0.0, 1 - abs(asked - one.trace.n_tokens) / asked)


def load(target: str = "", *, length: int = 0) -> Reward:
    """`length`: reasoning tokens asked for where the prompt names none."""
    if target:
        raise CotpressError("reward adherence takes no target: write adherence.")
    return Adherence(length)

"""1 for the right answer, as our graders judge it, else 0; an answer that was cut off is not
right.
"""

from collections.abc import Sequence

from cotpress.errors import CotpressError
from cotpress.rewards import Reward, Sample


class Correct:
    """1 if right."""

    name = "correct"

    def __call__(self, group: Sequence[Sample]) -> list[float]:
        """One value per sample."""
        return [float(one.right) for one in group]


def load(target: str = "") -> Reward:
    """The reward; it takes no target."""
    if target:
        raise CotpressError("reward correct takes no target: the task says how to grade.")
    return Correct()

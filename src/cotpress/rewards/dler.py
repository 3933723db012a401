"""DLER's truncation: 1 for a right answer within the limit, else 0, and no other penalty for length
(Liu et al., arXiv 2510.15110): what makes it work is the optimiser, advantages normalised over the
batch (`--scale batch`) and a higher upper clip (`--clip-high`), which are the defaults here.
"""

from collections.abc import Sequence

from cotpress.errors import CotpressError
from cotpress.rewards import Reward, Sample


class Dler:
    """1 if right within the limit."""

    name = "dler"

    def __init__(self, length: int) -> None:
        self.length = length

    def __call__(self, group: Sequence[Sample]) -> list[float]:
        """One value per sample."""
        return [
            float(one.right and (not self.length or one.trace.n_tokens <= self.length))
            for one in group
        ]


def load(target: str = "", *, length: int = 0) -> Reward:
    """`length`: reasoning tokens at most; 0: the limit of the answers, `--max-tokens`, alone."""
    if target or length < 0:
        raise CotpressError("reward dler takes no target: write dler,length=200.")
    return Dler(length)

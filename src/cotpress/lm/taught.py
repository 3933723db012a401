"""The budgets that a model was taught: five lengths stand for all of them."""

from collections.abc import Sequence
from statistics import quantiles

from cotpress.records import Record


class Budgets(Record, frozen=True, kw_only=True):
    """Reasoning tokens that the prompts of a training asked for."""

    least: int
    low: int
    """10th percentile."""
    medium: int
    """Median."""
    high: int
    """90th percentile."""
    most: int

    def __str__(self) -> str:
        """`34 to 512`."""
        return f"{self.least} to {self.most}"

    @property
    def usual(self) -> tuple[int, int, int]:
        """What to ask for by default, and what the efforts low, medium and high stand for:
        not the ends, which a single example may have taught.
        """
        return self.low, self.medium, self.high

    def hold(self, budget: int) -> bool:
        """Whether a budget is neither smaller nor larger than all that were taught."""
        return self.least <= budget <= self.most


def budgets_of(asked: Sequence[int]) -> Budgets | None:
    """Of the budgets of all examples (linear interpolation, rounded); None where there are none."""
    if not asked:
        return None
    several = asked if len(asked) > 1 else [*asked, *asked]  # of one there are no quantiles
    tenths = quantiles(several, n=10, method="inclusive")
    low, medium, high = (round(tenths[i]) for i in (0, 4, 8))
    return Budgets(least=min(asked), low=low, medium=medium, high=high, most=max(asked))

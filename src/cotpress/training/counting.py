"""Are the budgets that prompts ask for counted in the tokens of the model that is taught?"""

from collections.abc import Iterable
from itertools import islice
from statistics import fmean

from cotpress.lm.contract import Model
from cotpress.records import TrainingExample

LOOKED_AT = 200
"""Examples that are counted again."""

APART = 0.05
"""A mean difference of more than this share of the budgets is another way to count."""


def miscounted(examples: Iterable[TrainingExample], model: Model) -> str:
    """One sentence where the budgets of examples are not the tokens of their reasoning; else
    empty.
    """
    asking = list(islice((one for one in examples if one.asked.budget), LOOKED_AT))
    if not asking:
        return ""
    ends = model.token_ends([one.reasoning for one in asking])
    budgets = [one.asked.budget or 1 for one in asking]
    apart = fmean(
        abs(max(1, len(tokens)) - budget) / budget
        for tokens, budget in zip(ends, budgets, strict=True)
    )
    if apart <= APART:
        return ""
    return (
        f"the budgets in the prompts are {apart:.0%} off the tokens of {model.name}, on average: "
        "they were counted in another model's, so score the traces with --target "
        f"{model.name}, compress and build them again"
    )

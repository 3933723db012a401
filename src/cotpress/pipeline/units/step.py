"""A step (a paragraph, an item, a turn of thought such as "Wait"), at the mean of the scores of its
tokens, as `sentence` has it.

With the sum, or the highest, a long step would win by its length: among many tokens there is one
that is important, or enough of those that are not.
"""

from cotpress.pipeline.units import Unit, mean
from cotpress.steps import steps


def load(target: str = "") -> Unit:
    """No step is divided."""
    return Unit(spans=steps, pool=mean, long=True)

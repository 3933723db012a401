"""A sentence, with the display formula that it leads to, at the mean of the scores of its tokens.

The mean, so that length does not decide: what is kept first is what matters most for each token
that it costs.
"""

from cotpress.pipeline.units import Unit, mean
from cotpress.steps import sentences


def load(target: str = "") -> Unit:
    """No sentence is divided."""
    return Unit(spans=sentences, pool=mean, long=True)

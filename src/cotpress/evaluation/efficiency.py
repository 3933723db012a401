"""Accuracy and length in one figure, as the field quotes it. Both figures hide the curve of
accuracy over length, which the report shows beside them.
"""

import math

LENGTH, GAIN, LOSS = 1.0, 3.0, 5.0
"""Weights of AES: of the tokens saved, and of accuracy gained and lost."""


def aes(accuracy: float, tokens: float, base_accuracy: float, base_tokens: float) -> float | None:
    """Accuracy-Efficiency Score of O1-Pruner (Luo et al. 2025, arXiv 2501.12570): the share of
    tokens saved, plus 3 times the relative gain of accuracy, or less 5 times the relative loss.

    Accuracies are shares, lengths tokens of the whole answer; `base_` is the untouched model. None
    where that is never right or writes nothing.
    """
    if not base_accuracy or not base_tokens:
        return None
    saved = (base_tokens - tokens) / base_tokens
    gained = (accuracy - base_accuracy) / base_accuracy
    return LENGTH * saved + (GAIN if gained >= 0 else LOSS) * gained


def ock_score(accuracy: float, tokens: float) -> float:
    """OckScore (Du et al. 2025, arXiv 2511.05722), in points: 100 x accuracy - 10 x log10(1 +
    tokens / 10,000), with the mean length of the whole answer.

    The text of the paper's page leaves out the 1; the scores it publishes have it.
    """
    return 100 * accuracy - 10 * math.log10(1 + tokens / 10_000)

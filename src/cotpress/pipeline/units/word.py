"""All tokens of a word, at the mean of their scores, as LLMLingua-2 has it.

The mean, for a long word has many chances at a high score and would win by its length.
"""

import re

from cotpress.pipeline.units import Unit, mean

WORD = re.compile(r"\S+")


def load(target: str = "") -> Unit:
    """What stands between blanks is kept together."""
    return Unit(spans=lambda text: (match.span() for match in WORD.finditer(text)), pool=mean)

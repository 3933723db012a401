"""A token, but those of one number, LaTeX command or character together, at the highest of their
scores.

Many tokenizers make each digit a token: cut one by one, "12 x 2 = 24" becomes "2 x 4". One digit
that matters is enough.
"""

from cotpress.pipeline.units import Unit
from cotpress.segments import WHOLE


def load(target: str = "") -> Unit:
    """Numbers and LaTeX commands are kept together."""
    return Unit(spans=lambda text: (match.span() for match in WHOLE.finditer(text)), pool=max)

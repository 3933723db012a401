"""A bundled model that thinks too long: 0.96 M parameters, trained on the task `overthink`.

It doubts its sums, goes back, and checks everything again once the answer is known, between think
tags, and is right all the same: what methods that shorten reasoning are made for, small enough for
a laptop. Made by recipes/overthink.sh. It knows only that task, whose grammar labels every
part of its reasoning.
"""

from cotpress.models import _bundled, hf


def load(target: str = "") -> hf.HFModel:
    """The bundled model; it takes no target."""
    return _bundled.load("overthink", target)

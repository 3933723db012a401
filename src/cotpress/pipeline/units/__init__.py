"""What a cut keeps or drops whole: one file per unit, each with `load() -> Unit`.

A whole unit::

    def load(target: str = "") -> Unit:
        return Unit(lambda text: (match.span() for match in re.finditer(r"[^.]+", text)), max)

Scores are per token of the target model, so one file of scores serves every unit. A segment takes
the tokens that begin in it, and what `pool` makes of their scores: where one token says that a
segment matters, as the digit of a number does, the highest; where many small ones share the say, as
in a word or a sentence, the mean.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, cast

from cotpress import plugins


class Unit(NamedTuple):
    """How tokens are put together into segments."""

    spans: Callable[[str], Iterable[tuple[int, int]]]
    """Text -> (start, end) in characters of each span that no cut may
    divide; what lies outside is cut token by token.
    """
    pool: Callable[[Sequence[float]], float]
    """The scores of a segment's tokens -> that of the segment."""
    long: bool = False
    """Whether one may be a large part of a trace, as a sentence or a step may. Then the line breaks
    between two are kept for what stands beside them alone, mathematics is not protected unless that
    is asked for, and what a trace leaves of its budget goes to the next (`budgets.Left`).
    """


def load(name: str) -> Unit:
    """The unit of that name: a file of this folder, or a dotted name of the user's own."""
    return cast(Unit, plugins.load("pipeline/units", name, offers=("spans", "pool")))


def mean(values: Sequence[float]) -> float:
    """The plain mean, summed from the left."""
    return sum(values) / len(values)

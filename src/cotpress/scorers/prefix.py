"""Importance falls from the first token to the last: a cut at a ratio is the beginning of the
reasoning, so that a model is taught on truncated reasoning with its whole conclusion.

Truncation as training data, the first stage of ThinkDial (arXiv 2508.18773), which regenerates the
conclusion; here it is the trace's own (connective words are `compress --connect`). Not the
control `truncation` of `cotpress eval`, which truncates the untouched model's reasoning while it
answers, and is not a training method.
"""

from collections.abc import Iterable, Iterator

from cotpress.errors import CotpressError
from cotpress.records import Trace
from cotpress.scorers import Importance, Scorer
from cotpress.scorers.random import PIECE


def load(target: str = "") -> Scorer:
    """The one scorer of this kind; it takes no target."""
    if target:
        raise CotpressError("scorer prefix takes no target: write --scorer prefix.")
    return Prefix()


class Prefix:
    """Importance of a word or symbol = 1 - the share of the reasoning before it."""

    name = identity = "prefix"

    def score(self, traces: Iterable[Trace]) -> Iterator[Importance]:
        """One `Importance` per trace, in order."""
        for trace in traces:
            ends = [match.end() for match in PIECE.finditer(trace.reasoning)]
            yield Importance(ends, falling(ends), from_start=True)


def falling(ends: list[int], highest: float = 1.0) -> list[float]:
    """One value for each piece, from `highest` down by the share of the characters before it:
    above `highest - 1` to the end.
    """
    length = ends[-1] if ends else 1
    return [highest - start / length for start in [0, *ends[:-1]]]

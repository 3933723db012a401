"""What matters in a trace: one file per scorer, each with `load(target, **options) -> Scorer`.

A scorer says how important which characters of the reasoning are, in whatever pieces it thinks in; the `score` stage turns
that into segments of target-model tokens (pipeline/score.py). A whole scorer::

    class LongWords:
        name, unit = "long-words", "word"

        def score(self, traces):
            for trace in traces:
                ends = [match.end() for match in re.finditer(r"\\S+", trace.reasoning)]
                yield Importance(ends, [float(b - a) for a, b in zip([0, *ends], ends)])
"""

from collections.abc import Iterable, Iterator
from typing import Literal, NamedTuple, Protocol, cast

from cotpress import plugins
from cotpress.records import Percentile, Trace

Unit = Literal["number", "token", "word"]
"""What is kept or dropped whole: `token` one target token (the papers'); `number` (default) a token, but those of one number,
LaTeX command or multi-byte character together, at the highest of their scores; `word` all tokens of a word, at the mean."""


class Importance(NamedTuple):
    """How important each piece of a reasoning is; higher is kept longer."""

    ends: list[int]
    """End offset of each piece in characters of the reasoning, never falling."""
    values: list[float]
    percentile: Percentile | None = None
    """Only from a scorer that reproduces a released selection: the pieces are then the segments."""


class Scorer(Protocol):
    """Assigns importance to the reasoning of traces."""

    name: str
    """The spec it was loaded from; recorded with every score."""
    unit: Unit

    def score(self, traces: Iterable[Trace]) -> Iterator[Importance]:
        """One `Importance` per trace, in order; scores do not depend on which traces share a batch."""
        ...


def load(spec: str) -> Scorer:
    """The scorer that `spec` names: `NAME[:TARGET][,option=value…]`."""
    return cast(Scorer, plugins.load("scorers", spec))

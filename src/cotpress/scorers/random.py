"""Chance: every piece gets a value of its own from (seed, trace), the floor that a scorer has to beat.

Deleting at random is the control of CTS and TokenSkip (CTS specification, section 17, row 14). The value of a segment must
not depend on its length. The stage takes the highest value that a segment overlaps (the mean, for words), so a value per
character would favour long segments. Values are therefore given to what no segment reaches across: a word, number, LaTeX
command or run of punctuation with the white space before it, or all of a word for `unit=word`. The tokens of one word
share its value and are kept or dropped together.
"""

import random
import re
from collections.abc import Iterable, Iterator

from cotpress.errors import CotpressError
from cotpress.plugins import Spec
from cotpress.records import Trace
from cotpress.scorers import Importance, Scorer
from cotpress.segments import WHOLE, Unit

PIECE = re.compile(rf"\s*(?:{WHOLE.pattern}|[^\W\d_]+|[^\w\s\\]+|\w|\\)|\s+")
WORD = re.compile(r"\s*\S+|\s+")


def load(target: str = "", *, seed: int = 0, unit: Unit = "number") -> Scorer:
    """The scorer of one seed; it takes no target."""
    if target:
        raise CotpressError(f"scorer random takes no target: write random,seed={target}, or random.")
    chosen = {"seed": (seed, 0), "unit": (unit, "number")}
    name = str(Spec("random", "", {key: str(value) for key, (value, default) in chosen.items() if value != default}))
    return Random(name, seed=seed, unit=unit)


class Random:
    """Importance of a piece = a uniform draw from [0, 1)."""

    def __init__(self, name: str = "random", *, seed: int = 0, unit: Unit = "number") -> None:
        self.name = self.identity = name
        self.unit = unit
        self.seed = seed

    def score(self, traces: Iterable[Trace]) -> Iterator[Importance]:
        """One `Importance` per trace, in order; the draws depend on the seed and the trace's key alone."""
        for trace in traces:
            draw = random.Random(f"{self.seed}|{trace.key}").random
            pieces = WORD if self.unit == "word" else PIECE
            ends = [match.end() for match in pieces.finditer(trace.reasoning)]
            yield Importance(ends, [draw() for _ in ends])

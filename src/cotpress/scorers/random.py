"""Chance: every piece gets a value of its own from (seed, trace), the floor that a scorer has to
beat.

Deleting at random is the control of CTS and TokenSkip (CTS specification, section 17, row 14). The
value of a segment must not depend on its length. A token takes the highest value that it overlaps,
so a value per character would favour long ones. Values are therefore given to what no token or
number reaches across: a word, number, LaTeX command or run of punctuation with the white space
before it. The tokens of one word share its value and are kept or dropped together. In larger units
the mean of several draws is compared: a word that is several pieces is then rarely the first to go,
and rarely the last.
"""

import random
import re
from collections.abc import Iterable, Iterator

from cotpress.errors import CotpressError
from cotpress.plugins import Spec
from cotpress.records import Trace
from cotpress.scorers import Importance, Scorer
from cotpress.segments import WHOLE

PIECE = re.compile(rf"\s*(?:{WHOLE.pattern}|[^\W\d_]+|[^\w\s\\]+|\w|\\)|\s+")


def load(target: str = "", *, seed: int = 0) -> Scorer:
    """The scorer of one seed; it takes no target."""
    if target:
        raise CotpressError(
            f"scorer random takes no target: write random,seed={target}, or random."
        )
    return Random(str(Spec("random", "", {"seed": str(seed)} if seed else {})), seed=seed)


class Random:
    """Importance of a piece = a uniform draw from [0, 1)."""

    def __init__(self, name: str = "random", *, seed: int = 0) -> None:
        self.name = self.identity = name
        self.seed = seed

    def score(self, traces: Iterable[Trace]) -> Iterator[Importance]:
        """One `Importance` per trace, in order; the draws
        depend on the seed and the trace's key alone.
        """
        for trace in traces:
            draw = random.Random(f"{self.seed}|{trace.key}").random
            ends = [match.end() for match in PIECE.finditer(trace.reasoning)]
            yield Importance(ends, [draw() for _ in ends])

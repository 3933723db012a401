"""Importance is above 0 up to the first statement of the right answer, and not behind it: what is
kept is the reasoning up to its earliest right node (STOP, arXiv 2605.13165).

The node is the end of the first sentence (steps.py) in which the grader reads the reference answer,
as it reads a completion: in a box, announced, or as the last number. What the question says already
must be announced or be the result of an equation, for else the first fact that is repeated would
count. A sentence that finds the same number for something else counts, so that a trace may be cut
too early; no model is asked what it means. Computer algebra is not used: an answer that it alone
could tell is passed over. Where no sentence states the answer, the conclusion is the first that
does, and all of the reasoning is kept; `compress --above 0` counts those.

Within both parts importance falls, as with `prefix`: `compress --ratios` cuts prefixes.
"""

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator

from cotpress import grading
from cotpress.answers import ANNOUNCED, BOX
from cotpress.errors import CotpressError
from cotpress.plugins import Spec
from cotpress.records import Grade, Trace
from cotpress.scorers import Importance, Scorer
from cotpress.scorers.prefix import falling
from cotpress.scorers.random import PIECE
from cotpress.steps import sentences

RESULT = re.compile("[=≈]")
"""What stands before a result."""


def load(target: str = "", *, grader: str = "math") -> Scorer:
    """The scorer with the grader of that name; it takes no target."""
    if target:
        raise CotpressError(
            "scorer earliest takes no target: write earliest, or earliest,grader=choice."
        )
    name = str(Spec("earliest", "", {"grader": grader} if grader != "math" else {}))
    return Earliest(name, grading.load(grader))


class Earliest:
    """Importance of a word or symbol = 1 - the share of the reasoning before it, less 1 behind the
    node.
    """

    def __init__(self, name: str, grader: grading.Grader) -> None:
        self.name = self.identity = name
        self.grader = grader

    def score(self, traces: Iterable[Trace]) -> Iterator[Importance]:
        """One `Importance` per trace, in order."""
        for trace in traces:
            ends = [match.end() for match in PIECE.finditer(trace.reasoning)]
            node = self.node(trace)
            ends = sorted({*ends, node} - {0})
            values = falling(ends)
            last = bisect_right(ends, node)  # how many end within the node
            values[last:] = [value - 1.0 for value in values[last:]]
            yield Importance(ends, values, from_start=True)

    def node(self, trace: Trace) -> int:
        """Where the first sentence ends that states the answer; the length of the reasoning where
        none does.
        """
        answer = re.escape(trace.problem.answer)
        told = re.search(rf"(?<![\w.]){answer}(?!\w)", trace.problem.question)
        for start, end in sentences(trace.reasoning):
            said = trace.reasoning[start:end]
            if told and not (RESULT.search(said) or ANNOUNCED.search(said) or BOX.search(said)):
                continue
            found = self.grader.quick(said, trace.problem.answer)
            if isinstance(found, Grade) and found.correct:
                return end
        return len(trace.reasoning)

"""`Trace -> CompressedTrace` without a cut: a trace that is taught as it is, such as a chosen
sample (select.py).
"""

from collections.abc import Iterable, Iterator

from cotpress.methods import ALL_RIGHT, ORIGINAL
from cotpress.records import NOTHING, CompressedTrace, Cut, Trace


def whole(traces: Iterable[Trace]) -> Iterator[CompressedTrace]:
    """Traces as they are, in place of cuts: one each, which answers to nothing that was asked. One
    that was not chosen is called after what `build` takes of it, all that is right.
    """
    for one in traces:
        cut = Cut(asked=NOTHING, reasoning=one.reasoning, kept=1.0, n_tokens=one.n_tokens)
        method = ALL_RIGHT if one.method == ORIGINAL else one.method
        yield CompressedTrace(trace=one, method=method, scorer="", cuts=[cut])

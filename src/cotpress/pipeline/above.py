"""Each trace at a ratio of its own: what scored above a threshold is kept, the rest is not.

For scores that say what is needed, as `earliest` does, rather than what is needed more. Nothing is
asked for in the prompt: the model learns how much to write from the examples.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from cotpress.errors import CotpressError
from cotpress.pipeline.compress import cut
from cotpress.pipeline.order import grouped
from cotpress.pipeline.segmenting import USUAL, Rules, Segments, segmented
from cotpress.records import CompressedTrace, Cut, ScoredTrace


def above(
    scored: Iterable[ScoredTrace], least: float, *, rules: Rules = USUAL, method: str = "earliest"
) -> Iterator[CompressedTrace]:
    """Cut every trace to the segments whose importance is above `least`, with what they need.

    There is no budget, so nothing is dropped last: `rules.protect` is `none`, or `strict`.
    """
    for trace in scored:
        parts = segmented(trace, rules)
        if parts.percentile:
            raise CotpressError(
                f"the scores of {trace.scorer} carry a released selection, which has a threshold "
                "of its own: compress with --ratios."
            )
        yield CompressedTrace(
            trace=trace.trace,
            method=method,
            scorer=trace.scorer,
            cuts=[kept_above(parts, least)],
            unit=rules.unit,
            protect=rules.protect,
            protect_regex=rules.protect_regex,
        )


def kept_above(parts: Segments, least: float) -> Cut:
    """One cut, which answers to nothing that was asked."""
    members, rank, _ = grouped(replace(parts, protected=[False] * len(parts.ends)))
    kept: list[int] = []
    for own, of in members.items():
        held, _, importance = rank[own]
        if held or importance > least:
            kept += of
    return cut(parts, sorted(kept), None)

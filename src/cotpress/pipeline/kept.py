"""What became of each ratio: how many traces were cut at it, and how much they kept on average."""

from collections.abc import Iterable, Iterator

import msgspec

from cotpress.records import CompressedTrace


class RatioSummary(msgspec.Struct):
    """What became of one ratio; stands in the meta file."""

    ratio: float
    n: int = 0
    kept: float = 0.0
    """Mean fraction of the reasoning's target-model tokens that was kept."""
    n_over_budget: int = 0
    """Traces whose protected tokens alone exceed the budget."""


def summarised(
    compressed: Iterable[CompressedTrace], summaries: list[RatioSummary]
) -> Iterator[CompressedTrace]:
    """Pass traces on and keep one summary per ratio up to date;
    ratios that come up later are added in order.
    """
    for one in compressed:
        for cut in one.cuts:
            summary = next((known for known in summaries if known.ratio == cut.ratio), None)
            if summary is None:
                summary = RatioSummary(cut.ratio)
                summaries.append(summary)
                summaries.sort(key=lambda known: known.ratio)
            summary.n += 1
            summary.kept += (cut.kept - summary.kept) / summary.n
        yield one

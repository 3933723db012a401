"""Other ways to spend the same budget, each a small change to what `compress` is handed. Pure; no
model.

By default every trace keeps `round(ratio * total)` of its tokens, the most important ones wherever
they stand (compress.py). CTS specification, section 17, row 6, lists what else one may want:

- `even`: the same share in every window of `WINDOW` tokens, so that no region is hollowed out. A
  segment's importance becomes its place within its window;
- `whole_data` (whole_data.py): one threshold for the whole data set, so that padded traces are cut
  more and dense ones less. Scores must mean the same in every trace, as log-likelihoods do;
- `without_long_gaps`: no more than so many tokens dropped in a row. What has to stay for that is
  protected.

Each leaves `compress` its promises: cuts are nested, budgets exact, protected segments first.
"""

from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate
from typing import NamedTuple

from cotpress.errors import CotpressError
from cotpress.pipeline.order import keeping_order
from cotpress.pipeline.segmenting import Segments
from cotpress.records import Budget

WINDOW = 64
"""Target-model tokens of a window: a step or two of a reasoning."""


class Spending(NamedTuple):
    """How a ratio is spent, as a cut records it."""

    budget: Budget = "trace"
    longest_run: int | None = None


PLAIN = Spending()
"""Each trace spends its ratio wherever it is worth most."""


def prepared(parts: Segments, budget: Budget = "trace", longest_run: int | None = None) -> Segments:
    """The trace as `compress` cuts it under these choices; for
    `dataset` it also needs what `whole_data` allows.
    """
    kept = parts if longest_run is None else without_long_gaps(parts, longest_run)
    return even(kept) if budget == "window" else kept


def even(parts: Segments) -> Segments:
    """The same trace with each segment's importance relative to its
    window: the share of the window kept along with it.
    """
    refuse_released(parts)
    ends = list(accumulate(parts.n_tokens))
    windows: dict[int, list[int]] = {}
    for i in keeping_order(parts).segments:
        windows.setdefault((ends[i] - parts.n_tokens[i]) // WINDOW, []).append(i)
    importance = [0.0] * len(ends)
    for members in windows.values():
        total = max(1, sum(parts.n_tokens[i] for i in members))
        for i, kept in zip(members, accumulate(parts.n_tokens[i] for i in members), strict=True):
            importance[i] = -kept / total
    return replace(parts, importance=importance)


def without_long_gaps(parts: Segments, longest: int) -> Segments:
    """The same trace with as many more segments protected as keep any cut from dropping over
    `longest` tokens in a row.

    Segments are given up one by one, the least important first; one that would make a gap too long
    stays for good.
    """
    if longest < 1:
        raise CotpressError(
            f"a longest run of {longest} dropped tokens would drop nothing: choose 1 or more."
        )
    refuse_released(parts)
    ends = [0, *accumulate(parts.n_tokens)]
    begins: dict[int, int] = {}  # where a gap begins, by the boundary it ends at
    stops: dict[int, int] = {}  # and the other way round
    held = list(parts.held or [False] * len(parts.ends))
    for i in reversed(keeping_order(parts).segments):
        if held[i]:
            continue
        begin, stop = begins.get(i, i), stops.get(i + 1, i + 1)
        if ends[stop] - ends[begin] > longest:
            held[i] = True
        else:
            begins[stop], stops[begin] = begin, stop
    return replace(parts, held=held)


class Left:
    """What traces left of their budgets, at each ratio, carried to the next.

    Where a sentence or a step is a tenth of a trace, the budget of each trace alone would fall
    short of the ratio by half of one on average. So a trace may keep what those before it did not,
    as a fraction of its own tokens: then the mean of what is kept differs from the ratio by less
    than one trace in as many as there are. A smaller ratio is never allowed more than a larger
    one, so that cuts stay nested.
    """

    def __init__(self, ratios: Sequence[float]) -> None:
        self._left = dict.fromkeys(ratios, 0.0)

    def rooms(self, total: int) -> dict[float, int]:
        """For each ratio how many of its `total` target-model tokens the next trace may keep."""
        most = 0
        found = {}
        for ratio in sorted(self._left):
            most = max(most, round((ratio + self._left[ratio]) * total))
            found[ratio] = most
        return found

    def spend(self, ratio: float, kept: float) -> None:
        """Carry what the trace left that kept this fraction."""
        self._left[ratio] += ratio - kept


def refuse_released(parts: Segments) -> None:
    """`CotpressError` where the trace carries a released selection."""
    if parts.percentile is not None:
        raise CotpressError(
            "these scores carry a released selection, which leaves no choice of budget: "
            "leave out --budget and --longest-run, or score without it."
        )

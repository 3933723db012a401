"""Other ways to spend the same budget, each a small change to what `compress` is handed. Pure; no
model.

By default every trace keeps `round(ratio * total)` of its tokens, the most important ones wherever
they stand (compress.py). CTS specification, section 17, row 6, lists what else one may want:

- `even`: the same share in every window of `WINDOW` tokens, so that no region is hollowed out. A
  segment's importance becomes its place within its window;
- `whole_data`: one threshold for the whole data set, so that padded traces are cut more and dense
  ones less. Scores must mean the same in every trace, as log-likelihoods do;
- `without_long_gaps`: no more than so many tokens dropped in a row. What has to stay for that is
  protected.

Each leaves `compress` its promises: cuts are nested, budgets exact, protected segments first.
"""

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import accumulate, compress
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

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
    _refuse_released(parts)
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
    _refuse_released(parts)
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


def whole_data(traces: Iterable[Segments], ratios: Sequence[float]) -> list[list[int]]:
    """For each trace, how many target-model tokens it keeps at each ratio when all traces share one
    threshold.

    Together they keep `round(ratio * total)`, short of it by less than the next segment. Where what
    is held in all traces exceeds that, no trace is allowed anything, so that `compress` keeps it,
    and counts it.
    """
    values, sizes, held = array("d"), array("q"), array("q")
    tokens, protected = array("i"), bytearray()
    for trace in traces:
        _refuse_released(trace)
        free = [not one for one in trace.held or [False] * len(trace.ends)]
        ours = list(compress(trace.n_tokens, free))
        values.extend(compress(trace.importance, free))
        tokens.extend(ours)
        protected.extend(compress(trace.protected, free))
        sizes.append(len(ours))
        held.append(sum(trace.n_tokens) - sum(ours))
    if not held:
        return []
    n_tokens, n_held = np.frombuffer(tokens, np.int32), np.frombuffer(held, np.int64)
    ranked = _ranked(np.frombuffer(values))
    first = np.frombuffer(protected, bool)
    total, columns = int(n_tokens.sum()) + int(n_held.sum()), []
    for ratio in ratios:
        left = round(ratio * total) - int(n_held.sum())
        kept = _highest(ranked, n_tokens, [first, ~first], max(0, left))
        own = n_held + _sums(n_tokens * kept, np.frombuffer(sizes, np.int64))
        columns.append(own.tolist() if left >= 0 else [0] * len(held))
    return [list(row) for row in zip(*columns, strict=True)]


def _ranked(values: NDArray[np.float64]) -> NDArray[np.int64]:
    """Whole numbers in the order of these floats, in their place."""
    values += 0.0  # -0.0 is 0.0
    bits = values.view(np.int64)
    bits ^= (bits >> 63) & np.int64(2**63 - 1)
    return bits


def _highest(
    ranked: NDArray[np.int64],
    n_tokens: NDArray[np.int32],
    kinds: Sequence[NDArray[np.bool_]],
    left: int,
) -> NDArray[np.bool_]:
    """The segments that are kept where `left` tokens are: kind by kind, the highest first, ties by
    position. By bisection, for an order of all would take more memory than they do.
    """

    def spent(some: NDArray[np.bool_]) -> int:
        return int(n_tokens.sum(where=some, dtype=np.int64))

    kept = np.zeros(len(ranked), bool)
    for kind in kinds:
        if (n := spent(kind)) <= left:
            kept |= kind
            left -= n
            continue
        low, high = -(2**63), 2**63 - 1
        while low < high:  # the lowest rank above which all fit
            middle = (low + high) // 2
            low, high = (
                (low, middle) if spent(kind & (ranked > middle)) <= left else (middle + 1, high)
            )
        above = kind & (ranked > low)
        ties = np.flatnonzero(kind & (ranked == low))
        fit = ties[np.cumsum(n_tokens[ties]) <= left - spent(above)]
        kept |= above
        kept[fit] = True
        break
    return kept


def _sums(values: NDArray[np.int32], sizes: NDArray[np.int64]) -> NDArray[np.int64]:
    """The sum of each trace's values, which stand one after the other."""
    found, some = np.zeros(len(sizes), np.int64), sizes > 0
    if some.any():
        begins = np.cumsum(sizes) - sizes
        found[some] = np.add.reduceat(values, begins[some], dtype=np.int64)
    return found


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


def _refuse_released(parts: Segments) -> None:
    if parts.percentile is not None:
        raise CotpressError(
            "these scores carry a released selection, which leaves no choice of budget: "
            "leave out --budget and --longest-run, or score without it."
        )

"""One threshold for a whole data set: how many tokens each trace keeps when all of them share a
budget (CTS specification, section 17, row 6). Pure; no model.
"""

from array import array
from collections.abc import Iterable, Sequence
from itertools import compress

import numpy as np
from numpy.typing import NDArray

from cotpress.pipeline.budgets import refuse_released
from cotpress.pipeline.segmenting import Segments


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
        refuse_released(trace)
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

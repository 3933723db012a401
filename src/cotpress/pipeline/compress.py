"""`ScoredTrace -> CompressedTrace`: keep the most important segments within an exact token budget. Pure; no model.

TokenSkip (specification section 2.8) keeps the tokens above a quantile of the scores. We keep segments in order of
importance while they fit in `round(ratio * total)` target-model tokens and stop at the first that does not: the budget is
never exceeded, a smaller ratio keeps a subset of what a larger one keeps, and with single-token segments it is met
exactly. Protected segments come first; where they alone exceed the budget they are all kept, and counted. Ties go to the
earlier segment.

Other budgets, such as one for the whole data set, are in budgets.py.

A trace that carries a `Percentile` (from `llmlingua2:…,compat=released`) is cut by LLMLingua-2's released rule instead
(section 3.2, step 6 and quirk Q2).
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate

import numpy as np

from cotpress.records import CompressedTrace, ScoredTrace, check_ratio

OVER_BUDGET = "protected tokens alone exceed the budget"


def compress(
    scored: Iterable[ScoredTrace],
    ratios: Sequence[float],
    *,
    method: str = "tokenskip",
    allowed: Iterable[Sequence[int]] | None = None,
    counts: Counter[str] | None = None,
) -> Iterator[CompressedTrace]:
    """Cut every trace at every ratio. `counts` gets how often the protected tokens exceeded the budget.

    `allowed` is how many target-model tokens each trace may keep at each ratio (budgets.py); None: `budget`.
    """
    ratios = [check_ratio(ratio) for ratio in ratios]
    rooms = None if allowed is None else iter(allowed)
    for trace in scored:
        order = [] if trace.percentile else keeping_order(trace)
        own = [budget(trace, ratio) for ratio in ratios] if rooms is None else next(rooms)
        for ratio, room in zip(ratios, own, strict=True):
            kept = above_percentile(trace, ratio) if trace.percentile else within_budget(trace, order, ratio, room)
            cut = cut_trace(trace, kept, ratio, method)
            if counts is not None and not trace.percentile and cut.n_tokens > room:
                counts[f"{OVER_BUDGET} at {ratio:g}"] += 1
            yield cut


def budget(scored: ScoredTrace, ratio: float) -> int:
    """How many target-model tokens `ratio` allows: `round(ratio * total)`."""
    return round(ratio * sum(scored.n_tokens))


def keeping_order(scored: ScoredTrace) -> list[int]:
    """Segment indices in the order they are kept: protected first, then by falling importance, ties by position."""
    best = sorted(range(len(scored.ends)), key=scored.importance.__getitem__, reverse=True)  # keeps the order of ties
    return sorted(best, key=[not held for held in scored.protected].__getitem__)


def within_budget(scored: ScoredTrace, order: Sequence[int], ratio: float, allowed: int | None = None) -> list[int]:
    """The first segments of `order` that fit together in the budget (all protected ones in any case), by position."""
    if ratio == 1.0:
        return list(range(len(order)))
    allowed = budget(scored, ratio) if allowed is None else allowed
    n_tokens, protected = scored.n_tokens, scored.protected
    used = accumulate(n_tokens[i] for i in order)
    fits = next(
        (n for n, (i, total) in enumerate(zip(order, used, strict=True)) if total > allowed and not protected[i]), len(order)
    )
    return sorted(order[:fits])


def above_percentile(scored: ScoredTrace, ratio: float) -> list[int]:
    """LLMLingua-2's released rule: per chunk, scores strictly above the percentile `int(100 * (1 - ratio) + 1)`."""
    rule = scored.percentile
    assert rule is not None, "only a trace that carries its Percentile is cut by it"
    if ratio == 1.0:
        return list(range(len(scored.ends)))
    importance = np.asarray(scored.importance, dtype=np.float32)  # as the release: a threshold between two scores rounds
    kept: list[int] = []
    for start, end in zip([0, *rule.chunk_ends], rule.chunk_ends, strict=False):
        spread = np.repeat(importance[start:end], rule.weights[start:end])
        if not spread.size:
            continue
        threshold = np.percentile(spread, int(100 * (1 - ratio) + 1))
        part = importance[start:end]
        keep = (part > threshold) | ((threshold == 1.0) & (part == threshold))
        kept += (start + np.flatnonzero(keep)).tolist()
    return kept


def cut_trace(scored: ScoredTrace, kept: Sequence[int], ratio: float, method: str) -> CompressedTrace:
    """The trace with only the segments at the indices `kept`, which must rise."""
    text, ends, n_tokens = scored.trace.reasoning, scored.ends, scored.n_tokens
    n_kept = sum([n_tokens[i] for i in kept])
    return CompressedTrace(
        trace=scored.trace,
        method=method,
        scorer=scored.scorer,
        ratio=ratio,
        reasoning="".join([text[ends[i - 1] if i else 0 : ends[i]] for i in kept]),
        kept=n_kept / max(1, sum(n_tokens)),
        n_tokens=n_kept,
        unit=scored.unit,
        protect=scored.protect,
    )

"""`ScoredTrace -> CompressedTrace`: keep the most important segments within an exact token budget.
Pure; no model.

TokenSkip (specification section 2.8) keeps the tokens above a quantile of the scores. We keep
segments in order of importance (order.py) while they fit in `round(ratio * total)` target-model
tokens: the budget is never exceeded, and a smaller ratio keeps a subset of what a larger one keeps.
What is too large for a tenth of all tokens is passed over until it fits; with single-token segments
the budget is met exactly. Protected segments come first: they are dropped only once all others are,
and never under `--protect strict`, which may exceed the budget and counts it. Ties go to the
earlier segment. No cut divides an atom (atoms/), and none glues two lines.

Other budgets are in budgets.py, that of a whole data set in whole_data.py. What needs numpy is
imported where it is used, so that the verb starts at once.

A trace that carries a `Percentile` (from `llmlingua2:…,compat=released`) is cut by LLMLingua-2's
released rule instead (percentile.py).
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate

from cotpress.pieces import Piece, joined
from cotpress.pipeline.budgets import Left, prepared
from cotpress.pipeline.order import Order, keeping_order
from cotpress.pipeline.segmenting import USUAL, Rules, Segments, is_long, segmented
from cotpress.prompts import check_ratio
from cotpress.records import Asked, Budget, CompressedTrace, Cut, ScoredTrace

OVER_BUDGET = "protected tokens alone exceed the budget"


def compress(
    scored: Iterable[ScoredTrace],
    ratios: Sequence[float],
    *,
    rules: Rules = USUAL,
    budget: Budget = "trace",
    longest_run: int | None = None,
    method: str = "tokenskip",
    allowed: Iterable[Sequence[int]] | None = None,
    noted: Counter[str] | None = None,
) -> Iterator[CompressedTrace]:
    """Cut every trace at every ratio.

    The most important segments are kept while they fit in `round(ratio * n)` of the reasoning's
    n target-model tokens. TokenSkip (arXiv 2502.12067) keeps those above a quantile instead.

    Args:
        scored: What `score` gives.
        ratios: Fractions of tokens to keep, above 0 and at most 1, with at most two decimals.
        rules: In what units tokens are kept or dropped, and what is protected; default: units
            `number`, symbols protected.
        budget: What a ratio holds for: each `trace`, each `window` of it, or the whole
            `dataset`, which also needs `allowed`.
        longest_run: Tokens dropped in a row at most, at least 1; default: no limit.
        method: The name that is recorded with the cuts.
        allowed: For each trace, in order, the target-model tokens it may keep at each ratio;
            default: its own share. `pipeline.compress.shared_rooms` makes it for `dataset`.
        noted: Gets the number of cuts that protected tokens alone take over their budget, by
            ratio.

    Yields:
        One `CompressedTrace` per trace, with one `Cut` per ratio in the order of `ratios`.

    Raises:
        CotpressError: A ratio, unit, `longest_run` or regular expression is not valid, or the
            scores carry a released selection that leaves no choice of budget.
    """
    ratios = [check_ratio(ratio) for ratio in ratios]
    rooms = None if allowed is None else iter(allowed)
    left = Left(ratios) if rooms is None and is_long(rules) else None
    for trace in scored:
        parts = prepared(segmented(trace, rules), budget, longest_run)
        if left and not parts.percentile:
            spare = left.rooms(sum(parts.n_tokens))
            cuts = cuts_of(parts, ratios, [spare[ratio] for ratio in ratios], noted)
            for ratio, kept in {one.ratio: one.kept for one in cuts}.items():
                left.spend(ratio, kept)
        else:
            cuts = cuts_of(parts, ratios, None if rooms is None else next(rooms), noted)
        own = Rules("", "none") if parts.percentile else rules
        yield CompressedTrace(
            trace=trace.trace,
            method=method,
            scorer=trace.scorer,
            budget=budget,
            longest_run=longest_run,
            cuts=cuts,
            unit=own.unit,
            protect=own.protect,
            protect_regex=own.protect_regex,
        )


def cut_pieces(scored: ScoredTrace, ratio: float, rules: Rules = USUAL) -> tuple[Cut, list[Piece]]:
    """One trace at one ratio, and which parts of its reasoning that keeps and drops."""
    parts = prepared(segmented(scored, rules), "trace", None)
    order = None if parts.percentile else keeping_order(parts)
    kept = selected(parts, order, check_ratio(ratio))
    chosen = set(kept)
    pieces = [Piece(text, place in chosen) for place, text in enumerate(parts.texts)]
    return cut(parts, kept, ratio), joined(pieces)


def shared_rooms(
    scored: Iterable[ScoredTrace],
    ratios: Sequence[float],
    rules: Rules = USUAL,
    longest_run: int | None = None,
) -> list[list[int]]:
    """For each trace, how many tokens it keeps at each ratio
    when one threshold decides for all of them.
    """
    from cotpress.pipeline.whole_data import whole_data

    return whole_data(
        (prepared(segmented(one, rules), "dataset", longest_run) for one in scored), ratios
    )


def cuts_of(
    parts: Segments,
    ratios: Sequence[float],
    allowed: Sequence[int] | None = None,
    noted: Counter[str] | None = None,
) -> list[Cut]:
    """One reasoning at each ratio."""
    order = None if parts.percentile else keeping_order(parts)
    allowed = [room(parts, ratio) for ratio in ratios] if allowed is None else allowed
    cuts = []
    for ratio, most in zip(ratios, allowed, strict=True):
        cuts.append(cut(parts, selected(parts, order, ratio, most), ratio))
        if noted is not None and not parts.percentile and cuts[-1].n_tokens > most:
            noted[f"{OVER_BUDGET} at {ratio:g}"] += 1
    return cuts


def room(parts: Segments, ratio: float) -> int:
    """How many target-model tokens `ratio` allows: `round(ratio * total)`."""
    return round(ratio * sum(parts.n_tokens))


def selected(
    parts: Segments, order: Order | None, ratio: float, allowed: int | None = None
) -> list[int]:
    """Which segments a cut at `ratio` keeps, by position: what a
    released rule says, else what fits in the budget.
    """
    if order is None:
        from cotpress.pipeline.percentile import above_percentile

        return above_percentile(parts, ratio)
    return within_budget(parts, order, ratio, allowed)


def within_budget(
    parts: Segments, order: Order, ratio: float, allowed: int | None = None
) -> list[int]:
    """The first segments of `order` that fit together in the budget (all that are held in any
    case), by position.
    """
    if ratio == 1.0:
        return list(range(len(parts.ends)))
    allowed = room(parts, ratio) if allowed is None else allowed
    used = [0, *accumulate(parts.n_tokens[i] for i in order.segments)]
    fits = bisect_right(order.ends, allowed, key=used.__getitem__) - 1
    return sorted(order.segments[: max(order.ends[fits], order.n_held)])


def cut(parts: Segments, kept: Sequence[int], ratio: float | None) -> Cut:
    """The reasoning with only the segments at the indices `kept`, which must rise; `ratio` is what
    was asked for, None: nothing.
    """
    text, ends, n_tokens = parts.text, parts.ends, parts.n_tokens
    n_kept = sum([n_tokens[i] for i in kept])
    return Cut(
        asked=Asked(ratio=ratio),
        reasoning="".join([text[ends[i - 1] if i else 0 : ends[i]] for i in kept]),
        kept=n_kept / max(1, sum(n_tokens)),
        n_tokens=n_kept,
    )

"""What a cut keeps: exact budgets, order, nesting, protection; and LLMLingua-2's released rule where a trace carries it."""

import random
from collections import Counter
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cotpress.errors import CotpressError
from cotpress.pipeline.compress import OVER_BUDGET, above_percentile, budget, compress, keeping_order, within_budget
from cotpress.records import CompressedTrace, Percentile, Problem, ScoredTrace, Trace

RATIOS = [n / 100 for n in range(1, 101)]


def scored_trace(
    segments: Sequence[str],
    importance: Sequence[float],
    n_tokens: Sequence[int] | None = None,
    protected: Sequence[bool] | None = None,
    percentile: Percentile | None = None,
) -> ScoredTrace:
    n_tokens = [1] * len(segments) if n_tokens is None else n_tokens
    trace = Trace(
        problem=Problem(id="p", question="q", answer="a", task="t"),
        model="m",
        reasoning="".join(segments),
        conclusion="The answer is 18.",
        closing="\n\n",
        n_tokens=sum(n_tokens),
        n_conclusion_tokens=5,
        finished=True,
    )
    ends = np.cumsum([len(segment) for segment in segments]).tolist()
    return ScoredTrace(
        trace=trace,
        scorer="s",
        ends=ends,
        importance=list(importance),
        n_tokens=list(n_tokens),
        protected=[False] * len(segments) if protected is None else list(protected),
        percentile=percentile,
    )


texts = st.sampled_from([" the", "\n", "\r\n", "10³", "\\frac", "{18}", "😀", "  ", "中", "=", "a", ""]) | st.text(max_size=3)
scores = st.sampled_from([0.0, 0.5, 1.0]) | st.floats(-100, 100)  # ties are common


@st.composite
def traces(draw: st.DrawFn, *, released: bool = False, single: bool = False) -> ScoredTrace:
    segments = draw(st.lists(texts, min_size=1, max_size=25))
    n = len(segments)
    if not released:
        counts = [1] * n if single else draw(st.lists(st.integers(0, 5), min_size=n, max_size=n))
        protected = [False] * n if single else draw(st.lists(st.booleans(), min_size=n, max_size=n))
        return scored_trace(segments, draw(st.lists(scores, min_size=n, max_size=n)), counts, protected)
    importance = draw(st.lists(st.floats(0, 1, width=32) | st.sampled_from([0.5, 1.0]), min_size=n, max_size=n))
    weights = draw(st.lists(st.integers(0, 4), min_size=n, max_size=n))
    chunk_ends = sorted(draw(st.lists(st.integers(0, n), max_size=3)))
    return scored_trace(segments, importance, percentile=Percentile(weights=weights, chunk_ends=[*chunk_ends, n]))


any_trace = traces() | traces(released=True)
ratios = st.sampled_from(RATIOS)


def kept(scored: ScoredTrace, ratio: float) -> list[int]:
    return above_percentile(scored, ratio) if scored.percentile else within_budget(scored, keeping_order(scored), ratio)


def cut(scored: ScoredTrace, ratio: float) -> CompressedTrace:
    (compressed,) = compress([scored], [ratio])
    return compressed


def tokens(scored: ScoredTrace, indices: Sequence[int]) -> int:
    return sum(scored.n_tokens[i] for i in indices)


def naive(scored: ScoredTrace, ratio: float) -> list[int]:
    """Take protected segments, then the best of the rest one by one, until one does not fit."""
    if ratio == 1.0:
        return list(range(len(scored.ends)))
    chosen = {i for i, held in enumerate(scored.protected) if held}
    left = round(ratio * sum(scored.n_tokens)) - tokens(scored, sorted(chosen))
    while rest := [i for i in range(len(scored.ends)) if i not in chosen]:
        best = max(rest, key=lambda i: (scored.importance[i], -i))
        left -= scored.n_tokens[best]
        if left < 0:
            break
        chosen.add(best)
    return sorted(chosen)


@given(any_trace)
def test_slices_join_to_exactly_the_reasoning(scored: ScoredTrace) -> None:
    assert "".join(scored.segments) == scored.trace.reasoning


@given(any_trace, ratios)
def test_a_compressed_trace_is_a_subsequence_of_the_segments_in_order(scored: ScoredTrace, ratio: float) -> None:
    indices = kept(scored, ratio)
    assert indices == sorted(set(indices))
    assert cut(scored, ratio).reasoning == "".join(scored.segments[i] for i in indices)


@given(any_trace, ratios, ratios)
def test_a_smaller_ratio_keeps_a_subset(scored: ScoredTrace, one: float, other: float) -> None:
    assert set(kept(scored, min(one, other))) <= set(kept(scored, max(one, other)))


@given(any_trace)
def test_ratio_one_is_the_identity(scored: ScoredTrace) -> None:
    whole = cut(scored, 1.0)
    assert whole.reasoning == scored.trace.reasoning
    assert whole.n_tokens == sum(scored.n_tokens)


@given(traces(), ratios)
def test_the_budget_is_never_exceeded_unless_protected_tokens_alone_exceed_it(scored: ScoredTrace, ratio: float) -> None:
    held = [i for i, protected in enumerate(scored.protected) if protected]
    counts: Counter[str] = Counter()
    (compressed,) = compress([scored], [ratio], counts=counts)
    assert set(held) <= set(kept(scored, ratio))
    if tokens(scored, held) > budget(scored, ratio):
        assert kept(scored, ratio) == held
        assert counts == {f"{OVER_BUDGET} at {ratio:g}": 1}
    else:
        assert compressed.n_tokens <= round(ratio * sum(scored.n_tokens))
        assert not counts


@given(traces(), ratios)
def test_the_budget_is_missed_by_less_than_the_next_segment(scored: ScoredTrace, ratio: float) -> None:
    order, indices = keeping_order(scored), kept(scored, ratio)
    assert sorted(order[: len(indices)]) == indices
    if len(indices) < len(order):
        short = budget(scored, ratio) - tokens(scored, indices)
        assert short < scored.n_tokens[order[len(indices)]]


@given(traces(single=True), ratios)
def test_the_budget_is_met_exactly_where_segments_are_single_tokens(scored: ScoredTrace, ratio: float) -> None:
    assert cut(scored, ratio).n_tokens == round(ratio * len(scored.ends))


@given(traces(), ratios)
def test_the_cut_equals_a_naive_loop(scored: ScoredTrace, ratio: float) -> None:
    assert kept(scored, ratio) == naive(scored, ratio)


@given(any_trace, ratios)
def test_what_is_said_to_be_kept_is_kept(scored: ScoredTrace, ratio: float) -> None:
    compressed = cut(scored, ratio)
    assert compressed.n_tokens == tokens(scored, kept(scored, ratio))
    assert compressed.kept == compressed.n_tokens / max(1, sum(scored.n_tokens))
    assert (compressed.ratio, compressed.scorer, compressed.method, compressed.n_latent) == (ratio, "s", "tokenskip", 0)


@given(any_trace, ratios)
def test_the_conclusion_and_the_trace_are_never_touched(scored: ScoredTrace, ratio: float) -> None:
    compressed = cut(scored, ratio)
    assert compressed.trace == scored.trace
    assert compressed.trace.completion(compressed.reasoning) == compressed.reasoning + "\n\nThe answer is 18."


@given(st.lists(any_trace, max_size=4), st.lists(ratios, max_size=4), st.integers())
def test_every_trace_comes_at_every_ratio_in_order_and_alone_as_among_others(
    scored: list[ScoredTrace], asked: list[float], seed: int
) -> None:
    together = list(compress(iter(scored), asked))
    assert together == [cut(trace, ratio) for trace in scored for ratio in asked]
    shuffled = random.Random(seed).sample(asked, len(asked))
    assert set(map(repr, together)) == set(map(repr, compress(scored, shuffled)))


def test_ties_go_to_the_earlier_segment() -> None:
    scored = scored_trace("abcdef", [0.5, 0.9, 0.5, 0.5, 0.1, 0.5])
    assert [cut(scored, ratio).reasoning for ratio in (0.17, 0.33, 0.5, 0.67, 0.83)] == ["b", "ab", "abc", "abcd", "abcdf"]


def test_a_segment_that_does_not_fit_ends_the_cut_though_a_smaller_one_would() -> None:
    scored = scored_trace(["aa", "bbb", "c", "dddd"], [4, 3, 2, 1], [2, 3, 1, 4])
    assert cut(scored, 0.4).reasoning == "aa"  # a fill with "c" would not be nested in the cut at 0.5
    assert cut(scored, 0.5).reasoning == "aabbb"


def test_half_a_token_is_rounded_as_python_rounds() -> None:
    assert [budget(scored_trace("a" * n, [0.0] * n), 0.5) for n in (1, 3, 5, 7)] == [0, 2, 2, 4]


def test_protected_tokens_over_budget_are_kept_and_counted_per_ratio() -> None:
    scored = scored_trace("a1b2", [9, 1, 9, 1], protected=[False, True, False, True])
    counts: Counter[str] = Counter()
    cuts = list(compress([scored, scored], [0.25, 0.5, 0.75], counts=counts))
    assert [compressed.reasoning for compressed in cuts[:3]] == ["12", "12", "a12"]
    assert counts == {f"{OVER_BUDGET} at 0.25": 2}


@pytest.mark.parametrize("ratio", [0, 0.0, -0.5, 1.5, float("nan"), float("inf")])
def test_a_ratio_that_is_no_fraction_of_kept_tokens_is_refused(ratio: float) -> None:
    with pytest.raises(CotpressError, match="choose 0 < ratio <= 1"):
        next(compress([scored_trace("ab", [1, 2])], [0.5, ratio]))


def test_a_ratio_the_prompt_cannot_carry_is_refused() -> None:
    with pytest.raises(CotpressError, match="more than two decimals"):
        next(compress([], [0.123]))


@given(traces(released=True), ratios)
def test_the_released_rule_equals_the_packages_lines(scored: ScoredTrace, ratio: float) -> None:
    """`prompt_compressor.py`, `__compress`: repeat each word's score, take the percentile, keep what is above."""
    indices = []
    start = 0
    for end in scored.percentile.chunk_ends:
        word_probs = [np.float32(value) for value in scored.importance[start:end]]
        new_token_probs: list[np.float32] = []
        for word_prob, num_token in zip(word_probs, scored.percentile.weights[start:end], strict=True):
            new_token_probs.extend([word_prob for _ in range(num_token)])
        if new_token_probs:
            threshold = np.percentile(new_token_probs, int(100 * (1 - ratio) + 1))
            for i, word_prob in enumerate(word_probs, start):
                if word_prob > threshold or (threshold == 1.0 and word_prob == threshold):
                    indices.append(i)
        start = end
    assert kept(scored, ratio) == (indices if ratio < 1 else list(range(len(scored.ends))))


def test_a_released_cut_is_never_counted_as_over_budget() -> None:
    rule = Percentile(weights=[1, 1], chunk_ends=[2])
    counts: Counter[str] = Counter()
    (compressed,) = compress([scored_trace("ab", [0.1, 0.9], [1, 9], percentile=rule)], [0.5], counts=counts)
    assert compressed.reasoning == "b"
    assert not counts

"""What a cut keeps: exact budgets, order, nesting, protection; and
LLMLingua-2's released rule where a trace carries it.
"""

import random
from collections import Counter
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from make import make_parts, make_scored

from cotpress.errors import CotpressError
from cotpress.pipeline.compress import OVER_BUDGET, compress, cuts_of, room, selected
from cotpress.pipeline.order import keeping_order
from cotpress.pipeline.segmenting import Rules, Segments
from cotpress.records import Cut, Percentile

RATIOS = [n / 100 for n in range(1, 101)]


texts = st.sampled_from(
    [" the", "\n", "\r\n", "10³", "\\frac", "{18}", "😀", "  ", "中", "=", "a", ""]
) | st.text(max_size=3)
scores = st.sampled_from([0.0, 0.5, 1.0]) | st.floats(-100, 100)  # ties are common


@st.composite
def traces(draw: st.DrawFn, *, released: bool = False, single: bool = False) -> Segments:
    segments = draw(st.lists(texts, min_size=1, max_size=25))
    n = len(segments)
    if not released:
        counts = [1] * n if single else draw(st.lists(st.integers(0, 5), min_size=n, max_size=n))
        protected, held = (draw(st.lists(st.booleans(), min_size=n, max_size=n)) for _ in range(2))
        values = draw(st.lists(scores, min_size=n, max_size=n))
        return make_parts(segments, values, counts, protected, held=held)
    importance = draw(
        st.lists(st.floats(0, 1, width=32) | st.sampled_from([0.5, 1.0]), min_size=n, max_size=n)
    )
    weights = draw(st.lists(st.integers(0, 4), min_size=n, max_size=n))
    chunk_ends = sorted(draw(st.lists(st.integers(0, n), max_size=3)))
    return make_parts(
        segments, importance, percentile=Percentile(weights=weights, chunk_ends=[*chunk_ends, n])
    )


any_trace = traces() | traces(released=True)
ratios = st.sampled_from(RATIOS)


def kept(parts: Segments, ratio: float) -> list[int]:
    return selected(parts, None if parts.percentile else keeping_order(parts), ratio)


def cut(parts: Segments, ratio: float) -> Cut:
    (short,) = cuts_of(parts, [ratio])
    return short


def tokens(scored: Segments, indices: Sequence[int]) -> int:
    return sum(scored.n_tokens[i] for i in indices)


def naive(scored: Segments, ratio: float) -> list[int]:
    """Take what is held, then the best of the protected, then of the rest, one by one, until one
    does not fit.
    """
    if ratio == 1.0:
        return list(range(len(scored.ends)))
    chosen = {i for i, held in enumerate(scored.held) if held}
    left = round(ratio * sum(scored.n_tokens)) - tokens(scored, sorted(chosen))
    while rest := [i for i in range(len(scored.ends)) if i not in chosen]:
        best = max(rest, key=lambda i: (scored.protected[i], scored.importance[i], -i))
        left -= scored.n_tokens[best]
        if left < 0:
            break
        chosen.add(best)
    return sorted(chosen)


@given(any_trace)
def test_slices_join_to_exactly_the_reasoning(scored: Segments) -> None:
    assert "".join(scored.texts) == scored.text


@given(any_trace, ratios)
def test_a_compressed_trace_is_a_subsequence_of_the_segments_in_order(
    scored: Segments, ratio: float
) -> None:
    indices = kept(scored, ratio)
    assert indices == sorted(set(indices))
    assert cut(scored, ratio).reasoning == "".join(scored.texts[i] for i in indices)


@given(any_trace, ratios, ratios)
def test_a_smaller_ratio_keeps_a_subset(scored: Segments, one: float, other: float) -> None:
    assert set(kept(scored, min(one, other))) <= set(kept(scored, max(one, other)))


@given(any_trace)
def test_ratio_one_is_the_identity(scored: Segments) -> None:
    whole = cut(scored, 1.0)
    assert whole.reasoning == scored.text
    assert whole.n_tokens == sum(scored.n_tokens)


@given(traces(), ratios)
def test_the_budget_is_never_exceeded_unless_what_is_held_alone_exceeds_it(
    scored: Segments, ratio: float
) -> None:
    held = [i for i, is_held in enumerate(scored.held) if is_held]
    counts: Counter[str] = Counter()
    (compressed,) = cuts_of(scored, [ratio], noted=counts)
    assert set(held) <= set(kept(scored, ratio))
    if tokens(scored, held) > room(scored, ratio):
        assert kept(scored, ratio) == held
        assert counts == {f"{OVER_BUDGET} at {ratio:g}": 1}
    else:
        assert compressed.n_tokens <= round(ratio * sum(scored.n_tokens))
        assert not counts


@given(traces(), ratios)
def test_the_budget_is_missed_by_less_than_the_next_segment(scored: Segments, ratio: float) -> None:
    order, indices = keeping_order(scored), kept(scored, ratio)
    assert sorted(order.segments[: len(indices)]) == indices
    if len(indices) < len(order.segments):
        short = room(scored, ratio) - tokens(scored, indices)
        assert short < scored.n_tokens[order.segments[len(indices)]]


@given(traces(single=True), ratios)
def test_the_budget_is_met_exactly_where_segments_are_single_tokens(
    scored: Segments, ratio: float
) -> None:
    n_held = sum(scored.held)
    assert cut(scored, ratio).n_tokens == max(n_held, round(ratio * len(scored.ends)))


@given(traces(single=True), ratios)
def test_the_cut_of_single_tokens_equals_a_naive_loop(scored: Segments, ratio: float) -> None:
    assert kept(scored, ratio) == naive(scored, ratio)


@given(any_trace, ratios)
def test_what_is_said_to_be_kept_is_kept(scored: Segments, ratio: float) -> None:
    compressed = cut(scored, ratio)
    assert compressed.n_tokens == tokens(scored, kept(scored, ratio))
    assert compressed.kept == compressed.n_tokens / max(1, sum(scored.n_tokens))
    assert (compressed.ratio, compressed.n_latent) == (ratio, 0)


LETTERS = st.text("ab 12+", min_size=1, max_size=12)


@given(st.lists(LETTERS, max_size=4), st.lists(ratios, max_size=4), st.integers())
def test_every_trace_comes_once_with_every_ratio_in_order_and_alone_as_among_others(
    texts: list[str], asked: list[float], seed: int
) -> None:
    chance = random.Random(seed)
    scored = [make_scored(text, [chance.random() for _ in text], closing="\n\n") for text in texts]
    together = list(compress(iter(scored), asked))
    assert [one.trace for one in together] == [one.trace for one in scored]  # never touched
    assert together == [next(compress([one], asked)) for one in scored]
    assert [[cut.ratio for cut in one.cuts] for one in together] == [asked] * len(scored)
    shuffled = chance.sample(asked, len(asked))
    for one, other in zip(together, compress(scored, shuffled), strict=True):
        assert {cut.ratio: cut for cut in one.cuts} == {cut.ratio: cut for cut in other.cuts}


def test_a_cut_says_by_which_rules_it_was_made() -> None:
    scored = make_scored("add 8 to 5", range(10))
    (usual,) = compress([scored], [0.5])
    assert (usual.method, usual.scorer, usual.unit, usual.protect, usual.protect_regex) == (
        *("tokenskip", "s"),
        *("number", "symbols", ""),
    )
    (other,) = compress(
        [scored],
        [0.5],
        rules=Rules("word", "none", "add"),
        budget="window",
        longest_run=9,
        method="cts",
    )
    assert (other.method, other.unit, other.protect, other.protect_regex) == (
        "cts",
        "word",
        "none",
        "add",
    )
    assert (other.budget, other.longest_run) == ("window", 9)
    rule = Percentile(weights=[1] * 10, chunk_ends=[10], n_tokens=[1] * 10)
    (released,) = compress([make_scored("add 8 to 5", range(10), percentile=rule)], [0.5])
    assert (released.unit, released.protect) == ("", "none")


def test_what_a_regular_expression_matches_is_protected_too() -> None:
    scored = make_scored("add 8 to 5", [9, 9, 9, 9, 1, 9, 1, 1, 9, 1])
    for protect, pattern, kept in (
        ("none", "", "add 8"),
        ("none", "to", "addto"),
        ("symbols", "to", " 8t 5"),
        ("none", "(?=t)|$", "add 8"),
    ):
        (short,) = compress([scored], [0.5], rules=Rules("token", protect, pattern))
        assert short.cuts[0].reasoning == kept
    with pytest.raises(
        CotpressError, match=r"--protect-regex '\(' is not a regular expression: missing \)"
    ):
        next(compress([scored], [0.5], rules=Rules("token", "none", "(")))


def test_ties_go_to_the_earlier_segment() -> None:
    scored = make_parts("abcdef", [0.5, 0.9, 0.5, 0.5, 0.1, 0.5])
    assert [cut(scored, ratio).reasoning for ratio in (0.17, 0.33, 0.5, 0.67, 0.83)] == [
        "b",
        "ab",
        "abc",
        "abcd",
        "abcdf",
    ]


def test_a_segment_that_does_not_fit_ends_the_cut_though_a_smaller_one_would() -> None:
    scored = make_parts(["aa", "bbb", "c", "dddd"], [4, 3, 2, 1], [2, 3, 1, 4])
    # a fill with "c" would not be nested in the cut at 0.5
    assert cut(scored, 0.4).reasoning == "aa"
    assert cut(scored, 0.5).reasoning == "aabbb"


def test_half_a_token_is_rounded_as_python_rounds() -> None:
    assert [room(make_parts("a" * n, [0.0] * n), 0.5) for n in (1, 3, 5, 7)] == [0, 2, 2, 4]


def test_protected_segments_are_dropped_last_and_the_least_important_first() -> None:
    scored = make_parts("a1b2c3", [9, 1, 8, 3, 7, 2], protected=[False, True] * 3)
    asked = (1 / 6, 2 / 6, 3 / 6, 4 / 6, 5 / 6)
    assert [cut(scored, ratio).reasoning for ratio in asked] == ["2", "23", "123", "a123", "a1b23"]


def test_a_segment_too_large_for_a_tenth_is_passed_over_and_delayed_by_nothing() -> None:
    large = make_parts(["A" * 5, *"bcdef"], [9, 5, 4, 3, 2, 1], [5, 1, 1, 1, 1, 1])
    found = [cut(large, n / 10).reasoning for n in range(1, 10)]
    assert found == ["", "", "", "", *("AAAAA" + "bcdef"[:n] for n in range(5))]
    # of 13 tokens 8 are left at 0.6: one other has room beside the 7
    larger = make_parts(["A" * 7, *"bcdefg"], [9, 6, 5, 4, 3, 2, 1], [7, *[1] * 6])
    found = [cut(larger, n / 10).reasoning for n in range(1, 10)]
    assert found == [*["b"] * 5, *("AAAAAAA" + "bcdef"[:n] for n in (1, 2, 3, 5))]


def test_what_is_held_over_budget_is_kept_and_counted_per_ratio() -> None:
    scored = make_parts("a1b2", [9, 1, 9, 1], held=[False, True, False, True])
    counts: Counter[str] = Counter()
    cuts = cuts_of(scored, [0.25, 0.5, 0.75], noted=counts)
    assert [compressed.reasoning for compressed in cuts] == ["12", "12", "a12"]
    cuts_of(scored, [0.25], noted=counts)
    assert counts == {f"{OVER_BUDGET} at 0.25": 2}


@pytest.mark.parametrize("ratio", [0, 0.0, -0.5, 1.5, float("nan"), float("inf")])
def test_a_ratio_that_is_no_fraction_of_kept_tokens_is_refused(ratio: float) -> None:
    with pytest.raises(CotpressError, match="choose 0 < ratio <= 1"):
        next(compress([make_scored("ab", [1, 2])], [0.5, ratio]))


def test_a_ratio_the_prompt_cannot_carry_is_refused() -> None:
    with pytest.raises(CotpressError, match="more than two decimals"):
        next(compress([], [0.123]))


@given(traces(released=True), ratios)
def test_the_released_rule_equals_the_packages_lines(scored: Segments, ratio: float) -> None:
    """`prompt_compressor.py`, `__compress`: repeat each word's
    score, take the percentile, keep what is above.
    """
    indices = []
    start = 0
    for end in scored.percentile.chunk_ends:
        word_probs = [np.float32(value) for value in scored.importance[start:end]]
        new_token_probs: list[np.float32] = []
        for word_prob, num_token in zip(
            word_probs, scored.percentile.weights[start:end], strict=True
        ):
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
    (compressed,) = cuts_of(
        make_parts("ab", [0.1, 0.9], [1, 9], percentile=rule), [0.5], noted=counts
    )
    assert compressed.reasoning == "b"
    assert not counts

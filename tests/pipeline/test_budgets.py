"""Windows, one threshold for all, gaps: other budgets under the promises of the ordinary one."""

from collections import Counter
from collections.abc import Callable
from itertools import groupby

import pytest
from hypothesis import given
from hypothesis import strategies as st
from make import make_parts
from test_compress import RATIOS, traces

from cotpress.errors import CotpressError
from cotpress.pipeline.budgets import WINDOW, even, without_long_gaps
from cotpress.pipeline.compress import OVER_BUDGET, cuts_of, within_budget
from cotpress.pipeline.order import keeping_order
from cotpress.pipeline.segmenting import Segments
from cotpress.pipeline.whole_data import whole_data
from cotpress.records import Percentile

ratios = st.sampled_from(RATIOS)
data = st.lists(traces(), min_size=1, max_size=6)
single = st.lists(traces(single=True), min_size=1, max_size=6)


def kept(scored: Segments, ratio: float) -> set[int]:
    return set(within_budget(scored, keeping_order(scored), ratio))


def held(scored: Segments) -> set[int]:
    return {i for i, is_held in enumerate(scored.held) if is_held}


def tokens(scored: Segments, indices: set[int]) -> int:
    return sum(scored.n_tokens[i] for i in indices)


def longest_gap(scored: Segments, left: set[int]) -> int:
    runs = groupby(range(len(scored.ends)), key=lambda i: i in left)
    return max(
        (sum(scored.n_tokens[i] for i in run) for stays, run in runs if not stays), default=0
    )


@given(traces(), ratios, ratios, st.integers(1, 8))
def test_cuts_stay_nested_exact_and_protected_whatever_the_budget(
    scored: Segments, one: float, other: float, longest: int
) -> None:
    for changed in (
        even(scored),
        without_long_gaps(scored, longest),
        even(without_long_gaps(scored, longest)),
    ):
        small, large = kept(changed, min(one, other)), kept(changed, max(one, other))
        assert small <= large
        assert held(scored) <= held(changed) <= small
        allowed = round(min(one, other) * sum(scored.n_tokens))
        assert tokens(changed, small) <= max(allowed, tokens(changed, held(changed)))
        assert kept(changed, 1.0) == set(range(len(scored.ends)))
        assert changed.texts == scored.texts


@given(st.lists(st.floats(-5, 5), min_size=1, max_size=4 * WINDOW), ratios)
def test_every_whole_window_keeps_its_share_to_a_token(
    importance: list[float], ratio: float
) -> None:
    scored = make_parts("x" * len(importance), importance)
    left = kept(even(scored), ratio)
    assert len(left) == round(ratio * len(importance))
    n_windows = -(-len(importance) // WINDOW)
    shares = [
        len([i for i in left if i // WINDOW == window])
        for window in range(len(importance) // WINDOW)
    ]
    assert max(shares, default=0) - min(shares, default=0) <= 1
    assert all(abs(share - ratio * WINDOW) <= n_windows for share in shares)


def test_a_short_last_window_keeps_no_more_than_its_share() -> None:
    scored = make_parts("x" * (WINDOW + WINDOW // 4), [1.0] * (WINDOW + WINDOW // 4))
    left = kept(even(scored), 0.5)
    assert len([i for i in left if i < WINDOW]) == WINDOW // 2
    assert len([i for i in left if i >= WINDOW]) == WINDOW // 8


def test_within_a_window_the_most_important_stay() -> None:
    # the second window is more important throughout
    importance = [float(i) for i in range(2 * WINDOW)]
    scored = make_parts("x" * len(importance), importance)
    half = WINDOW // 2
    assert kept(scored, 0.5) == set(range(WINDOW, 2 * WINDOW))
    assert kept(even(scored), 0.5) == {*range(half, WINDOW), *range(WINDOW + half, 2 * WINDOW)}


@given(traces(), ratios, st.integers(1, 8))
def test_no_gap_is_longer_than_asked_for_and_nothing_is_held_without_need(
    scored: Segments, ratio: float, longest: int
) -> None:
    changed = without_long_gaps(scored, longest)
    assert longest_gap(changed, kept(changed, ratio)) <= longest
    for i in held(changed) - held(scored):
        assert longest_gap(changed, held(changed) - {i}) > longest


def test_a_gap_is_bridged_by_the_segment_that_is_given_up_last() -> None:
    scored = make_parts("abcdefg", [7, 1, 2, 6, 3, 4, 0])
    # g, b, c, e and f can go; d would join two gaps
    assert held(without_long_gaps(scored, 3)) == {3}
    assert held(without_long_gaps(scored, 7)) == set()
    long_number = make_parts(["a", "123456", "b"], [3, 1, 2], [1, 6, 1])
    assert held(without_long_gaps(long_number, 4)) == {1}


@given(single, ratios)
def test_one_threshold_for_all_keeps_what_one_long_trace_would(
    many: list[Segments], ratio: float
) -> None:
    rooms = whole_data(many, [ratio])
    joined = make_parts(
        [segment for one in many for segment in one.texts],
        [value for one in many for value in one.importance],
        [n for one in many for n in one.n_tokens],
        [protected for one in many for protected in one.protected],
        held=[is_held for one in many for is_held in one.held],
    )
    expected, first = kept(joined, ratio), 0
    over = tokens(joined, held(joined)) > round(ratio * sum(joined.n_tokens))
    for one, (room,) in zip(many, rooms, strict=True):
        found = set(within_budget(one, keeping_order(one), ratio, room))
        own = {i - first for i in expected if first <= i < first + len(one.ends)}
        first += len(one.ends)
        assert own == found
        assert not over or room == 0 or ratio == 1.0


@given(data, ratios, ratios)
def test_one_threshold_for_all_is_nested_too(
    many: list[Segments], one: float, other: float
) -> None:
    asked = [min(one, other), max(one, other)]
    for parts, rooms in zip(many, whole_data(many, asked), strict=True):
        small, large = cuts_of(parts, asked, rooms)
        assert small.n_tokens <= large.n_tokens


def test_padded_traces_are_cut_more_and_dense_ones_less() -> None:
    dense, padded = make_parts("x" * 10, [5.0] * 10), make_parts("y" * 30, [1.0] * 25 + [6.0] * 5)
    rooms = whole_data([dense, padded], [0.5, 0.25])
    assert rooms == [[10, 5], [10, 5]]
    assert [
        [cut.n_tokens for cut in cuts_of(one, [0.5, 0.25], rooms[0])] for one in (dense, padded)
    ] == [[10, 5], [10, 5]]


def test_what_is_held_over_the_common_budget_is_kept_and_counted() -> None:
    many = [
        make_parts("a1b2", [9, 1, 9, 1], held=[False, True, False, True]),
        make_parts("cd", [1, 1]),
    ]
    counts: Counter[str] = Counter()
    cuts = [
        cuts_of(one, [0.17], rooms, counts)[0]
        for one, rooms in zip(many, whole_data(many, [0.17]), strict=True)
    ]
    assert [cut.reasoning for cut in cuts] == ["12", ""]
    assert counts == {f"{OVER_BUDGET} at 0.17": 1}
    assert whole_data([], [0.5]) == []


def released() -> Segments:
    return make_parts("ab", [1, 2], percentile=Percentile(weights=[1, 1], chunk_ends=[2]))


@pytest.mark.parametrize(
    "change", [even, lambda one: without_long_gaps(one, 3), lambda one: whole_data([one], [0.5])]
)
def test_a_released_selection_leaves_no_choice_of_budget(
    change: Callable[[Segments], object],
) -> None:
    with pytest.raises(CotpressError, match="leave out --budget and --longest-run"):
        change(released())


def test_a_run_of_no_tokens_is_refused() -> None:
    with pytest.raises(CotpressError, match="choose 1 or more"):
        without_long_gaps(make_parts("a", [1]), 0)

"""Intervals against worked examples and naive loops; loops
are found, and reasoning is not taken for one.
"""

import json
from math import comb
from pathlib import Path
from statistics import stdev

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from cotpress.evaluation.statistics import (
    LOOP_CHARACTERS,
    LOOP_TAIL,
    LOOP_TIMES,
    Z,
    loops,
    mcnemar,
    ratio_of_means,
    wilson,
)
from cotpress.tasks.arithmetic import worked

DATA = Path(__file__).parents[3] / "shared" / "data"

SENTENCE = "we add the seven apples of Mia to what she has so that now there are nine left for Tom who eats one"
WORDS = SENTENCE.split()


def test_wilson_gives_the_published_example():
    # Newcombe (1998), Table I, method 3: 81 of 263 -> 0.2553..0.3662; 0 of 20 -> 0..0.1611
    assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert wilson(0, 20) == pytest.approx((0.0, 0.1611), abs=5e-5)
    assert wilson(1, 29) == pytest.approx((0.0061, 0.1718), abs=5e-5)


@given(st.integers(1, 5000), st.data())
def test_wilson_holds_the_share_and_stays_within_zero_and_one(n, data):
    right = data.draw(st.integers(0, n))
    low, high = wilson(right, n)
    assert 0 <= low <= right / n <= high <= 1
    assert wilson(n - right, n) == pytest.approx((1 - high, 1 - low))


def test_wilson_of_nothing_says_nothing():
    assert wilson(0, 0) == (0.0, 1.0)


@given(st.integers(0, 60), st.integers(0, 60))
def test_mcnemar_equals_the_sum_over_the_binomial(b, c):
    n = b + c
    naive = sum(comb(n, k) for k in range(n + 1) if abs(2 * k - n) >= abs(b - c)) / 2**n
    assert mcnemar(b, c) == pytest.approx(naive, rel=1e-12)
    assert mcnemar(b, c) == mcnemar(c, b)


def test_mcnemar_without_discordant_pairs_is_one_and_with_thousands_is_exact():
    assert mcnemar(0, 0) == 1.0
    assert mcnemar(1, 9) == pytest.approx(22 / 1024)
    assert mcnemar(0, 1000) == 2.0**-999
    assert mcnemar(4000, 4000) == 1.0
    assert 0.02 < mcnemar(3900, 4100) < 0.03


def test_the_kept_ratio_is_a_ratio_of_means_and_not_a_mean_of_ratios():
    ratio = ratio_of_means([10, 90], [100, 100])
    assert ratio is not None
    assert ratio.value == 0.5
    assert ratio_of_means([5, 100], [10, 400]).value == pytest.approx(105 / 410)


def test_nothing_over_nothing_is_no_ratio():
    assert ratio_of_means([], []) is None
    assert ratio_of_means([3, 4], [0, 0]) is None


@given(st.lists(st.integers(1, 500), min_size=1, max_size=30))
def test_a_ratio_to_itself_is_one_without_doubt(lengths):
    assert ratio_of_means(lengths, lengths) == (1.0, 1.0, 1.0)


@given(st.lists(st.integers(10, 30), min_size=2, max_size=30), st.integers(10, 500))
def test_beside_a_whole_that_never_changes_the_interval_is_that_of_a_mean_with_the_sample_deviation(
    part, whole
):
    half = Z * stdev(part) / len(part) ** 0.5 / whole
    ratio = ratio_of_means(part, [whole] * len(part))
    assert ratio.high - ratio.value == pytest.approx(half)
    assert ratio.low == pytest.approx(max(0.0, ratio.value - half))


@pytest.mark.parametrize("seed", range(3))
def test_the_interval_of_the_kept_ratio_agrees_with_a_bootstrap(seed):
    draw = np.random.default_rng(seed)
    whole = draw.gamma(4, 50, size=400)
    part = whole * draw.uniform(0.4, 0.8, size=400) + draw.normal(0, 8, size=400)
    picks = draw.integers(0, 400, size=(4000, 400))
    low, high = np.quantile(part[picks].sum(1) / whole[picks].sum(1), [0.025, 0.975])
    ratio = ratio_of_means(part.tolist(), whole.tolist())
    width = high - low
    assert abs(ratio.low - low) < 0.1 * width
    assert abs(ratio.high - high) < 0.1 * width


units = st.text(st.characters(codec="utf-8"), min_size=1, max_size=200)


@given(st.text(max_size=300), units, st.integers(0, 400), st.text(" \n", max_size=3))
def test_a_unit_that_repeats_at_the_end_is_a_loop_wherever_it_is_cut(before, unit, extra, blanks):
    length = max(LOOP_TIMES * len(unit), LOOP_CHARACTERS) + len(unit) + extra
    repeated = (unit * (length // len(unit) + 1))[:length]
    assume(repeated.strip())
    assert loops(before + repeated + blanks)


def test_white_space_without_end_is_a_loop():
    assert loops("The answer is 7." + "\n" * 100)


def test_a_paragraph_that_returns_is_a_loop_up_to_a_third_of_the_tail():
    paragraph = " ".join(f"{word} {i}" for i in range(12) for word in WORDS)
    assert LOOP_TAIL / 6 < len(paragraph) <= LOOP_TAIL / LOOP_TIMES
    assert loops("First. " + paragraph * LOOP_TIMES)
    assert not loops("First. " + paragraph * (LOOP_TIMES - 1))


def test_sentences_that_return_in_changing_order_are_a_loop():
    order = np.random.default_rng(0).integers(0, 3, size=60)
    said = [" ".join(WORDS[:9]), " ".join(WORDS[5:17]), " ".join(WORDS[12:])]
    assert loops(". ".join(said[i] for i in order))


def test_a_sentence_that_returns_under_another_number_is_a_loop():
    assert loops(
        " ".join(f"Wait, let me check step {i} once more before I say it." for i in range(40))
    )


def test_a_count_and_a_short_sum_are_no_loops():
    assert not loops("")
    assert not loops("So 2 + 2 + 2 + 2 + 2 = 10.")
    assert not loops("12 + 12 + 12 + 12")
    assert not loops("\n".join(f"Step {i}: {i} + {i} = {2 * i}" for i in range(200)))


@given(st.lists(st.sampled_from(WORDS), max_size=15))
def test_a_text_too_short_to_repeat_is_no_loop(words):
    text = " ".join(words)
    assume(len(text) < LOOP_CHARACTERS)
    assert not loops(text)


@pytest.mark.parametrize("steps", [4, 40])
def test_worked_reasoning_in_one_mould_is_no_loop(steps):
    traces = worked("train", steps=steps)
    assert not any(loops(next(traces).reasoning) for _ in range(200))


@pytest.mark.parametrize(
    ("name", "field"), [("gsm8k_train.jsonl", "cot"), ("math500_public.jsonl", "solution")]
)
def test_no_human_reasoning_is_taken_for_a_loop(name, field):
    if not (DATA / name).exists():
        pytest.skip(f"{name} is not beside the checkout")
    texts = [
        json.loads(line)[field]
        for line in (DATA / name).read_text(encoding="utf-8").split("\n")
        if line.strip()
    ]
    assert [text for text in texts if loops(text)] == []
    joined = [" ".join(texts[i : i + 20]) for i in range(0, len(texts), 20)]
    assert [text for text in joined if loops(text)] == []

"""Intervals and tests over problems: more answers to the same problems are no more problems, and
sign flips equal the sum over all patterns.
"""

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cotpress.evaluation import resampling
from cotpress.evaluation.resampling import bootstrap, sign_flip
from cotpress.evaluation.row import interval, p_value
from cotpress.evaluation.statistics import mcnemar, wilson
from cotpress.records import Grade, Problem, Trace

SHARES = st.lists(st.integers(0, 4).map(lambda right: right / 4), min_size=1, max_size=40)
DIFFERENCES = st.lists(st.integers(-4, 4).map(lambda part: part / 4), max_size=10)


def answers(right):
    """Traces by problem and sample: `right[i][j]` says whether sample j of problem i is right."""
    return {
        (str(i), j): Trace(
            problem=Problem(id=str(i), question="?", answer="1", task="t"),
            model="m",
            sample=j,
            reasoning="",
            conclusion="1",
            n_tokens=5,
            n_conclusion_tokens=1,
            finished=True,
            grade=Grade(answer="1" if one else "2", correct=one, status="ok"),
        )
        for i, samples in enumerate(right)
        for j, one in enumerate(samples)
    }


@given(SHARES)
def test_the_bootstrap_equals_a_loop_over_draws_of_problems(shares):
    chance, n = np.random.default_rng(resampling.SEED), len(shares)
    means = [
        np.mean([shares[i] for i in chance.integers(0, n, n)]) for _ in range(resampling.DRAWS)
    ]
    low, high = bootstrap(shares)
    if min(shares) < max(shares):
        assert (low, high) == pytest.approx(np.quantile(means, [0.025, 0.975]))
    assert 0 <= low <= np.mean(shares) + 1e-9
    assert np.mean(shares) - 1e-9 <= high <= 1


def test_the_bootstrap_draws_in_blocks_what_it_would_draw_at_once(monkeypatch):
    shares = [0.25 * (i % 5) for i in range(37)]
    whole = bootstrap(shares)
    monkeypatch.setattr(resampling, "BLOCK", 100)
    assert bootstrap(shares) == whole


@given(st.lists(st.booleans(), min_size=2, max_size=50))
def test_sixteen_copies_of_each_answer_are_no_narrower_than_the_problems_allow(right):
    shares = {str(i): float(one) for i, one in enumerate(right)}
    once = bootstrap(list(shares.values()))
    assert interval(shares, k=16) == once  # the shares of 16 copies are those of one
    assert interval(shares, k=1) == wilson(sum(right), len(right))


@given(st.floats(0, 1), st.integers(1, 60))
def test_problems_that_are_all_alike_do_not_make_an_interval_of_no_width(share, n):
    low, high = bootstrap([share] * n)
    assert (low, high) == pytest.approx(wilson(n * share, n), abs=1e-9)
    assert high - low > 0.04


@given(DIFFERENCES)
def test_sign_flips_equal_the_sum_over_all_patterns(differences):
    far = abs(sum(differences)) - 1e-12
    sums = [
        abs(sum(sign * one for sign, one in zip(signs, differences, strict=True)))
        for signs in product((1, -1), repeat=len(differences))
    ]
    assert sign_flip(differences) == pytest.approx(sum(one >= far for one in sums) / len(sums))
    assert sign_flip([-one for one in differences]) == sign_flip(differences)


@given(st.integers(0, 8), st.integers(0, 8), st.integers(0, 20))
def test_with_one_answer_a_problem_sign_flips_are_mcnemars_exact_test(b, c, equal):
    assert sign_flip([1.0] * b + [-1.0] * c + [0.0] * equal) == pytest.approx(mcnemar(b, c))


def test_many_problems_are_tried_at_random_the_same_way_every_time():
    differences = [1.0] * 30 + [-1.0] * 12
    found = sign_flip(differences)
    assert found == sign_flip(differences)
    assert found == pytest.approx(mcnemar(30, 12), abs=0.004)
    assert sign_flip([1.0] * 400) == 1 / (1 + resampling.FLIPS)


def test_two_settings_are_told_apart_by_problems_and_not_by_answers():
    first = answers([[True] * 8] * 4)
    second = answers([[False] * 8] * 4)
    assert p_value(first, second) == 2 / 2**4
    once = ({(i, j): t for (i, j), t in group.items() if j == 0} for group in (first, second))
    assert p_value(*once) == mcnemar(4, 0) == 2 / 2**4
    assert p_value(first, {}) is None

"""Budget curves, their area, lengths, adherence, AES and OckScore against naive computations and
published figures.
"""

from statistics import fmean, median

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from make import make_trace

from cotpress.evaluation.at_budget import STEPS, area, curve, distribution, grid
from cotpress.evaluation.efficiency import aes, ock_score
from cotpress.evaluation.lengths import adherence, lengths
from cotpress.evaluation.problems import tokens
from cotpress.records import Asked, Grade

ANSWERS = st.lists(
    st.lists(st.tuples(st.booleans(), st.integers(0, 60)), min_size=1, max_size=4),
    min_size=1,
    max_size=6,
)


def group(answers, **fields):
    """Traces by problem and sample, from lists of (right, tokens) for each problem."""
    return {
        (str(i), j): make_trace(
            id=str(i),
            sample=j,
            n_tokens=length,
            grade=Grade(answer="72" if right else "1", correct=right, status="ok"),
            **fields,
        )
        for i, samples in enumerate(answers)
        for j, (right, length) in enumerate(samples)
    }


@given(st.integers(0, 5000))
def test_a_grid_ends_with_the_largest_budget_and_never_falls(largest):
    found = grid(largest)
    assert found[-1] == max(1, largest)
    assert found == sorted(set(found))
    assert len(found) == min(STEPS, max(1, largest)) or largest < STEPS


@given(ANSWERS, st.lists(st.integers(0, 70), min_size=1, max_size=5).map(sorted))
def test_the_curve_is_the_share_right_and_within_each_budget(answers, budgets):
    naive = [
        fmean(fmean(right and length <= budget for right, length in one) for one in answers)
        for budget in budgets
    ]
    assert curve(group(answers), budgets) == pytest.approx(naive)


@given(ANSWERS, st.lists(st.integers(0, 70), min_size=1, max_size=5).map(sorted))
def test_the_distribution_of_lengths_counts_right_and_wrong_answers_alike(answers, budgets):
    naive = [
        fmean(fmean(length <= budget for _, length in one) for one in answers) for budget in budgets
    ]
    assert distribution(group(answers), budgets) == pytest.approx(naive)


@given(ANSWERS, st.integers(1, 80))
def test_the_area_is_the_mean_of_the_curve_over_all_budgets(answers, largest):
    # between two whole numbers of tokens the curve is flat
    steps = curve(group(answers), range(largest))
    assert area(group(answers), largest) == pytest.approx(fmean(steps))


@given(st.lists(st.integers(0, 500), max_size=30))
def test_lengths_are_mean_median_and_ninth_decile(values):
    found = lengths(values)
    if not values:
        assert found is None
        return
    assert found.n == len(values)
    assert found.mean == pytest.approx(fmean(values))
    assert found.median == median(values)
    assert found.p90 == pytest.approx(np.percentile(values, 90))


@given(ANSWERS, st.sampled_from([0.3, 0.5, 0.9]))
def test_adherence_is_judged_answer_by_answer_against_the_originals_length(answers, ratio):
    base = {str(i): 40.0 for i in range(len(answers))}
    found = adherence(group(answers, ratio=ratio), base)
    naive = [fmean(abs(ratio * 40 - length) / (ratio * 40) for _, length in one) for one in answers]
    assert found.error == pytest.approx(fmean(naive))
    over = [fmean(length > ratio * 40 for _, length in one) for one in answers]
    assert found.over == pytest.approx(fmean(over))


def test_a_mean_that_is_met_hides_answers_that_are_not():
    found = adherence(group([[(True, 10)], [(True, 30)]], ratio=0.5), {"0": 40.0, "1": 40.0})
    assert found[:2] == (0.5, 0.5)


def test_a_budget_needs_no_original_and_without_a_request_there_is_nothing_to_adhere_to():
    some = group([[(True, 10)]])
    assert adherence(some, tokens(some)) is None
    assert adherence(group([[(True, 10)]], ratio=1.0), tokens(some)) is None
    assert adherence(group([[(True, 10)]], ratio=0.5), {}) is None
    assert adherence(group([[(True, 15)]], asked=Asked(budget=10)), {}) == (0.5, 1.0, None, None)


@given(st.lists(st.integers(1, 60), min_size=2, max_size=8), st.integers(1, 60))
def test_the_interval_of_adherence_is_that_of_a_mean_over_problems(spent, budget):
    found = adherence(group([[(True, one)] for one in spent], asked=Asked(budget=budget)), {})
    errors = [abs(one - budget) / budget for one in spent]
    half = 1.959964 * np.std(errors, ddof=1) / np.sqrt(len(errors))
    assert found.error == pytest.approx(fmean(errors))
    assert found.low == pytest.approx(max(0.0, fmean(errors) - half), abs=1e-6)
    assert found.high == pytest.approx(fmean(errors) + half, abs=1e-6)
    assert found.over == pytest.approx(fmean(one > budget for one in spent))


def test_aes_weighs_a_loss_of_accuracy_five_times_and_a_gain_three_times():
    assert aes(0.8, 50, 0.8, 100) == pytest.approx(0.5)
    assert aes(0.88, 100, 0.8, 100) == pytest.approx(3 * 0.1)
    assert aes(0.72, 50, 0.8, 100) == pytest.approx(0.5 - 5 * 0.1)
    assert aes(0.5, 50, 0.0, 100) is None
    assert aes(0.5, 50, 0.5, 0) is None


@pytest.mark.parametrize(
    ("accuracy", "length", "published"), [(0.755, 24_765, 70.09), (0.72, 20_154, 67.21)]
)
def test_ock_score_gives_the_published_figures(accuracy, length, published):
    # ockbench.github.io, OckBench-Math, first two lines
    assert ock_score(accuracy, length) == pytest.approx(published, abs=0.005)

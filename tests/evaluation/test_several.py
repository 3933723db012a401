"""pass@k and maj@k equal what counting every draw and every vote gives."""

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cotpress.errors import CotpressError
from cotpress.evaluation.several import majority, pass_at_k
from cotpress.records import Grade

GRADES = st.lists(st.tuples(st.sampled_from([None, "1", "2", "3"]), st.booleans()), max_size=9)


def grades(said):
    """`1` is the right answer, and may also be worded in another way; None could not be read."""
    return [
        Grade(
            answer="1.0" if answer == "1" and otherwise else answer,
            correct=answer == "1",
            status="ok" if answer else "no_answer",
        )
        for answer, otherwise in said
    ]


@given(st.integers(1, 9), st.data())
def test_pass_at_k_is_the_share_of_all_draws_that_hold_a_right_answer(n, data):
    right, k = data.draw(st.integers(0, n)), data.draw(st.integers(1, n))
    draws = list(combinations([True] * right + [False] * (n - right), k))
    assert pass_at_k(n, right, k) == pytest.approx(sum(map(any, draws)) / len(draws))


@given(st.integers(1, 50), st.data())
def test_pass_at_1_is_the_share_of_right_answers_and_pass_at_n_whether_there_is_any(n, data):
    right = data.draw(st.integers(0, n))
    assert pass_at_k(n, right, 1) == pytest.approx(right / n)
    assert pass_at_k(n, right, n) == float(right > 0)


def test_pass_at_k_of_thousands_of_answers_loses_no_digit():
    assert pass_at_k(5000, 1, 2500) == pytest.approx(0.5)


@pytest.mark.parametrize("k", [0, 5])
def test_a_k_that_the_answers_at_hand_do_not_allow_is_refused_with_the_cure(k):
    with pytest.raises(
        CotpressError, match=rf"pass@{k} needs .* there are 4: choose a k of 1 to 4"
    ):
        pass_at_k(4, 1, k)


@given(GRADES)
def test_a_majority_is_the_chance_to_draw_the_right_one_of_the_most_frequent_answers(said):
    votes = [answer for answer, _ in said if answer]
    most = [one for one in "123" if votes.count(one) == max(map(votes.count, "123"), default=0)]
    expected = ("1" in most) / len(most) if votes else 0.0
    assert majority(grades(said)) == expected


def test_an_answer_that_could_not_be_read_has_no_vote():
    assert majority(grades([(None, False), (None, False), ("1", False)])) == 1.0
    assert majority(grades([(None, False)])) == 0.0
    assert majority([]) == 0.0

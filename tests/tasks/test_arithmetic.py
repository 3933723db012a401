"""The procedural word problems: worked reasoning that is right, splits
that never overlap, the same ones every time.
"""

import re
from itertools import islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cotpress import tasks
from cotpress.errors import CotpressError, UnknownName
from cotpress.tasks._procedural import SHARES, split_of
from cotpress.tasks.arithmetic import worked


def test_a_problem_depends_on_seed_split_and_index_alone():
    first = list(islice(tasks.load("arithmetic").problems("train"), 20))
    assert first == list(islice(tasks.load("arithmetic").problems("train"), 20))
    assert first != list(islice(tasks.load("arithmetic,seed=1").problems("train"), 20))
    assert len({problem.id for problem in first}) == 20


def test_no_question_is_in_two_splits_whatever_the_seed():
    questions = {
        split: {
            t.problem.question for seed in range(2) for t in islice(worked(split, seed=seed), 400)
        }
        for split in SHARES
    }
    assert not questions["train"] & questions["test"]
    assert not questions["train"] & questions["validation"]
    assert not questions["validation"] & questions["test"]
    assert all(
        split_of(question) == split for split, those in questions.items() for question in those
    )


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 6), st.integers(20, 150), st.integers(0, 5))
def test_every_equation_holds_and_the_last_result_is_the_answer(
    steps: int, largest: int, seed: int
):
    for trace in islice(worked("train", steps=steps, largest=largest, seed=seed), 5):
        equations = re.findall(r"(\d+ [-+*] \d+) = (\d+)", trace.reasoning)
        assert 2 <= len(equations) <= steps
        assert all(eval(left) == int(right) for left, right in equations)
        assert equations[-1][1] == trace.problem.answer
        assert trace.conclusion == rf"The final answer is \boxed{{{trace.problem.answer}}}."
        assert all(0 < int(number) <= largest for number in re.findall(r"\d+", trace.reasoning))


def test_a_target_or_a_knob_out_of_range_is_one_sentence():
    with pytest.raises(CotpressError, match="takes no target"):
        tasks.load("arithmetic:hard")
    with pytest.raises(CotpressError, match="steps of at least 2"):
        tasks.load("arithmetic,steps=1")
    with pytest.raises(UnknownName, match="did you mean test"):
        tasks.load("arithmetic").problems("tests")

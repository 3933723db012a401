"""Where a reasoning first states the right answer."""

import re
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st
from make import make_trace

from cotpress.evaluation.overthinking import _spelt, first_right
from cotpress.grading import load
from cotpress.records import Grade
from cotpress.tasks import overthink
from cotpress.tasks.arithmetic import worked


def found(reasoning, answer="72", given=None):
    grade = Grade(answer=given, correct=True, status="ok") if given else None
    share = first_right(make_trace(reasoning, answer=answer, grade=grade))
    return None if share is None else reasoning[: round(share * len(reasoning))]


@pytest.mark.parametrize(
    ("reasoning", "answer", "until"),
    [
        ("48 / 2 = 24. 48 + 24 = 72. Wait, is it 72? Yes.", "72", "48 / 2 = 24. 48 + 24 = 72."),
        ("So 24.\nSo 72\nLet me check.", "72", "So 24.\nSo 72\n"),
        ("It costs $1,200 in all. Yes.", "1200", "It costs $1,200 in all."),
        ("Half of it. That is 3.5 km. Or 72.", "3.5", "Half of it. That is 3.5 km."),
        (r"Then x = \frac{1}{2}. Done.", r"\frac{1}{2}", r"Then x = \frac{1}{2}."),
        ("720 is too much. 7.72 is too little.", "72", None),
        ("72 + 3 = 75 is not it.", "72", None),
        ("-72 is wrong. 72 is right!", "72", "-72 is wrong. 72 is right!"),
        ("Nothing here.", "72", None),
        ("", "72", None),
        ("So 72.", "", None),
    ],
)
def test_the_first_sentence_in_which_the_grader_reads_the_answer_counts(reasoning, answer, until):
    assert found(reasoning, answer) == until


def test_the_answer_may_stand_as_the_model_worded_it():
    assert found("So it is 0.5. Yes.", r"\frac{1}{2}") is None
    assert found("So it is 0.5. Yes.", r"\frac{1}{2}", given="0.5") == "So it is 0.5."


@given(st.integers(0, 30))
def test_worked_reasoning_states_its_answer_in_no_sentence_before_the_one_that_is_found(i):
    trace = next(islice(worked("train"), i, None))
    share = first_right(trace)
    assert share is not None
    before = trace.reasoning[: round(share * len(trace.reasoning))].rstrip(". \n")
    sentences = before.replace("\n", ". ").split(". ")
    quick, answer = load("math").quick, trace.problem.answer
    right = [getattr(quick(sentence, answer), "correct", False) for sentence in sentences]
    assert right == [False] * (len(right) - 1) + [True]


def test_a_long_trace_of_numbers_is_one_search():
    text = "We add 71 and 1 and go on. " * 20_000
    assert first_right(make_trace(text + "So 72.", answer="72")) == 1.0


def test_of_labelled_overthinking_it_finds_the_last_needed_sum_or_a_number_that_equals_it_earlier():
    exact, traces = 0, list(islice(overthink.worked("train"), 200))
    for trace in traces:
        text = trace.reasoning
        spans = [one for one in overthink.label(text) if one.label == "needed"]
        last = [one.end for one in spans if "=" in text[one.start : one.end]][-1]
        place = round(first_right(trace) * len(text))
        assert place <= last + 1  # a blank
        exact += place >= last - 1
    assert exact > 0.75 * len(traces)


LETTERS = st.text("712x+.,$_é½٣ \n\u2028", max_size=14)


@given(LETTERS, st.lists(st.sampled_from(["7", "72", "1", "x+1", "٣", "é", ""]), max_size=2))
def test_an_answer_stands_where_a_pattern_with_blanks_and_commas_finds_it(text, answers):
    between = r"[\s,]*"
    spelt = [between.join(map(re.escape, one)) for one in answers if one]
    patterns = [rf"(?<![\w.]){one}(?!\w|[.,]\d)" for one in spelt]
    wanted = [one.span() for one in re.finditer("|".join(patterns), text)] if patterns else []
    assert list(_spelt(text, answers)) == wanted

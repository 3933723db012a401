"""The grader of free text: what SQuAD's normalisation makes one answer, and what it must not."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cotpress.grading import load
from cotpress.grading.text import normalised

ONE_LINE = st.text().filter(lambda text: text.strip() and "\n" not in text)


def right(text: str, reference: str) -> bool:
    return load("text")(text, reference).correct


@pytest.mark.parametrize(
    ("said", "reference"),
    [
        ("The Eiffel Tower", "eiffel tower"),
        ("an  apple!", "Apple"),
        ("U.S.", "us"),
        ("“Hamlet”", "Hamlet"),
        ("Marie Skłodowska–Curie", "marie skłodowska-curie"),
        ("1,000 people", "1000 people"),
        ("COVID-19", "covid19"),
        ("$3.5 million", "3.5 million"),
        ("−3", "-3"),
        ("the 3 bears", "3 bears"),
        (r"\text{Paris}", "Paris"),
    ],
)
def test_case_punctuation_articles_and_spaces_do_not_count(said, reference):
    assert right(f"The answer is {said}.", reference)
    assert right(f"<answer>{said}</answer>", reference)


@pytest.mark.parametrize(
    ("said", "reference"),
    [
        ("not Paris", "Paris"),
        ("Paris, Texas", "Paris"),
        ("3.5", "35"),
        (".5", "5"),
        ("-3", "3"),
        ("-$3", "$3"),
        ("1/2", "12"),
        ("10:30", "1030"),
        ("3-5", "35"),
        ("3..5", "35"),
        ("3..5", "3.5"),
        ("3,-5", "3, 5"),
        ("1, 2", "12"),
        ("1,2", "12"),
        ("<5", "5"),
        ("C++", "C"),
        ("A-", "A"),
        ("vitamin A", "vitamin"),
        ("type A B", "type B"),
        ("well known", "wellknown"),
    ],
)
def test_a_word_number_sign_or_point_more_is_another_answer(said, reference):
    for one, other in ((said, reference), (reference, said)):
        assert not right(f"The answer is {one}", other)
        assert not right(f"<answer>{one}</answer>", other)


@pytest.mark.parametrize(
    "text",
    [
        "Paris",
        "France has one capital.\nParis.",
        "The answer is Paris. It lies on the Seine.",
        "**Answer:** Paris",
        "The answer is\n\nParis",
        "#### Paris",
        "The answer is London? No.\nThe answer is: Paris!",
        r"So it is $\boxed{\text{Paris}}$, not London.",
        "<answer>\nThe answer is Paris.\n</answer> I am sure.",
        "The answer is Paris. I hope the answer is clear.",
    ],
)
def test_the_answer_is_read_where_a_text_gives_it(text):
    assert right(text, "Paris")


@pytest.mark.parametrize("reference", ["NYC\nNew York City", json.dumps(["NYC", "New York City"])])
def test_any_of_several_accepted_answers_is_right(reference):
    assert right("The answer is New York City.", reference)
    assert right("It is\nNYC", reference)
    assert not right("The answer is NYC, New York City", reference)
    assert not right("The answer is New York", reference)


def test_a_list_of_numbers_is_several_references_and_broken_json_is_a_text():
    assert right("The answer is 3.5", "[3.5, 4]")
    assert right("The answer is [sic", "[sic")
    assert not right("The answer is 5", "[" * 100_000)


def test_an_answer_of_marks_alone_is_compared_as_it_stands():
    assert right("The answer is: ?!", "?!")
    assert not right("The answer is: ?", "!")


def test_a_text_that_says_nothing_has_no_answer():
    assert load("text")(" \n", "Paris").status == "no_answer"


@given(st.text(), st.text())
def test_a_grader_of_free_text_never_raises(text, reference):
    assert load("text")(text, reference).status in ("ok", "no_answer")


@given(ONE_LINE.filter(re.compile(r"[^\W_]").search))
def test_the_reference_itself_is_right(reference):
    assert right(f"The answer is: {reference}", reference)


@given(st.integers() | st.floats(allow_nan=False, allow_infinity=False))
def test_no_number_becomes_another(number):
    found = normalised(f"about {number:f} of them").split()
    assert float(found[1]) == float(f"{number:f}")

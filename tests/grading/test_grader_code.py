"""The grader of a program's output: where it is read, and what is the same."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cotpress.grading import load

ONE_LINE = st.text().filter(lambda text: text.strip() and "\n" not in text and "\r" not in text)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner, inner),
).filter(lambda value: "answer" not in repr(value).lower())
"""Values that do not say themselves what the answer is."""


def right(text: str, reference: str) -> bool:
    return load("code")(text, reference).correct


@pytest.mark.parametrize(
    ("said", "reference"),
    [
        ("{1, 2}", "{2, 1}"),
        ("{'a': 1, 'b': 2}", "{'b': 2, 'a': 1}"),
        ("'a'", '"a"'),
        ("[1,2]", "[1, 2]"),
        ("(1,)", "( 1, )"),
        ("1.50", "1.5"),
        ("hello   world", "hello   world"),
        ("set()", "set()"),
    ],
)
def test_equal_values_are_one_output_however_they_are_written(said, reference):
    assert right(f"The output is {said}.", reference)
    assert right(f"[ANSWER]{said}[/ANSWER]", reference)


@pytest.mark.parametrize(
    ("said", "reference"),
    [
        ("1", "True"),
        ("1", "1.0"),
        ("5.", "5.0"),
        ("'1'", "1"),
        ("[1, 2]", "(1, 2)"),
        ("[1, 2]", "[2, 1]"),
        ("[True]", "[1]"),
        ("{1: 'a'}", "{True: 'a'}"),
        ("'Hello'", "'hello'"),
        ("'a  b'", "'a b'"),
        ("hello world", "hello  world"),
        ("true", "True"),
        ("-1", "1"),
        ("0.30000000000000004", "0.3"),
    ],
)
def test_another_type_order_case_or_inner_space_is_another_output(said, reference):
    assert not right(f"The output is {said}", reference)
    assert not right(f"<answer>{said}</answer>", reference)


@pytest.mark.parametrize(
    "text",
    [
        "[ANSWER]\n[1, 2]\n[/ANSWER]",
        "<answer>3</answer>\nNo: <answer>[1, 2]</answer>",
        "[ANSWER]assert f([2, 1]) == [1, 2][/ANSWER]",
        "[ANSWER] [1, 2]",
        "[ANSWER]```python\n[1, 2]\n```[/ANSWER]",
        "<answer>\nThe loop ends.\nThe output is\n```\n[1, 2]\n```\n</answer>",
        "It prints:\n\n```\n[1, 2]\n```\nbecause the list is sorted.",
        "The output is:\n```python\n[1, 2]\n```",
        "The program prints\n```python\nprint(3)\n```\nThe output is\n~~~text\n[1, 2]\n~~~",
        "So the answer is $\\boxed{[1, 2]}$.",
        "**Output:** `[1, 2]`",
        "Final answer: [1, 2]",
        "The output of `f([2, 1])` is `[1, 2]`.",
        "The output will be **[1, 2]**.",
        "The function returns [1, 2].",
        "The output is [1, 2] because the list is sorted.",
        "The output is [1, 2]. The list is sorted.",
        "The result is 7 at first, and the output is [1, 2].",
        "The output is [1, 2], which the function returns at once.",
        "The output is\n[1, 2]\n\nas the list is sorted.",
        "**The output is:**\n\n`[1, 2]`",
        "[1, 2]",
    ],
)
def test_the_output_is_read_where_a_text_gives_it(text):
    assert right(text, "[1, 2]")


@pytest.mark.parametrize("text", ["", " \n", "I traced it.\nIt is hard.", "```\n5\n```\nor\n6"])
def test_a_text_of_several_lines_that_announces_no_output_has_no_answer(text):
    assert load("code")(text, "5").status == "no_answer"


def test_white_space_at_line_ends_and_empty_lines_at_the_end_do_not_count():
    assert right("The output is:\n```\n1  \n2\n\n```", "1\n2\n")
    assert right("[ANSWER]\r\n1\r\n2\r\n[/ANSWER]", "1\n2")


def test_indentation_and_an_empty_line_within_count():
    assert right("It prints:\n```\n  *\n ***\n```", "  *\n ***")
    assert not right("It prints:\n```\n *\n ***\n```", "  *\n ***")
    assert not right("It prints:\n```\n1\n2\n```", "1\n\n2")


def test_what_a_program_prints_may_have_a_colon_and_a_full_stop():
    assert right("The output is: Total results: 5", "Total results: 5")
    assert not right("The output is: Total results: 5", "5")
    assert right("It prints Done.", "Done.")


def test_a_program_shown_under_a_word_about_output_is_no_output():
    assert load("code")("This prints it:\n```python\nprint(5)\n```", "print(5)").correct is False


@pytest.mark.parametrize(
    "nonsense",
    [
        "[" * 3_000,
        "[" * 1_000_000,
        "-" * 3_999,
        "1+" * 1_999 + "1",
        "not " * 900 + "1",
        "lambda:" * 500 + "1",
        "9**" * 1_300 + "9",
        "9" * 3_999,
        "9" * 1_000_000,
        "{[]: 1}",
        "__import__('os').abort()",
        "'\\d'",
        "\0",
        "\ud800",
        "```\n" * 200_000,
        "output is\n\n" * 90_000,
        "output " * 150_000,
        "(" * 40 + "x" + ")" * 40,
        "assert " * 500,
        "assert f(" + "(" * 3_000 + ") == 1",
    ],
    ids=lambda text: f"{text[:8]!r} {len(text)}",
)
def test_hostile_text_is_graded_and_never_run(nonsense):
    for text in (nonsense, f"The output is {nonsense}", f"[ANSWER]{nonsense}[/ANSWER]"):
        assert not right(text, "5")
        assert load("code")("The output is 5", nonsense).correct is False


@given(st.text(), st.text())
def test_a_grader_of_outputs_never_raises(text, reference):
    grade = load("code")(text, reference)
    assert grade.status in ("ok", "no_answer")


@given(ONE_LINE)
def test_the_reference_itself_is_the_right_output(reference):
    assert right(f"The answer is: {reference}", reference)


@given(VALUES)
def test_every_value_is_read_in_a_sentence_a_span_and_in_tags(value):
    shown = repr(value)
    assert right(f"The output is {shown}.", shown)
    assert right(f"[ANSWER]{shown}[/ANSWER]", shown)
    assert right(f"[ANSWER]assert f(1) == {shown}[/ANSWER]", shown)

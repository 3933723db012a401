"""Which tokens of a reasoning are words, given numbers and new numbers."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cotpress.latent.token_classes import NUMBER, token_classes

LETTERS = {"words": "w", "given_numbers": "g", "new_numbers": "n"}


def told(tokens: str, question: str) -> str:
    """One letter for each token of a text that is written with | between its tokens."""
    ends, text = [], ""
    for token in tokens.split("|"):
        text += token
        ends.append(len(text))
    return "".join(LETTERS[one] for one in token_classes(text, ends, question))


@pytest.mark.parametrize(
    ("tokens", "question", "expected"),
    [
        ("He| has| 16| +| 4| =| 20|.", "16 balls, 4 more", "wwgwgwnw"),
        ("1|6| and| 1|6|0", "He has 16", "ggwnnn"),  # 16 does not stand in 160
        ("1|6", "It is 160", "nn"),
        ("1|,|0|0|0| or| 1|000", "1,000 men", "gggggwnn"),  # as it is written
        ("1|,|2|,|3", "1,2 and 3", "gwgwg"),  # a list, not thousands
        ("1|,|0|0|0|0", "1 and 10000", "gwnnnn"),  # four digits are no group
        ("3|.|5|.", "3.5 km", "gggw"),
        ("3|.|5", "3 or 5", "nnn"),
        (".|5| of| it|.|5", ".5 and 5", "ggwwwg"),  # behind a word it ends a sentence
        ("1|.|2|.|3", "1.2, 3", "gggwg"),
        ("-|2| −|2", "7 - 2", "wgwg"),  # a sign may be an operator
        ("5|0|%| 50| percent", "50% off", "ggwgw"),
        ("16|km| or| 16km|/h| x|2", "16 km", "gwwgwwn"),
        ("\\|frac|{|1|}{2|}", "1 half", "wwwgnw"),
        ("4+|16| 4+16|+", "4", "gnnw"),  # a token of a given number and of a new one
        ("two| words", "2 words", "ww"),
        ("٣|٤| 34", "٣٤", "ggn"),  # another script
        ("三|十| x²", "30", "www"),  # no decimal digits
        ("no| number", "16", "ww"),
        ("16", "", "n"),
    ],
)
def test_a_number_is_given_if_it_stands_in_the_question_whole_and_as_it_is_written(
    tokens, question, expected
):
    assert told(tokens, question) == expected


def test_all_tokens_of_one_character_are_of_its_class():
    assert token_classes("a٣é", [1, 2, 2, 3, 3], "٣") == [
        "words",
        "given_numbers",
        "given_numbers",
        "words",
        "words",
    ]


def test_a_text_without_tokens_has_no_classes_and_a_token_without_text_is_a_word():
    assert token_classes("", [], "16") == []
    assert token_classes("16", [0, 2], "16") == ["words", "given_numbers"]


texts = st.text(alphabet="0123 ,.-%a٣é²", max_size=24)


@given(texts)
def test_every_digit_is_in_one_number_and_a_number_holds_digits_commas_and_points_only(text):
    spans = [number.span() for number in NUMBER.finditer(text)]
    assert all(end <= start for (_, end), (start, _) in pairwise(spans))
    inside = {place for span in spans for place in range(*span)}
    assert {place for place, one in enumerate(text) if one.isdecimal()} <= inside
    for start, end in spans:
        assert all(one.isdecimal() or one in ",." for one in text[start:end])
        assert text[end - 1].isdecimal()


def naive(text: str, ends: list[int], question: str) -> list[str]:
    """Every token against every number, one after the other."""
    given = [number[0] for number in NUMBER.finditer(question)]
    found = []
    for end in ends:
        start = max([before for before in ends if before < end], default=0)
        touched = [
            number[0] in given
            for number in NUMBER.finditer(text)
            if any(start <= place < end for place in range(*number.span()))
        ]
        if not touched:
            found.append("words")
        else:
            found.append("given_numbers" if all(touched) else "new_numbers")
    return found


@given(texts, texts, st.data())
def test_the_classes_are_those_of_a_naive_loop(text, question, data):
    cuts = data.draw(st.lists(st.integers(0, len(text)), max_size=12))
    ends = sorted([*cuts, len(text)])
    assert token_classes(text, ends, question) == naive(text, ends, question)

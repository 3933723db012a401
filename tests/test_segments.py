"""Segments tile the reasoning, end at target-token ends, keep
numbers whole, and know what must never be dropped.
"""

import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cotpress import segments
from cotpress.pipeline import units

AWKWARD = [
    "10³",
    "\\frac{1}{2}",
    "\\boxed{18}",
    "😀",
    "👩‍👧",
    "中文",
    "\r\n",
    "\n\n",
    "  ",
    "\t",
    "3.14",
    "1,234.56",
    "½",
    "a-b",
    "50%",
    "é",
]
texts = st.lists(
    st.sampled_from([*AWKWARD, " ", "the", "=", "1", "x"]) | st.text(max_size=4), max_size=12
).map("".join)
UNITS = st.sampled_from(["token", "number", "word"])


@st.composite
def tokenised(draw: st.DrawFn) -> tuple[str, list[int]]:
    """A text and the ends of its tokens: anywhere, some
    characters in several tokens that share their end.
    """
    text = draw(texts.filter(bool))
    ends = draw(st.lists(st.integers(1, len(text)), max_size=2 * len(text)))
    return text, sorted([*ends, len(text)])


def characters(text: str) -> list[int]:
    return list(range(1, len(text) + 1))


def spans(unit: str, text: str) -> list[tuple[int, int]]:
    return list(units.load(unit).spans(text))


def cut(text: str, unit: str, token_ends: list[int] | None = None) -> list[str]:
    ends = segments.segment_ends(
        text, characters(text) if token_ends is None else token_ends, spans(unit, text)
    )
    return [text[a:b] for a, b in pairwise([0, *ends])]


def protected(text: str) -> str:
    """The characters of a text that are protected when each is a segment; the others as spaces."""
    held = segments.protected(characters(text), text)
    return "".join(c if hold else " " for c, hold in zip(text, held, strict=True)).strip()


@given(tokenised(), UNITS)
def test_segments_tile_the_text_and_end_where_target_tokens_end(
    case: tuple[str, list[int]], unit: str
) -> None:
    text, token_ends = case
    ends = segments.segment_ends(text, token_ends, spans(unit, text))
    assert "".join(cut(text, unit, token_ends)) == text
    assert ends == sorted(set(ends))
    assert set(ends) <= set(token_ends)


@given(tokenised(), UNITS)
def test_every_target_token_is_counted_in_one_segment(
    case: tuple[str, list[int]], unit: str
) -> None:
    text, token_ends = case
    counts = segments.count_starts(
        segments.segment_ends(text, token_ends, spans(unit, text)), token_ends
    )
    assert sum(counts) == len(token_ends)
    assert min(counts) >= 0


@given(tokenised())
def test_single_tokens_are_segments_of_one_token_unless_they_share_a_character(
    case: tuple[str, list[int]],
) -> None:
    text, token_ends = case
    ends = segments.segment_ends(text, token_ends, ())
    assert segments.count_starts(ends, token_ends) == [token_ends.count(end) for end in ends]


def test_the_tokens_of_one_emoji_count_with_the_emoji() -> None:
    token_ends = [1, 2, 2, 2, 3]  # "a😀b", the emoji in three tokens
    assert segments.segment_ends("a😀b", token_ends, ()) == [1, 2, 3]
    assert segments.count_starts([1, 2, 3], token_ends) == [1, 3, 1]


@given(texts)
def test_a_number_or_a_latex_command_is_never_split(text: str) -> None:
    ends = {0, *segments.segment_ends(text, characters(text), spans("number", text))}
    for match in segments.WHOLE.finditer(text):
        assert not ends & set(range(match.start() + 1, match.end()))


@pytest.mark.parametrize(
    ("text", "unit", "expected"),
    [
        ("so 1,234.56.", "number", ["s", "o", " ", "1,234.56", "."]),
        ("3.14x", "number", ["3.14", "x"]),
        ("1, 2", "number", ["1", ",", " ", "2"]),
        ("10³", "number", ["10", "³"]),
        ("\\frac{12}{7}", "number", ["\\frac", "{", "12", "}", "{", "7", "}"]),
        ("\\[x\\]", "number", ["\\[", "x", "\\]"]),
        ("ab 10³\r\nc", "word", ["ab", " ", "10³", "\r", "\n", "c"]),
        ("a 12", "token", ["a", " ", "1", "2"]),
    ],
)
def test_what_a_unit_keeps_together(text: str, unit: str, expected: list[str]) -> None:
    assert cut(text, unit) == expected


def test_a_token_with_the_space_before_it_stays_whole() -> None:
    assert cut(" the 12 3", "number", [4, 6, 7, 9]) == [" the", " 12", " 3"]
    assert cut(" longword is", "word", [5, 9, 12]) == [" longword", " is"]


def test_a_multi_byte_character_is_one_segment() -> None:
    assert cut("a😀b", "token", [1, 2, 2, 2, 3]) == ["a", "😀", "b"]


def test_tokens_that_stop_short_of_the_text_leave_the_rest_to_the_last_segment() -> None:
    assert cut("abc ", "token", [1, 2]) == ["a", "b", "c "]
    assert segments.segment_ends("", [], ()) == []


@pytest.mark.parametrize(
    ("unit", "expected"), [("word", [0.25, 0.75]), ("number", [0.4, 0.9]), ("token", [0.4, 0.9])]
)
def test_a_word_takes_the_mean_of_its_tokens_and_other_units_the_highest(
    unit: str, expected: list[float]
) -> None:
    values = [0.1, 0.4, 0.6, 0.9]
    pool = units.load(unit).pool
    assert [pool(values[:2]), pool(values[2:])] == pytest.approx(expected)


def test_a_piece_that_spans_two_tokens_counts_in_both() -> None:
    assert segments.spread([2, 4], [1, 3, 4], [0.0, 0.8, 0.1]) == [0.8, 0.8]
    assert segments.spread_beside([2, 4], [1, 3, 4], [0.0, 0.8, 0.1], [7, 8, 9]) == [8, 8]


@given(tokenised(), st.data())
def test_scores_of_a_foreign_tokenizer_reach_a_token_by_their_maximum(
    case: tuple[str, list[int]], data: st.DataObject
) -> None:
    text, token_ends = case
    ends = sorted(set(token_ends))
    pieces = sorted({*data.draw(st.lists(st.integers(1, len(text)), max_size=8)), len(text)})
    values = data.draw(st.lists(st.floats(0, 1), min_size=len(pieces), max_size=len(pieces)))
    for (start, end), value in zip(
        pairwise([0, *ends]), segments.spread(ends, pieces, values), strict=True
    ):
        assert value == max(
            v
            for (a, b), v in zip(pairwise([0, *pieces]), values, strict=True)
            if a < end and b > start
        )


def test_scores_of_the_same_tokens_are_those_scores() -> None:
    ends = [1, 2, 2, 2, 3]  # an emoji in three tokens
    assert segments.spread(ends, ends, [1.0, 5.0, 3.0, 9.0, 2.0]) == [1.0, 5.0, 3.0, 9.0, 2.0]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("so 12 x 2 = 24.", "12 x 2 = 24"),
        ("x is 3", "3"),
        ("add 8 to 5", "8    5"),
        ("it costs $1,234.56, or 50% off", "1,234.56     50%"),
        ("10³ + x² ≤ ½", "10³ +  ² ≤ ½"),
        ("a well-known co-op", ""),
        ("5 - 3 = -2, x-1 and a-b", "5 - 3 = -2   -1      -"),
        ("a non-zero e-mail--really -- no", ""),
        ("use \\frac{a}{b} \\times c", "\\frac       \\times"),
        ("so \\boxed{x + y} it is", "\\boxed{x + y}"),
        ("\\boxed{\\frac{a}{b^{c}}} done", "\\boxed{\\frac{a}{b^{c}}}"),
        ("\\boxed {a} b", "\\boxed {a}"),
        ("\\boxed{a is not closed", "\\boxed"),
        ("😀 and 中文\r\n", ""),
    ],
)
def test_digits_operators_latex_commands_and_boxes_are_protected(text: str, expected: str) -> None:
    assert protected(text) == expected


@given(texts)
def test_every_digit_is_protected(text: str) -> None:
    held = segments.protected(characters(text), text)
    assert all(hold for c, hold in zip(text, held, strict=True) if c.isascii() and c.isdigit())


@given(st.text(st.sampled_from("12 a.$+\n"), max_size=40))
def test_no_two_runs_of_digits_become_one(text: str) -> None:
    held = segments.protected(characters(text), text)
    kept = "".join(c for c, hold in zip(text, held, strict=True) if hold)
    assert re.findall(r"\d+", kept) == re.findall(r"\d+", text)


def test_the_token_that_keeps_two_numbers_apart_is_the_last_before_the_second() -> None:
    assert segments.protected([1, 4, 5, 6], "8 to 5") == [True, False, True, True]
    # a token that begins with its blank needs none
    assert segments.protected([1, 4, 6], "8 to 5") == [
        True,
        False,
        True,
    ]


def test_a_segment_is_protected_as_a_whole_if_a_symbol_touches_it() -> None:
    assert segments.protected([4, 8, 10], "so 12 is it") == [True, True, False]


def test_boxes_that_are_never_closed_do_not_take_forever() -> None:
    text = "\\boxed{" * 300 + "{" * 2000
    assert sum(segments.protected(characters(text), text)) == 300 * len("\\boxed")


def test_a_divided_token_counts_once_with_what_closes_last() -> None:
    # the token "b})" is divided before "}" and before ")"
    ends = segments.segment_ends("ab})c", [1, 4, 5], (), [2, 3])
    assert ends == [1, 2, 3, 4, 5]
    assert segments.count_starts(ends, [1, 4, 5]) == [1, 1, 0, 0, 1]
    assert segments.count_starts(ends, [1, 4, 5], [2]) == [1, 0, 1, 0, 1]
    assert segments.count_starts(ends, [1, 4, 5], [2, 3]) == [1, 0, 0, 1, 1]

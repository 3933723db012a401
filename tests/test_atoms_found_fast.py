"""Atoms are looked for only where they may be; what is found is what a search of the whole text
finds.
"""

import importlib

import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st

from cotpress.atoms import atoms
from cotpress.pipeline.bonds import depths

_spans, _operands, _formulas = (
    importlib.import_module(f"cotpress.atoms.{name}")
    for name in ("_spans", "_operands", "_formulas")
)

PIECES = [
    *"0129.,;:!?%°$€#+-−*/=<>()[]{}|_^&xXaéя三十½²′\n\t '",
    *(
        "  ",
        "AB12",
        "the",
        " 3 x 4 ",
        "1 000",
        "2 × 10^5",
        "$ 5",
        "\\frac",
        "\\$",
        "\\[",
        "\\]",
        "$$",
    ),
    *("10⁻³", "a-b", "well-known", "->", "!=", "e\u0301", "[asy]", "[/asy]", "12:30", "x^2", "n!"),
]
texts = st.lists(st.sampled_from(PIECES), max_size=30).map("".join)


@given(texts, st.integers(0, 20), st.integers(0, 20))
def test_numbers_are_those_of_a_search_at_every_place(text: str, start: int, less: int) -> None:
    end = max(start, len(text) - less)
    expected = [match.span() for match in _operands._NUMBER.finditer(text, start, end)]
    assert list(_operands._numbers(text, start, end)) == expected


@given(texts)
def test_commands_and_scaled_numbers_are_those_of_a_search_at_every_place(text: str) -> None:
    patterns = (_operands._SINGLE, _operands._NUMBER, _operands._NUMERAL, _operands._SCALED)
    expected = [match.span() for pattern in patterns for match in pattern.finditer(text)]
    assert sorted(_operands.signs(text, 0, len(text))) == sorted(expected)


@given(texts)
def test_formulas_are_those_of_a_search_at_every_place(text: str) -> None:
    expected = [match.span() for match in _formulas._DELIMITED.finditer(text)]
    assert [(start, end) for start, end, _ in _formulas.delimited(text)] == expected


@given(texts)
def test_words_away_from_operators_make_no_atom(text: str) -> None:
    found = atoms(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_operands, "_words_joined", _operands._words)
        assert atoms(text) == found


def test_code_points_that_are_no_part_of_a_character_stand_alone() -> None:
    alone = [
        char
        for char in map(chr, [*range(0xD800), *range(0xE000, 0x30000)])
        if not _spans._COMBINING.match(char) and char != "\r"
    ]
    beside = ("a", "\n", "三", "\U0001f600")
    assert len(alone) > 20_000
    for other in beside:
        assert regex.findall(r"\X", other.join(alone)) == list(other.join(alone))


@given(st.dictionaries(st.integers(0, 8), st.frozensets(st.integers(0, 8), max_size=3)))
def test_depths_are_those_of_a_plain_recursion_unless_groups_need_each_other(
    needs: dict[int, frozenset[int]],
) -> None:
    def depth(own: int, above: tuple[int, ...] = ()) -> int:
        assert own not in above
        return 1 + max((depth(other, (*above, own)) for other in needs.get(own, ())), default=-1)

    found = depths(needs)
    try:
        expected = {own: depth(own) for own in needs if any(own in of for of in needs.values())}
    except AssertionError:
        assert found is None
    else:
        assert found == expected

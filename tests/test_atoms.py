"""What the atoms of a text are: pieces that no cut divides, and pieces that need others."""

import re
from itertools import pairwise

import pytest
import regex
from hypothesis import example, given
from hypothesis import strategies as st

from cotpress.atoms import Atom, atoms

PIECES = [
    *("\\frac{1}{2}", "$x + 1 = 2$", "\\(", "\\)", "\\[", "\\]", "$$", "$", "{", "}", "(", ")"),
    *("\\begin{align}", "\\end{align}", "\\\\", "\\left(", "\\right)", "x^{2}", "|−4|", "[", "]"),
    *("10⁻³", "5¾", "3e8", "KX7", "1,250.5", "7!", "30 %", " ", "\n", "\r\n", "```\n", "| a |\n"),
    *("कि", "ที่", "👨‍👩‍👧", "🇯🇵", "é", "三十二", "한", " = ", " + ", "-", "the", ".", ","),
]
texts = st.lists(st.sampled_from(PIECES) | st.text(max_size=3), max_size=14).map("".join)


def piece(text: str, said: str) -> list[Atom]:
    """The atoms in which all of `said` lies at once, at its first place in the text."""
    start = text.index(said)
    end = start + len(said)
    return [one for one in atoms(text) if any(a <= start and end <= b for a, b in one.spans)]


def holder(text: str, at: int) -> int:
    """The index of the atom that has the character at this place."""
    return next(n for n, one in enumerate(atoms(text)) if any(a <= at < b for a, b in one.spans))


def needed(text: str, said: str) -> set[int]:
    """The atoms without which the one at the start of `said` is not kept, itself included."""
    found, n, result = atoms(text), holder(text, text.index(said)), set()
    while n >= 0:
        result.add(n)
        n = found[n].needs
    return result


WHOLE = {
    "a call of a tool and what it gave": [
        (
            'so <tool_call>\n{"name": "add", "arguments": {"a": 3}}\n</tool_call> then',
            '<tool_call>\n{"name": "add", "arguments": {"a": 3}}\n</tool_call>',
        ),
        (
            "it gave <tool_response>3 + 4\n= 7</tool_response> so 7",
            "<tool_response>3 + 4\n= 7</tool_response>",
        ),
    ],
    "a command with its arguments": [
        ("so \\frac{23}{45} of it", "\\frac{23}{45}"),
        ("and \\sqrt[3]{64} too", "\\sqrt[3]{64}"),
        ("with \\binom{n}{3} ways", "\\binom{n}{3}"),
        ("now \\left(\\frac{a}{b}\\right)^{2} is", "\\left(\\frac{a}{b}\\right)^{2}"),
        ("then b_{14} and x^{20}", "b_{14}"),
        ("then b_{14} and x^{20}", "x^{20}"),
    ],
    "a number with what is raised or lowered": [
        ("about 4.5 × 10⁻¹² m", "10⁻¹²"),
        ("so y⁷ grows", "y⁷"),
        ("take 7⅜ cups", "7⅜"),
        ("half is ½ of it", "½"),
        ("as 1101₂ says", "1101₂"),
        ("about 2.5 × 10⁷ of them", "2.5 × 10⁷"),
        ("about 4.2 \\times 10^{-6} of it", "4.2 \\times 10^{-6}"),
        ("all 2 500 000 of them", "2 500 000"),
    ],
    "a power of ten in a line": [
        ("of 4e-7 per day", "4e-7"),
        ("or 2.5E+9 in all", "2.5E+9"),
        ("about 6e12 cells", "6e12"),
    ],
    "brackets and the sign after a number": [
        ("so 5 × (6 + 2) = 40", "(6 + 2)"),
        ("where k! counts them", "k!"),
        ("since h(t) falls", "h(t)"),
        ("in \\mathbb{Z}^3 now", "\\mathbb{Z}^3"),
        ("that 9!/7! is 72", "9!"),
        ("as |−8| is 8", "|−8|"),
        ("just 4(7 − 2) is 20", "4(7 − 2)"),
        ("take 35 % of it", "35 %"),
    ],
    "a letter of an equation with its factor": [
        ("where 4a + 7b = 51", "4a"),
        ("where 4a + 7b = 51", "7b"),
        ("so 5(b - 3) - 2b = 6", "5(b - 3)"),
    ],
    "a name with digits": [
        ("plate QZ34RTY at the door", "QZ34RTY"),
        ("order REF-20X7 came", "REF-20X7"),
        ("at 0x2B9C it", "0x2B9C"),
        ("colour #3A7FD0 is", "#3A7FD0"),
        ("build v4.1.17b2 was", "v4.1.17b2"),
        ("order KL-40-MN came", "KL-40-MN"),
        ("build 3.7.2-alpha was", "3.7.2-alpha"),
    ],
    "a character with its marks": [
        ("यह किताब है", "कि"),
        ("ที่นี่", "ที่"),
        ("two 👩‍🚀 and", "👩‍🚀"),
        ("an 👋🏿 and", "👋🏿"),
        ("🇯🇵🇧🇷", "🇧🇷"),
        ("cafe\u0301s", "e\u0301"),
        ("தமிழ் மொழி", "மொ"),
        ("שָׁלוֹם", "שָׁ"),
    ],
    "a numeral in words": [
        ("买了四十七个梨", "四十七"),
        ("降低百分之十五", "百分之十五"),
        ("约为三点一四", "三点一四"),
        ("其中五分之二是", "五分之二"),
        ("共有35万人", "35万"),
    ],
    "code and tables": [
        ("See\n```python\nx = 1\n```\nthen", "```python\nx = 1\n```"),
        ("So\n| a | b |\n| 1 | 2 |\nthen", "| a | b |\n| 1 | 2 |"),
    ],
}


@pytest.mark.parametrize(
    ("kind", "text", "said"), [(kind, *case) for kind, of in WHOLE.items() for case in of]
)
def test_what_would_mean_something_else_in_half_is_one_atom(
    kind: str, text: str, said: str
) -> None:
    assert piece(text, said), f"{kind}: {said} is divided in {atoms(text)}"


@pytest.mark.parametrize(
    ("text", "later", "earlier"),
    [
        ("so 3 + 4 = 7 in all", "= 7", "3"),
        ("so 3 + 4 = 7 in all", "= 7", "4"),
        ("the sum 12 - 5 × 2 is", "× 2", "12"),
        ("hence x = y + 6 holds", "+ 6", "x"),
        ("    if k % 7 == 3:", "% 7", "k"),
        ("    seen += k", "+=", "seen"),
        ("    b = n // 4", "// 4", "n"),
        ("so $a + b = c$ holds", "= c", "$a"),
        ("\\[u = v - w\\]", "- w", "\\[u"),
        ("\\begin{align}a &= b\\\\c &= d\\end{align}", "c &= d", "\\begin"),
    ],
)
def test_an_operator_and_its_operand_need_what_stands_before(
    text: str, later: str, earlier: str
) -> None:
    assert holder(text, text.index(earlier)) in needed(text, later)


@pytest.mark.parametrize(
    ("text", "opens", "closes"),
    [
        ("so $a + b = c$ holds", "$", "$"),
        ("so $$a + b = c$$ holds", "$$", "$$"),
        ("so \\(a + b = c\\) holds", "\\(", "\\)"),
        ("so \\[a + b = c\\] holds", "\\[", "\\]"),
        ("\\begin{align}a &= b\\\\c &= d\\end{align}", "\\begin{align}", "\\end{align}"),
        ("he said (though nobody had asked him) no", "(", ")"),
        ("[see the second page there] it says", "[", "]"),
    ],
)
def test_both_ends_of_what_is_enclosed_are_in_one_atom(text: str, opens: str, closes: str) -> None:
    start, end = text.index(opens), text.rindex(closes)
    places = [*range(start, start + len(opens)), *range(end, end + len(closes))]
    assert len({holder(text, at) for at in places}) == 1


@pytest.mark.parametrize(
    ("text", "one", "other"),
    [
        ("a well-known fact", "well", "known"),
        ("We had a dog and a cat", "dog", "cat"),
        ("She paid $5 and then $7 more", "$5", "$7"),
        ("12 pens\n3 are lost", "12", "3"),
        ("The price is 6. Then 8 came", "6", "8"),
    ],
)
def test_what_only_stands_near_is_not_bound(text: str, one: str, other: str) -> None:
    start, end = text.index(one), text.index(other)
    assert not any(a <= start and end < b for found in atoms(text) for a, b in found.spans), atoms(
        text
    )
    for atom in atoms(text):
        inside = [any(a <= at < b for a, b in atom.spans) for at in (start, end)]
        assert not all(inside)


def test_prose_without_mathematics_has_no_atoms() -> None:
    assert atoms("First we ask how many there are, and then we count them one by one.") == []
    assert atoms("") == []


@given(texts)
def test_atoms_lie_in_the_text_and_share_no_character(text: str) -> None:
    for atom in atoms(text):
        assert atom.spans
        assert all(b <= c for (_, b), (c, _) in pairwise(atom.spans))
    spans = sorted(span for atom in atoms(text) for span in atom.spans)
    assert all(0 <= a < b <= len(text) for a, b in spans)
    assert all(b <= c for (_, b), (c, _) in pairwise(spans))


@given(texts)
def test_no_atom_needs_one_that_needs_it(text: str) -> None:
    found = atoms(text)
    for n, atom in enumerate(found):
        assert -1 <= atom.needs < len(found)
        seen = {n}
        while atom.needs >= 0:
            assert atom.needs not in seen
            seen.add(atom.needs)
            atom = found[atom.needs]


@given(texts)
@example("cafe\u03015")
@example("$$v$$3.5")
def test_no_atom_ends_inside_of_a_character_or_a_number(text: str) -> None:
    edges = {at for atom in atoms(text) for span in atom.spans for at in span}
    for match in [*regex.finditer(r"\X", text), *re.finditer(r"\d+(?:[.,]\d+)*", text)]:
        assert not edges & set(range(match.start() + 1, match.end())), match


@given(texts)
@example("cafe\u03015")
def test_every_character_of_several_code_points_is_in_one_atom(text: str) -> None:
    spans = [span for atom in atoms(text) for span in atom.spans]
    for match in regex.finditer(r"\X", text):
        if len(match[0]) > 1:
            assert any(a <= match.start() and match.end() <= b for a, b in spans), match

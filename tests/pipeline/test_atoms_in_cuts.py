"""What a cut never does to a text, at any unit, ratio and protection: leave half of a number, of a
formula or of a character, or glue lines.
"""

import json
import random
import re
import sys
from collections.abc import Callable
from itertools import pairwise, product
from pathlib import Path
from typing import NamedTuple

import pytest
import regex
from hypothesis import given, settings
from hypothesis import strategies as st
from make import make_scored

from cotpress.pipeline.compress import cut, room, selected
from cotpress.pipeline.order import keeping_order
from cotpress.pipeline.segmenting import Protect, Rules, Segments, segmented

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))
from kept_ratio import damages, is_balanced

DATA = Path(__file__).parents[3] / "shared" / "data"
RATIOS = [n / 10 for n in range(9, 0, -1)]
UNITS = ["token", "number", "word"]
PROTECTS: list[Protect] = ["none", "symbols"]

SOLUTIONS = [
    r"We factor: $x^2 - 7x + 12 = (x - 3)(x - 4)$. Hence $x = 3$ or $x = 4$, and the sum is $\boxed{7}$.",
    r"The slope is $\frac{9 - 3}{5 - 2} = \frac{6}{3} = 2$, so the line is $y = 2x - 1$.",
    "By the Law of Cosines,\n\\[c^2 = a^2 + b^2 - 2ab \\cos C = 25 + 64 - 40 = 49,\\]\nso $c = \\boxed{7}$.",
    "We have\n\\begin{align*}\n3x + 2y &= 16,\\\\\nx - y &= 2.\n\\end{align*}\nAdding, $5x = 20$, so $x = 4$.",
    r"There are $\binom{6}{2} = 15$ pairs, of which $3 \cdot 2 = 6$ are good: $\frac{6}{15} = \frac{2}{5}$.",
    r"The roots are \(1 \pm \sqrt{5}\), so their product is \((1 + \sqrt{5})(1 - \sqrt{5}) = -4\).",
    "The matrix is $\\begin{pmatrix} 1 & 2 \\\\ 0 & 3 \\end{pmatrix}$, whose determinant is $1 \\cdot 3 - 2 \\cdot 0 = 3$.",
    "$$\\sum_{k=1}^{10} k = \\frac{10 \\cdot 11}{2} = 55$$\nand $\\left(\\frac{1}{2}\\right)^{3} = \\frac{1}{8}$.",
    r"The function is defined on $[0, 4)$ (which is half open), and $f(x) \le 2^{x+1}$ for $x \in \{1, 2, 3\}$.",
    "He pays \\$12.50 for 5 tickets (that is \\$2.50 each).\n\nThen 30\\% of \\$12.50 is \\$3.75.",
    r"Modulo $11$, $2^{10} \equiv 1$, so $2^{103} = (2^{10})^{10} \cdot 2^{3} \equiv 8 \pmod{11}$.",
    "Let $a_n = 3a_{n-1} + 2$.\n\n1. $a_1 = 1$\n2. $a_2 = 5$\n3. $a_3 = 17$\n\nSo $a_3 - a_1 = \\boxed{16}$.",
]
FORMULAS = r"""$a + b = 12$;$\frac{3}{4}$;\(x_{1} - 2\);\[y^{2} = 9\];$$u \cdot v$$;\sqrt{16};5!;7⅓;|−6|
\begin{cases} 1 & x \\ 2 & y \end{cases};\left[0, 1\right);4 × 10⁻⁷;(8 − 3) × 2 = 10;2.5e-3;3x + 2y = 5
\$4.20;REF-20X7;v4.1.17b2;0x2B9C;#3A7FD0;at gate C12;1,250.75;(see above);10 000"""
MARKDOWN = [
    *(
        "\n```python\nfor i in [1, 2]:\n    f(i)\n```\n",
        "\n- one\n- two (2)\n",
        "**bold**",
        "# A\n",
    ),
    *("\n| a | b |\n|---|---|\n| 1 | 2 |\n", "`x[0]`", "def f(n):\n    return n + 1\n", "\n\n"),
    *(" ", "\n", ". ", ", ", "the ", "so ", " we get ", "x", "12", "3.5", "-", "=", "8 to 5"),
]
SCRIPTS = """किताबें ३२ हैं;क्षत्रिय;ที่นี่มี ๑๒ ลูก;น้ำ;الكِتَابُ ١٢;شُكْرًا;二十七个苹果;百分之五;三点五;りんごが 12 個;が;사과 12개
각;👨‍👩‍👧 3;👍🏽;🇯🇵🇧🇷;❤️;שָׁלוֹם 7;தமிழ் 18;மொழி;cafe\u0301;x̂;½"""
letters = st.text(
    st.characters(codec="utf-8", categories=["L", "M", "N"], include_characters=" \n"), max_size=3
)
drawn = [*re.split("[;\n]", FORMULAS), *re.split("[;\n]", SCRIPTS), *MARKDOWN]
apart = st.sampled_from([" ", "\n", ", ", ". "])
"""Side by side, `$x$` and `12` would make a price."""
mixed = st.lists(st.tuples(st.sampled_from(drawn) | letters, apart), min_size=1, max_size=8).map(
    lambda found: "".join(part for pair in found for part in pair)
)


COARSE = r" ?[^\W\d]{1,4}|\d| ?[^\w\s]{1,2}|\s| ?\w"
"""Tokens about as a byte-pair model has them."""


class Cuts(NamedTuple):
    """A text, and which characters each cut of it keeps."""

    parts: Segments
    kept: dict[float, list[int]]

    def lines(self) -> list[str]:
        return ["".join(self.parts.text[i] for i in kept) for kept in self.kept.values()]


def cuts_at(
    text: str, unit: str, protect: Protect, seed: int, coarse: bool, pattern: str = COARSE
) -> Cuts:
    tokens = re.findall(pattern, text) if coarse else list(text)
    chance = random.Random(seed)
    scored = make_scored(tokens, [chance.random() for _ in tokens])
    assert scored.trace.reasoning == text
    parts = segmented(scored, Rules(unit, protect))
    order, starts = keeping_order(parts), [0, *parts.ends]
    chosen = {ratio: selected(parts, order, ratio) for ratio in RATIOS}
    pieces = [range(*edges) for edges in pairwise(starts)]
    return Cuts(
        parts, {ratio: [at for i in of for at in pieces[i]] for ratio, of in chosen.items()}
    )


rules = (st.sampled_from(UNITS), st.sampled_from(PROTECTS), st.integers(0, 99), st.booleans())
any_cuts = st.builds(cuts_at, st.sampled_from(SOLUTIONS) | mixed, *rules)


def test_the_check_of_balance_knows_what_is_balanced() -> None:
    assert all(map(is_balanced, SOLUTIONS))
    for text in ("$x", "\\(x", "{", ")", "\\begin{a}\\end{b}", "({)}", "```\nx", "$$x$"):
        assert not is_balanced(text), text


def what_opens_closes(cuts: Cuts) -> None:
    if is_balanced(cuts.parts.text):
        for short in cuts.lines():
            assert is_balanced(short), (cuts.parts.text, short)


def glued(cuts: Cuts, text: str) -> list[str]:
    """Cuts with characters of different lines of `text` side by side."""
    return [
        short
        for kept, short in zip(cuts.kept.values(), cuts.lines(), strict=True)
        for a, b in pairwise(kept)
        if "\n" in text[a + 1 : b] and "\n" not in (text[a], text[b])
    ]


NUMBER = re.compile(r"\d+(?:[.,]\d+)*")


def numbers_are_whole(cuts: Cuts) -> None:
    known = set(NUMBER.findall(cuts.parts.text))
    for short in cuts.lines():
        assert set(NUMBER.findall(short)) <= known, (cuts.parts.text, short)


def characters_are_whole(cuts: Cuts) -> None:
    for kept in map(set, cuts.kept.values()):
        for match in regex.finditer(r"\X", cuts.parts.text):
            here = kept & set(range(*match.span()))
            assert len(here) in (0, len(match[0])), (cuts.parts.text, match)


def lines_stay_apart_but_in_an_environment(cuts: Cuts) -> None:
    within = re.compile(r"\\begin\{(\w+\*?)\}.*?\\end\{\1\}", re.DOTALL)
    text = within.sub(lambda match: match[0].replace("\n", " "), cuts.parts.text)
    assert not glued(cuts, text), cuts.parts.text


def cuts_are_nested_within_their_budgets(cuts: Cuts) -> None:
    for ratio, kept in cuts.kept.items():
        assert kept == sorted(set(kept))
        made = cut(cuts.parts, selected(cuts.parts, keeping_order(cuts.parts), ratio), ratio)
        assert made.reasoning == "".join(cuts.parts.text[i] for i in kept)
        assert made.n_tokens <= room(cuts.parts, ratio), cuts.parts.text
    for larger, smaller in pairwise(cuts.kept.values()):
        assert set(smaller) <= set(larger), cuts.parts.text


PROPERTIES = [what_opens_closes, numbers_are_whole, characters_are_whole]
OF_LINES_AND_SIZES = [lines_stay_apart_but_in_an_environment, cuts_are_nested_within_their_budgets]


@pytest.mark.parametrize("holds", PROPERTIES + OF_LINES_AND_SIZES)
def test_this_holds_in_every_cut(holds: Callable[[Cuts], None]) -> None:
    settings(max_examples=150)(given(any_cuts)(holds))()


CAREFUL = [
    *(r"so $x \in \{1, 2, 3\}$ ok", "so $w = (z - c)$ ok", "so $(a, b) = c$ ok", "a $ x = 5$ now"),
    *("we let $x = $ the side and find $y$", r"in $\alpha $ is $b$ of it"),
    *(r"so $\bigl(a - b\bigr)$ ok", "It is (as $x = 6$ says here) so", "(see above)12 of"),
    *("1. Run\n   ```python\n   x = [1]\n   ```\nso", "$$v$$3.5 of", "so $a = b$ 20 of"),
    *(
        "print 7*25= 175 pages.\nThis will cost 175*$.10 = 17.5.",
        "有3个苹果和12个梨",
        "cafe\u03015 x",
    ),
    *("12cafe\u0301s", "👍🏽5 of them", r"\sqrt{16}किताब", "one two\r\nthree 4 five\r\nsix"),
]


@pytest.mark.parametrize("text", CAREFUL)
def test_these_come_to_no_harm(text: str) -> None:
    for unit, seed, coarse in product(UNITS, range(25), (True, False)):
        cuts = cuts_at(text, unit, "none", seed, coarse)
        for holds in PROPERTIES:
            holds(cuts)


HALVES = r"""We get $\frac{23}{45} + \frac{2}{9} = 1$, $\sqrt{81} = 9$.; \frac{23}{45} ; \frac{2}{9} ; \sqrt{81}
So $\binom{n}{3}$ ways, as $\left(\frac{b-1}{4}\right)^{2}$.; \binom{n}{3} ; \left(\frac{b-1}{4}\right)^{2}
The mass is 4.5 × 10⁻¹² kg and 3⁵ = 243, ¾ of 20 and 7⅜ of 8 are 1101₂.; 10⁻¹² ; 3⁵ ; ¾ ; 7⅜ ; 1101₂
The rate is 4e-7 a day, or 2.5E+9 in all, so 35 % of it.; 4e-7 ; 2.5E+9 ; 35 %
First 5 × (6 + 2) = 40 and then (40 − 4) × (3 + 1) = 144.; (6 + 2) ; (40 − 4) ; (3 + 1)
We have 9!/7! = 72 and |−8| = 8 and 4(7 − 2) = 20.; 9! ; 7! ; |−8| ; 4(7 − 2)
Then 4a + 7b = 51 and so 5(b - 3) + 2b = 6 as said.; 4a ; 7b ; 5(b - 3)
Plate QZ34RTY at C12, REF-20X7, v4.1.17b2, #3A7FD0.; QZ34RTY ; C12 ; REF-20X7 ; v4.1.17b2 ; #3A7FD0
यह किताब ३२ रुपये की है; कि ; ३२
他买了四十七个梨，每个三点五元，再减百分之十五，得到140元。; 四十七 ; 三点五 ; 百分之十五 ; 140"""


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("protect", PROTECTS)
@pytest.mark.parametrize("line", HALVES.split("\n"))
def test_each_of_these_is_kept_or_dropped_whole(line: str, protect: Protect, unit: str) -> None:
    text, *wholes = (part.strip() for part in line.split(";"))
    for seed in range(6):
        for kept in map(set, cuts_at(text, unit, protect, seed, seed % 2 == 0).kept.values()):
            for said in wholes:
                start = text.index(said)
                here = kept & set(range(start, start + len(said)))
                assert len(here) in (0, len(said)), (said, "".join(text[i] for i in sorted(kept)))


def test_a_result_never_stands_without_what_it_is_the_result_of() -> None:
    for text in ("so 6 + 8| = 14 pens", "Then x = y| + 9, she says", "At $p - q| = 5$ we stop"):
        said, _, result = text.partition("|")
        for unit, seed in product(UNITS, range(6)):
            for short in cuts_at(said + result, unit, "none", seed, True).lines():
                assert result[:4] not in short or said.split(" ", 1)[1] in short, short


@pytest.mark.parametrize("pattern", [r"\s*\w+|\s*[^\w\s]", r" ?\w+| ?[^\w\s]|\s"])
@pytest.mark.parametrize(
    "text",
    [
        "I have 9 cups\nThen 4 break\nSo 9 - 4 = 5 are left",
        "def g(k):\n    out = 1\n    while k > 3:\n        k -= 2\n    return out",
    ],
)
def test_lines_keep_their_breaks_whatever_the_tokens(text: str, pattern: str) -> None:
    for seed in range(20):
        assert not glued(cuts_at(text, UNITS[seed % 3], "none", seed, True, pattern), text)


@pytest.mark.slow
@pytest.mark.skipif(not DATA.exists(), reason="needs ../shared/data")
@pytest.mark.parametrize(
    ("file", "field"), [("math500_public.jsonl", "solution"), ("gsm8k_train.jsonl", "cot")]
)
def test_solutions_as_people_write_them_come_to_no_harm_and_the_budget_is_met(
    file: str, field: str
) -> None:
    lines = (DATA / file).read_text(encoding="utf-8").split("\n")[:250]
    texts = [re.sub(r"<<.*?>>", "", json.loads(line)[field]) for line in lines if line]
    kept = []
    for n, text in enumerate(texts):
        for unit, protect in product(UNITS, PROTECTS):
            cuts = cuts_at(text, unit, protect, n, True)
            assert not [found for at in cuts.kept.values() for found in damages(text, at)]
            if (unit, protect) == ("number", "symbols"):
                parts = cuts.parts
                chosen = selected(parts, keeping_order(parts), 0.5)
                kept.append(sum(parts.n_tokens[i] for i in chosen) / sum(parts.n_tokens))
    assert sum(kept) / len(kept) == pytest.approx(0.5, abs=0.02)

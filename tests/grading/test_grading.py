r"""Grading is a table: (what the model wrote, reference, verdict, why), one row per known trap.

Formulas need math-verify; those tests are left out where it is not installed.
"""

import json
from importlib.util import find_spec
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cotpress import plugins
from cotpress.errors import UnknownName
from cotpress.grading import boxed, found_answer, load
from cotpress.grading._numbers import number

DATA = Path(__file__).parents[3] / "shared" / "data"
needs_algebra = pytest.mark.skipif(
    find_spec("math_verify") is None, reason="math-verify is not installed"
)

MEASURED = [  # the table of the TokenSkip specification, section 8
    ("500", "5", False, "no free factor of 100"),
    ("18", "1800", False, "no free factor of 100"),
    ("50", "0.5", False, "no free factor of 100"),
    ("18%", "18", True, "the sign may be a unit: the question asks for a percentage"),
    ("18", r"18\%", True, "the same the other way round"),
    ("0.001", "0.0005", False, "no absolute tolerance"),
    ("3.1416", "3.1415", False, "no absolute tolerance"),
    ("[0,1]", "(0,1)", False, "open is not closed"),
    ("(1,200)", "(1,2)", False, "no free factor of 100 in a pair"),
    (r"\{2,1\}", r"\{1,2\}", True, "sets have no order"),
    ("{2,1}", "{1,2}", True, "sets without backslashes"),
    ("2,1", "1,2", True, "a list of solutions has no order"),
    ("10", r"10\text{ cm}", True, "units do not count"),
    (r"10\text{ cm}", "10", True, "units do not count"),
    ("A", "(A)", True, "brackets around a letter"),
    ("East", "east", True, "case of words"),
    ("0.333", "1/3", False, "three digits are not a third"),
    ("14_8", "14", False, "another base is another number (math-verify: equal)"),
    (r"2\sqrt{2}", r"\sqrt{8}", True, "surds"),
    (r"\frac12", "0.5", True, "fractions"),
]

NUMBERS = [
    ("18.0", "18", True, "trailing zeros"),
    ("-18", "18", False, "sign"),
    ("−18", "-18", True, "typographic minus"),
    ("$1,800.00", "1800", True, "currency and commas"),
    ("$-18", "-18", True, "a sign after the currency"),
    ("$-18", "18", False, "a sign after the currency"),
    (r"\$32,\!348", "32348", True, "LaTeX thousands"),
    ("1{,}000", "1000", True, "LaTeX thousands with braces"),
    (r"11,\! 111,\! 111,\! 100", "11111111100", True, "LaTeX thousands with spaces"),
    ("18 apples", "18", True, "unit in words"),
    ("7 p.m.", "7", True, "unit with full stops"),
    ("5 cm^2", "5", True, "square unit"),
    (r"864 \mbox{ inches}^2", "864", True, "unit in a box"),
    (r"90^\circ", "90", True, "degrees"),
    ("90°", r"90^{\circ}", True, "typographic degrees"),
    ("18%", "0.18", True, "the sign may be a factor"),
    ("1800%", "18%", False, "two signs leave one reading"),
    ("0.18", "18", False, "no sign, no factor"),
    ("3 dozen", "3", True, "a scale may be a unit"),
    ("3 dozen", "36", True, "or a factor"),
    ("1.5 million", "1500000", True, "scale"),
    ("1.5 million", "1500", False, "scale"),
    ("0.0000002", "0.0000001", False, "tiny numbers are exact (math-verify: equal)"),
    ("0.0000001", r"\frac{1}{5000000}", False, "tiny fractions are exact (math-verify: equal)"),
    ("0.333333", r"\frac{1}{3}", True, "six digits, rightly rounded"),
    ("0.666666", r"\frac{2}{3}", False, "six digits, wrongly rounded"),
    ("0.33333", r"\frac{1}{3}", False, "five digits"),
    ("0.333333%", r"\frac{1}{3}", False, "six digits of another number"),
    (r"15\frac{39}{40}", r"\frac{639}{40}", True, "mixed number"),
    (r"1.5\frac{1}{2}", "2", None, "no mixed number: its whole part is none"),
    ("4/2", "2", True, "fraction that is whole"),
    (r"\frac43", r"\dfrac{4}{3}", True, "fraction without braces"),
    ("12 and a half", "12", None, "more than a number"),
    ("5 or 6", "5", None, "two answers"),
    ("2 pi", "2", None, "no unit: a factor"),
    ("2x", "2", None, "no unit: a variable"),
    (r"\frac{5}{0}", "5", None, "no number"),
    ("5/0", "5", None, "no number"),
    ("10³", "103", False, "an exponent is no digit"),
    ("10³", "1000", True, "a power of ten"),
    ("1e-07", "0.0000001", True, "as Python writes it"),
    (r"6.02 \times 10^{23}", "6.02e23", True, "scientific notation"),
    ("6.02 × 10^23", "602000000000000000000000", True, "scientific notation, written out"),
    (r"2 \cdot 10^{-7}", "0.0000001", False, "tiny powers are exact (math-verify: equal)"),
    (r"2 \times 10^{3} + 1", "2001", None, "more than a number"),
    ("10^{999999999}", "1", None, "a power that is never written out"),
    ("1 1/2", "1.5", True, "mixed number in a line"),
    ("1 1/2", "0.5", False, "mixed number in a line (math-verify: a product)"),
]

FORMULAS = [
    (
        r"1-1/\mathrm{e}",
        r"1+1/\mathrm{e}",
        False,
        "math-verify's search finds the 1 in both (Math-Verify#14)",
    ),
    ("x+y=2", "x+y=1", False, "equations without $ are not 0 = 0 (Math-Verify#60, #64)"),
    ("pi/2", r"\dfrac{\pi}{2}", True, "pi without a backslash (Math-Verify#69)"),
    ("π/2", r"\frac{\pi}{2}", True, "typographic pi"),
    ("2 pi", "2", False, "pi is no unit"),
    ("12 and a half", "12", False, "a half more"),
    ("5 or 6", "5", False, "one of two answers"),
    ("3 + 15 = 18", "18", True, "the last side of an equation"),
    ("x = 18", "18", True, "an assignment"),
    ("x**2", "x^2", True, "a power as programs write it"),
    ("q - p", "p - q", False, "order of a difference"),
    (r"1+\sqrt{19}, 1-\sqrt{19}", r"1 \pm \sqrt{19}", True, "plus-minus is two answers"),
    (r"(3,\infty)\cup(-\infty,2)", r"(-\infty, 2) \cup (3, \infty)", True, "a union has no order"),
    ("(2,102)", r"(2,12) \cup (12,102)", False, "a hole in an interval"),
    (
        r"\begin{bmatrix}1\\2\end{bmatrix}",
        r"\begin{pmatrix}1\\2\end{pmatrix}",
        True,
        "brackets of a matrix",
    ),
    (
        r"\begin{pmatrix}1\\3\end{pmatrix}",
        r"\begin{pmatrix}1\\2\end{pmatrix}",
        False,
        "an entry of a matrix",
    ),
    (
        r"\begin{pmatrix}1\\2\end{pmatrix}",
        r"\begin{pmatrix} 1 \\ 2 \end{pmatrix}",
        True,
        "blanks in a matrix",
    ),
    ("x = 1e5", "x = 100000", True, "scientific notation in a formula"),
    (r"10^{-9}", r"10^{-8}", False, "tiny powers"),
    ("2^2", "4", True, "a power that is a number"),
    (r"\text{six}", "6", True, "a number in words"),
    (r"\text{six}", "7", False, "another number in words"),
    ("y=2x", "y=-2x", False, "sign in an equation"),
]

WORDS = [
    (r"\text{ Evelyn}.", r"\text{Evelyn}", True, "space and full stop"),
    (r"\text{(C)}", r"\text{(B)}", False, "letters"),
    ("B", r"\text{(B)}", True, "a letter as text"),
    ("14", "14_8", False, "a base that is missing"),
    ("14_{8}", "14_8", True, "a base in braces"),
    ("14_9", "14_8", False, "another base"),
    (r"120_{\text{five}}", "120_{five}", True, "a base in words"),
]


def box(answer: str) -> str:
    return rf"So the answer is $\boxed{{{answer}}}$."


@needs_algebra
@pytest.mark.parametrize(("said", "reference", "correct", "why"), MEASURED + FORMULAS)
def test_the_math_grader_gives_the_verdict_of_the_table(said, reference, correct, why):
    grade = load("math")(box(said), reference)
    assert (grade.correct, grade.status) == (correct, "ok"), why


@pytest.mark.parametrize(("said", "reference", "correct", "why"), NUMBERS + WORDS)
def test_numbers_and_words_are_decided_without_algebra(said, reference, correct, why):
    grade = load("math").quick(box(said), reference)
    if correct is None:
        assert grade == said.strip(), why
    else:
        assert (grade.correct, grade.status) == (correct, "ok"), why


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        (r"first \boxed{5}, no: \boxed{6}", "6"),
        (r"\boxed{5} and then \boxed{6", "5"),
        (r"\boxed{\frac{1}{2}}", r"\frac{1}{2}"),
        (r"\boxed{\{1, 2\}}", r"\{1, 2\}"),
        (r"\boxed{x = \boxed{5}}", "5"),
        (r"\fbox{7}", "7"),
        (r"\boxed 7$", "7"),
        (r"The answer is 5. Put it within \boxed{}.", "5"),
        ("The answer is 3.14.", "3.14"),
        ("The answer is 18, because 3 + 15 = 18", "18"),
        ("**Answer:** 18", "18"),
        ("The final answer is: $\\frac{1}{2}$. I hope it is correct.", r"$\frac{1}{2}$"),
        ("So the answer is that Mia, at 9, has 18 apples.", "18"),
        ("The answer is $18 per day.", "$18 per day"),
        ("The answer (in dollars) is 18", "18"),
        ("3 + 4 = 7\n#### 7", "7"),
        ("the answer is 5. Wait, the answer is 6.", "6"),
        ("The answer is obvious: 18", "18"),
        ("The answer is approximately 18", "18"),
        ("The answer is log 5", "log 5"),
        ("The answer is:\n\n$$\n18\n$$\n", "18"),
        ("To answer the question: how many? She has 18", "18"),
        ("For the answer, we need to be careful. She has 18", "18"),
        ("Final Answer\n18", "18"),
        ("**Final answer**: 18", "18"),
        ("<answer>18</answer>, which is 3 * 6", "18"),
        ("所以答案是 42。谢谢，3", "42"),
        ("There are 3 cats and 4 dogs", "4"),
        ("It was -3 degrees", "-3"),
        ("That is 9-3", "3"),
        ("It costs $1,250.50 in all", "$1,250.50"),
        ("no idea", None),
        ("", None),
    ],
)
def test_the_answer_is_the_last_box_else_the_last_answer_sentence_else_the_last_number(
    text, answer
):
    assert found_answer(text) == answer


@pytest.mark.parametrize("name", ["math", "choice", "exact", "code", "text"])
@pytest.mark.parametrize("text", ["", "   \n", r"\boxed{}", r"\boxed{ }"])
def test_no_answer_is_said_and_not_counted_as_wrong_by_silence(name, text):
    grade = load(name)(text, "A")
    if name in ("exact", "code", "text") and text.strip():
        assert grade.correct is False
    else:
        assert (grade.answer, grade.correct, grade.status) == (None, False, "no_answer")


@pytest.mark.parametrize(
    ("text", "reference", "correct"),
    [
        (r"\boxed{A}", "A", True),
        (r"\boxed{(A)}", "A", True),
        (r"\boxed{\text{(A)}}", "A", True),
        (r"\boxed{\text{A. five}}", "(A)", True),
        ("The answer is A.", "A", True),
        ("The answer is (b)", "B", True),
        ("The answer is option C.", "C", True),
        ("I would choose option D because it is largest", "D", True),
        ("B", "B", True),
        ("b)", "B", True),
        ("It must be (A) or (C); so (C) it is", "C", True),
        ("The correct option is B", "B", True),
        ("The right choice is **(B)**", "B", True),
        ("Therefore, B is the correct answer.", "B", True),
        ("<answer>\nB\n</answer>", "B", True),
        ('The answer is "B"', "B", True),
        ("答案：B", "B", True),
        (r"\boxed{B}", "A", False),
        ("The answer is (A) five", "B", False),
    ],
)
def test_choice_reads_the_letter_in_every_dress(text, reference, correct):
    grade = load("choice")(text, reference)
    assert (grade.correct, grade.status) == (correct, "ok")
    assert grade.answer.isupper()


def test_an_article_is_not_the_letter_a():
    assert load("choice")("The answer is a dog", "A").status == "no_answer"


def test_a_reference_that_is_no_letter_is_an_error_not_a_wrong_answer():
    assert load("choice")(r"\boxed{A}", "forty").status == "error"


@pytest.mark.parametrize(
    ("text", "reference", "correct"),
    [
        ("Tom is a lempus.", "Tom is a lempus.", True),
        ("First, Tom is a bompus.\n### Tom  is a Lempus", "Tom is a lempus.", True),
        ("The answer is: Tom is a lempus.", "Tom is a lempus.", True),
        (r"\boxed{\text{Tom is a lempus}}", "Tom is a lempus.", True),
        ("<answer>\nTom is a lempus.\n</answer>", "Tom is a lempus.", True),
        ("Tom is a gorpus.", "Tom is a lempus.", False),
    ],
)
def test_exact_compares_words(text, reference, correct):
    assert load("exact")(text, reference).correct is correct


def test_an_unknown_grader_is_answered_with_the_nearest():
    with pytest.raises(UnknownName, match=r"did you mean math\?"):
        load("maths")


@pytest.mark.parametrize(
    "text",
    [
        r"\boxed{" + "5" * 1_000_000 + "}",
        r"\boxed{" + "x+" * 500_000 + "}",
        r"\boxed{" * 100_000,
        "{" * 1_000_000,
        "}" * 1_000_000,
        "5" * 1_000_000,
        "answer " * 150_000,
        "answer is . " * 80_000,
        "*" * 1_000_000,
        "." * 1_000_000,
        "answer is " + "." * 1_000_000 + "x",
        "-" * 1_000_000,
        "\\" * 1_000_001,
        r"\boxed{" + "a" * 1_000_000,
        "$" * 1_000_000,
        "the answer is " + "$x" * 400_000,
    ],
    ids=lambda text: f"{text[:8]}…{text[-8:]}",
)
@pytest.mark.parametrize("name", ["math", "choice", "exact", "code", "text"])
def test_a_megabyte_of_nonsense_has_a_status_before_any_algebra(name, text):
    grade = load(name).quick(text, "B")
    assert grade.status in ("ok", "no_answer", "error")
    assert not grade.correct
    assert grade.answer is None or len(grade.answer) < 300


def test_a_lone_surrogate_does_not_reach_the_record():
    json.dumps(load("exact").quick("\ud800", "5").answer).encode()
    assert load("exact").quick("\ud800", "5").answer == "?"


def test_a_huge_power_is_no_number_and_waits_for_a_worker():
    assert load("math").quick(r"\boxed{9**9**9}", "18") == "9**9**9"
    assert number("1e999999999") is None


@given(st.text())
def test_every_text_is_graded_or_handed_on(text):
    for name in plugins.available("grading"):
        grade = load(name).quick(text, "18")
        assert isinstance(grade, str) or grade.status in ("ok", "no_answer", "error")


@given(st.text(alphabet=r"\boxed{} 15.,$%-/" + "\n"))
def test_the_answer_stands_in_the_text(text):
    answer = found_answer(text)
    assert answer is None or answer in text


@given(st.text(alphabet="ab{}\\ "), st.text(alphabet="x+1 ", min_size=1).filter(str.strip))
def test_what_is_in_the_last_balanced_box_is_read_back(before, answer):
    assert boxed(before.replace("\\", "") + rf" \boxed{{{answer}}}") == answer.strip()


@given(st.integers(), st.integers(0, 6))
def test_integers_are_equal_to_themselves_in_every_spelling_and_to_no_neighbour(n, zeros):
    spellings = [
        str(n),
        f"{n:,}",
        f"{n}.{'0' * zeros}",
        f"${n}$",
        f"{n} apples",
        rf"{n}\text{{ cm}}",
        f"**{n}**",
    ]
    for spelling in spellings:
        if len(spelling) < 100:
            assert load("math").quick(box(spelling), str(n)).correct
            assert not load("math").quick(box(spelling), str(n + 1)).correct


@needs_algebra
@pytest.mark.skipif(not DATA.exists(), reason="no shared data")
def test_every_reference_of_math_500_is_right_when_it_is_given_as_the_answer():
    rows = [
        json.loads(line)
        for line in (DATA / "math500_public.jsonl").read_text("utf-8").split("\n")
        if line
    ]
    wrong = [
        row["answer"] for row in rows if not load("math")(box(row["answer"]), row["answer"]).correct
    ]
    assert len(rows) == 250
    assert wrong == []


@pytest.mark.skipif(not DATA.exists(), reason="no shared data")
@pytest.mark.parametrize(
    "wording",
    [
        r"\boxed{{{}}}",
        "#### {}",
        "The answer is {} apples.",
        "She has ${} left",
        r"\(\boxed{{{}.00}}\)",
    ],
)
def test_every_reference_of_gsm8k_is_right_in_many_wordings_without_algebra(wording):
    rows = [
        json.loads(line)
        for line in (DATA / "gsm8k_test_public.jsonl").read_text("utf-8").split("\n")
        if line
    ]
    grades = [load("math").quick(wording.format(row["answer"]), row["answer"]) for row in rows]
    assert len(rows) == 919
    assert all(grade.correct for grade in grades)

r"""Numbers exactly, everything else by math-verify.

TokenSkip grades with DeepSeek-Math's evaluator, which takes 5 for 500, (0,1) for [0,1] and 0.0005
for 0.001 (specification section 8). Here a rule in exact fractions decides wherever both answers
are numbers, so that most of GSM8K needs no computer algebra at all; everything else goes to
math-verify, reference first, and only with the one answer that was read here: its own search pulls
numbers out of formulas it cannot parse. Rules that are ours:

- the last `\boxed{…}` counts, else the last sentence such as "the answer is …" or "#### …", else
  the last number;
- units, currency and commas are not part of a number, but two known units must be the same: 30 °C
  is 30, and not 30 °F. A percent sign or a word like "thousand" or
  "dozen" may be meant as a unit or as a factor, and both readings count: 18% is 18 and 0.18, but 18
  is neither 1800 nor 0.18;
- a fraction may be answered by a decimal with six or more digits after the point, rightly rounded;
- digits in another base are equal only with the same base: 14 is not 14_8 (math-verify drops the
  base);
- a condition is the interval that it allows, and "twelve" is 12; an option with what it says may be
  answered by either;
- words are compared without regard to case.

Computer algebra on hostile text may never end: it is the slow part, for a process that can be
killed.
"""

import importlib
import logging
import re
from functools import lru_cache
from types import ModuleType
from typing import Any

from cotpress.grading import NO_ANSWER, Grader, decided, undecided
from cotpress.grading._answer import found_answer
from cotpress.grading._numbers import number, same_number, with_point
from cotpress.grading._options import same_options, without_option
from cotpress.grading._plain import MAX_ANSWER, WORDS, plain
from cotpress.grading._points import differ
from cotpress.grading._rewrite import both_signs
from cotpress.grading._sets import as_intervals
from cotpress.grading._unequal import are_words, is_apart, is_exactly, is_other_kind
from cotpress.grading._units import contradict, split_unit
from cotpress.plugins import require
from cotpress.records import Grade


def load(target: str = "") -> Grader:
    """The grader of numbers and formulas."""
    return Grader(quick, by_algebra, needs="math_verify")


_BASE = re.compile(r"([0-9A-Za-z]+)_(?:\{\s*(?:\\text\{)?\s*(\w+)\s*\}?\s*\}|(\d))")
_TEXT = re.compile(r"\\(?:text|textbf|mbox|mathrm)(?![a-zA-Z])")


def quick(text: str, answer: str) -> Grade | str:
    """What is decided without computer algebra; the answer that was read where it needs it."""
    said = found_answer(text)
    if said is None:
        return NO_ANSWER
    if len(said) > MAX_ANSWER:
        return undecided(said, "error")
    ours = with_point(plain(answer), alone=False)
    theirs = with_point(plain(said), alone=number(ours) is not None)
    if is_apart(ours, theirs) and not (number(ours) and number(theirs)):
        return decided(said, False)
    if ours.replace(" ", "") == theirs.replace(" ", ""):
        return decided(said, True)
    letters = same_options(ours, said)
    in_words = bool(_TEXT.search(answer) or _TEXT.search(said))
    verdict = _at_once(ours, theirs, in_words) if letters is None else letters
    return said if verdict is None else decided(said, verdict)


def _at_once(answer: str, said: str, in_words: bool) -> bool | None:
    """Whether two answers in one spelling are equal; None where only computer algebra can tell."""
    ours, theirs = as_intervals(without_option(answer), said)
    if are_words(ours, theirs, in_words) or is_other_kind(ours, theirs):
        return ours.casefold() == theirs.casefold()
    if (reference := number(ours)) and (value := number(theirs)):
        return same_number(reference, value)
    if (base := _BASE.fullmatch(ours)) or _BASE.fullmatch(theirs):
        other = _BASE.fullmatch(theirs)
        return bool(base and other and _in_base(base) == _in_base(other))
    (ours, wanted), (theirs, named) = split_unit(ours), split_unit(theirs)
    if contradict(wanted, named):
        return False
    if (reference := number(ours)) and (value := number(theirs)):
        return same_number(reference, value)
    words = _bare_words(answer)
    if words is not None and (words == _bare_words(said) or in_words):
        return words == _bare_words(said)
    return None


def _in_base(match: re.Match[str]) -> tuple[str, str]:
    return match[1].upper().lstrip("0"), (match[2] or match[3]).lower()


def _bare_words(text: str) -> str | None:
    """`\\text{(East)}` -> `east`: what is words, or a letter set as text, and no formula."""
    bare = re.sub(r"\\(?:text|textbf|mathrm|mbox)\{([^{}]*)\}", r"\1", plain(text)).strip(" ()")
    letter = len(bare) == 1 and bare.isalpha() and bare.isascii()
    return bare.casefold() if letter or WORDS.fullmatch(bare) else None


def by_algebra(said: str, answer: str) -> Grade:
    """math-verify's verdict on one formula; `error` where it cannot read
    one of the two or fails on them. May take long.
    """
    wanted, bare = as_intervals(without_option(plain(answer)), plain(said))
    (wanted, unit), (bare, named) = split_unit(wanted), split_unit(bare)
    if contradict(unit, named):
        return decided(said, False)
    if both_signs(wanted) or both_signs(bare):
        wanted, bare = _both_values(wanted), _both_values(bare)
    reference, ours = _parsed(wanted), _parsed(bare)
    if not reference or not ours:
        return undecided(said, "error")
    if _surely_differ(reference, ours):
        return decided(said, False)
    try:
        equal = _math_verify().verify(reference, ours, timeout_seconds=None, raise_on_error=True)
    except _ALGEBRA_FAILS:
        return undecided(said, "error")
    return decided(said, bool(equal) and _is_exactly(reference, ours))


def _both_values(text: str) -> str:
    r"""`3 \pm 1`, `4, 2` and `{4, 2}` as sets of two values."""
    bare = re.sub(r"^\{([^{}]*)\}$", r"\1", text)
    return both_signs(text) or (text if text.startswith(r"\{") else rf"\{{{bare}\}}")


def _surely_differ(reference: list[object], ours: list[object]) -> bool:
    """See `differ`; what cannot be evaluated is left to math-verify."""
    try:
        return differ(reference[0], ours[0])
    except _ALGEBRA_FAILS:
        return False


def _is_exactly(reference: list[object], ours: list[object]) -> bool:
    """See `is_exactly`; what cannot be subtracted is left to math-verify's verdict."""
    try:
        return is_exactly(reference[0], ours[0])
    except _ALGEBRA_FAILS:
        return True


_ALGEBRA_FAILS = (
    *(
        ArithmeticError,
        AttributeError,
        LookupError,
        MemoryError,
        NotImplementedError,
        RecursionError,
        TypeError,
        ValueError,
    ),
)
"""What sympy is known to raise on formulas that make no sense; anything
else ends the worker's task as an `error` too.
"""


@lru_cache(maxsize=1024)
def _parsed(formula: str) -> list[object]:
    """Exactly this formula as sympy objects; empty where it cannot be
    read, and no number is fished out of it then.
    """
    library = _math_verify()
    latex = library.LatexExtractionConfig(
        boxed_match_priority=0,
        normalization_config=library.parser.NormalizationConfig(
            malformed_operators=True,
            nits=True,
        ),
    )
    try:
        parsed: list[object] = library.parse(
            rf"\boxed{{{plain(formula)}}}",
            extraction_config=[latex],
            fallback_mode="no_fallback",
            extraction_mode="first_match",
            parsing_timeout=None,
            raise_on_error=True,
        )
        return [_evaluated(parsed[0]), *parsed[1:]] if parsed else []
    except _ALGEBRA_FAILS:
        return []


def _evaluated(formula: Any) -> object:
    """A formula with the constants e and i for the letters, and a difference of sets worked out."""
    if type(formula).__name__ in ("Complement", "Intersection"):
        return formula.doit()
    letters = {str(letter): letter for letter in getattr(formula, "free_symbols", ())}
    constants = {"i": "I", "e": "E"}.items()
    sympy = importlib.import_module("sympy") if letters.keys() & {"i", "e"} else None
    values = {letters[one]: getattr(sympy, name) for one, name in constants if one in letters}
    return formula.subs(values) if values else formula


@lru_cache(maxsize=1)
def _math_verify() -> ModuleType:
    """math-verify, without its warning that time limits are
    the caller's job: `pipeline.grade` does it.
    """
    library = require("math_verify", "grading of formulas")
    for part in ("parser", "grader"):
        importlib.import_module(f"math_verify.{part}").logger.setLevel(logging.ERROR)
    return library

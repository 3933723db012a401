r"""Numbers exactly, everything else by math-verify.

TokenSkip grades with DeepSeek-Math's evaluator, which takes 5 for 500, (0,1) for [0,1] and 0.0005
for 0.001 (specification section 8). Here a rule in exact fractions decides wherever both answers
are numbers, so that most of GSM8K needs no computer algebra at all; everything else goes to
math-verify, reference first, and only with the one answer that was read here: its own search pulls
numbers out of formulas it cannot parse. Rules that are ours:

- the last `\boxed{…}` counts, else the last sentence such as "the answer is …" or "#### …", else
  the last number;
- units, currency and commas are no part of a number. A percent sign or a word like "thousand" or
  "dozen" may be meant as a unit or as a factor, and both readings count: 18% is 18 and 0.18, but 18
  is neither 1800 nor 0.18;
- a fraction may be answered by a decimal with six or more digits after the point, rightly rounded;
- digits in another base are equal only with the same base: 14 is not 14_8 (math-verify drops the
  base);
- words are compared without regard to case.

Computer algebra on hostile text may take for ever: it is the slow part, for a process that can be
killed.
"""

import importlib
import logging
import re
from functools import lru_cache
from types import ModuleType

from cotpress.grading import NO_ANSWER, Grader, decided, undecided
from cotpress.grading._answer import found_answer
from cotpress.grading._numbers import number, same_number
from cotpress.grading._options import option
from cotpress.grading._plain import MAX_ANSWER, WORDS, plain
from cotpress.grading._rewrite import as_interval, both_signs, without_unit
from cotpress.grading._unequal import are_words, is_apart, is_exactly, is_other_kind
from cotpress.plugins import require
from cotpress.records import Grade


def load(target: str = "") -> Grader:
    """The grader of numbers and formulas."""
    return Grader(quick, by_algebra, needs="math_verify")


_WITH_OPTION = re.compile(r"(?:\\text(?:bf)?\{\s*\(([A-Z])\)\s*\}|\(([A-Z])\)(?=\s*\S)|([A-J])$)")
"""A reference answer that is an option, alone or with what it says."""

_BASE = re.compile(r"([0-9A-Za-z]+)_(?:\{\s*(?:\\text\{)?\s*(\w+)\s*\}?\s*\}|(\d))")


def quick(text: str, answer: str) -> Grade | str:
    """What is decided without computer algebra; the answer that was read where it needs it."""
    said = found_answer(text)
    if said is None:
        return NO_ANSWER
    if len(said) > MAX_ANSWER:
        return undecided(said, "error")
    ours, theirs = plain(answer), plain(said)
    if is_apart(ours, theirs) and not (number(answer) and number(said)):
        return decided(said, False)
    if ours.replace(" ", "") == theirs.replace(" ", ""):
        return decided(said, True)
    if (wanted := _WITH_OPTION.match(ours)) and (letter := option(said)):
        return decided(said, letter == (wanted[1] or wanted[2] or wanted[3]))
    if are_words(ours, theirs) or is_other_kind(ours, theirs):
        return decided(said, ours.casefold() == theirs.casefold())
    if (reference := number(answer)) and (value := number(said)):
        return decided(said, same_number(reference, value))
    if reference and (value := number(without_unit(theirs))):
        return decided(said, same_number(reference, value))
    if (base := _BASE.fullmatch(ours)) or _BASE.fullmatch(theirs):
        other = _BASE.fullmatch(theirs)
        return decided(said, bool(base and other and _in_base(base) == _in_base(other)))
    if _bare_words(answer) is not None and (
        _bare_words(answer) == _bare_words(said) or r"\text" in answer
    ):
        return decided(said, _bare_words(answer) == _bare_words(said))
    return said


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
    reference, ours = _parsed(answer), _parsed(said)
    wanted, bare = plain(answer), plain(said)
    if two := both_signs(wanted) or both_signs(bare):
        other = bare if both_signs(wanted) else wanted
        reference, ours = _parsed(two), _parsed(both_signs(other) or rf"\{{{other}\}}")
    elif wanted[:1] in ("(", "[") and (interval := as_interval(bare)):
        ours = _parsed(interval)
    elif bare[:1] in ("(", "[") and (interval := as_interval(wanted)):
        reference = _parsed(interval)
    elif without_unit(bare) != bare and without_unit(wanted) == wanted:
        ours = _parsed(without_unit(bare))
    if not reference or not ours:
        return undecided(said, "error")
    try:
        equal = _math_verify().verify(reference, ours, timeout_seconds=None, raise_on_error=True)
    except _ALGEBRA_FAILS:
        return undecided(said, "error")
    return decided(said, bool(equal) and _is_exactly(reference, ours))


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


def _parsed(formula: str) -> list[object]:
    """Exactly this formula as sympy objects; empty where it cannot be
    read, and no number is fished out of it then.
    """
    library = _math_verify()
    latex = library.LatexExtractionConfig(boxed_match_priority=0)
    try:
        parsed: list[object] = library.parse(
            rf"\boxed{{{plain(formula)}}}",
            extraction_config=[latex],
            fallback_mode="no_fallback",
            extraction_mode="first_match",
            parsing_timeout=None,
            raise_on_error=True,
        )
    except _ALGEBRA_FAILS:
        return []
    return parsed


@lru_cache(maxsize=1)
def _math_verify() -> ModuleType:
    """math-verify, without its warning that time limits are
    somebody else's job: they are, `pipeline.grade`'s.
    """
    library = require("math_verify", "grading of formulas")
    for part in ("parser", "grader"):
        importlib.import_module(f"math_verify.{part}").logger.setLevel(logging.ERROR)
    return library

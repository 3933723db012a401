r"""Graders: is the answer in this text right? Pure functions `(text, reference answer) -> Grade`, by name in `GRADERS`.

TokenSkip grades with DeepSeek-Math's evaluator, which takes 5 for 500, (0,1) for [0,1] and 0.0005 for 0.001
(specification section 8). Here a rule in exact fractions decides wherever both answers are numbers, so that most of GSM8K
needs no computer algebra at all; everything else goes to math-verify, reference first, and only with the one answer that
was read here: its own search pulls numbers out of formulas it cannot parse. Rules that are ours:

- the last `\boxed{…}` counts, else the last sentence such as "the answer is …" or "#### …", else the last number;
- units, currency and commas are no part of a number. A percent sign or a word like "thousand" or "dozen" may be meant as
  a unit or as a factor, and both readings count: 18% is 18 and 0.18, but 18 is neither 1800 nor 0.18;
- a fraction may be answered by a decimal with six or more digits after the point, rightly rounded;
- digits in another base are equal only with the same base: 14 is not 14_8 (math-verify drops the base);
- words are compared without regard to case.

A text that cannot be read is a `status`, never an exception. Computer algebra on hostile text may still take for ever:
`quickly` says whether an answer needs it, and `pipeline.grade` then runs `by_algebra` in a process that can be killed.
"""

import importlib
import logging
import re
from collections import deque
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from itertools import pairwise
from types import ModuleType
from typing import Literal, NamedTuple

from cotpress.errors import UnknownName
from cotpress.grading._rewrite import as_interval, both_signs, rewritten, without_unit
from cotpress.grading._unequal import are_words, is_apart, is_exactly, is_other_kind
from cotpress.plugins import require
from cotpress.records import Grade, Problem

Grader = Callable[[str, str], Grade]
Check = Callable[[str, Problem], Grade]
"""Is the answer in this text right for that problem? For tasks whose answers are no text to compare with, such as plans."""

MAX_ANSWER = 400
"""Characters. A longer answer is not handed to computer algebra; the longest reference of MATH has about 160."""
SHOWN = 200
"""Characters of an answer that a `Grade` holds; of a longer one the beginning and its length."""


def grader(name: str) -> Grader:
    """The grader of that name; `UnknownName` if there is none."""
    if name not in GRADERS:
        raise UnknownName("grader", name, GRADERS)
    return GRADERS[name]


def quickly(name: str, text: str, answer: str) -> Grade | str:
    """The grade; or, where only computer algebra can tell, the answer that was read: give it to `by_algebra`."""
    return _math_quickly(text, answer) if grader(name) is math else grader(name)(text, answer)


# --- graders ---------------------------------------------------------------------------------------------------------


def math(text: str, answer: str) -> Grade:
    """Numbers exactly, everything else by math-verify.

    May take long: see `quickly`.
    """
    quick = _math_quickly(text, answer)
    return by_algebra(quick, answer) if isinstance(quick, str) else quick


def choice(text: str, answer: str) -> Grade:
    """The letter of an option: `(A)`, `A.`, `option a`, `\\text{(A)}`, `A: five` are one answer."""
    said, wanted = _letter(text), _several(answer) or _option(answer)
    if not wanted:
        return undecided(answer, "error")
    return decided(said, said == wanted) if said else NO_ANSWER


def exact(text: str, answer: str) -> Grade:
    """The same words: case, white space, markup around them and a full stop at the end do not count."""
    text = _in_answer_tags(text)
    found = boxed(text) or _sentence(text) or _last_line(text)
    if len(found) > 2 * len(answer) + MAX_ANSWER:
        return decided(found, False)
    said = _plain(found)
    return decided(said, said.casefold() == _plain(answer).casefold()) if said else NO_ANSWER


GRADERS: dict[str, Grader] = {"math": math, "choice": choice, "exact": exact}

NO_ANSWER = Grade(answer=None, correct=False, status="no_answer")


def undecided(said: str, status: Literal["timeout", "error"]) -> Grade:
    """The grade of an answer that was read but could not be judged."""
    return Grade(answer=_shown(said), correct=False, status=status)


def decided(said: str, correct: bool) -> Grade:
    """The grade of an answer that was read and judged."""
    return Grade(answer=_shown(said), correct=correct, status="ok")


def _shown(said: str) -> str:
    """What a record can hold of an answer: no lone surrogates, and no megabyte."""
    short = said if len(said) <= SHOWN else f"{said[:SHOWN]}… ({len(said)} characters)"
    return short.encode("utf-8", "replace").decode("utf-8")


# --- finding the answer ------------------------------------------------------------------------------------------------

_BRACES = re.compile(r"(?P<box>\\(?:boxed|fbox)\s*\{)|\\.|(?P<open>\{)|(?P<close>\})", re.DOTALL)
_BARE_BOX = re.compile(r"\\boxed\s+([^\s${}\\]+)")
_ANSWER_IS = re.compile(
    r"####|"
    r"(?<!\bto )(?<!\bthis )(?<!\bif the )(?<!\bif my )(?<!\bif this )(?<!\bhope the )(?<!\bhope my )"
    r"\banswers?\b(?:[^.,;\n:=]{0,60}?(?:\b(?:is|are|(?:would|must|should|will) be)\b|[:=])|(?=\*\*\s*:))"
    r"(?:\s*\*\*)?\s*:?|(?:答案|故选|应选|选择)(?:是|为|[:：])*(?<![案选择])|故选",
    re.IGNORECASE,
)
_DISPLAY = re.compile(r"\s*(?:\$\$|\\\[)\s*(.+?)\s*(?:\$\$|\\\])", re.DOTALL)
_STOP = re.compile(r"[.!?]+(?=\s|$)|[。！？]")
_ABBREVIATED = re.compile(r"\b(?:St|Dr|Mr|Mrs|Ms|Prof|Mt|Ft|Jr|Sr|vs|No)$")
_INITIAL = re.compile(r"\b[A-Z]$")
_NAME = re.compile(r"\s[A-Z](?:\.|[a-z]+\s*[.,]?\s*$)")
_CONDITION = re.compile(r"\b(?:if|when|whenever|for|where|with|from|provided|given|at|unless)\b", re.IGNORECASE)
_JOINED = re.compile(r"[\s,;]*(?:\band\b|\bor\b)?[\s,;]*", re.IGNORECASE)
_TWO_NUMBERS = re.compile(r"(?:either\s+)?(-?\d[\d.,]*)\s*(?:,?\s*\b(?:or|and)\b\s*)(-?\d[\d.,]*)", re.IGNORECASE)
_REASON = re.compile(r"[,;]\s+(?=[A-Za-z])|\s+(?:because|since|so|which|as)\b")
_DECIMAL = r"(?:(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d+)?|\.\d+)"
_NUMBERS = re.compile(rf"(?:(?<![\w)}}\]])(?<![\d)}}\]]\s)[-−]\s?)?(?:\\?[$€£¥]\s?)?{_DECIMAL}(?:/{_DECIMAL}|(?:\s?\\?%))?")
_MATHS = re.compile(r"\$([^$]+)\$|\\\((.+?)\\\)|\\\[(.+?)\\\]", re.DOTALL)


def found_answer(text: str) -> str | None:
    """The answer as the text words it: last box, else last "the answer is …", else last number; None if there is none."""
    text = _in_answer_tags(text)
    return boxed(text) or _numeric_sentence(text) or _last_number(text)


def _in_answer_tags(text: str) -> str:
    """What stands in the last `<answer>…</answer>`, with which R1-Zero's prompt has answers given; else the whole text."""
    end = text.rfind("</answer>")
    begin = text.rfind("<answer>", 0, max(0, end))
    return text[begin + len("<answer>") : end].strip() or text if begin >= 0 else text


def boxed(text: str) -> str | None:
    r"""The content of the last `\boxed{…}` that is closed and not empty; of boxes in boxes the innermost. Linear time."""
    open_at: list[int | None] = []
    last: tuple[int, int] | None = None
    for brace in _BRACES.finditer(text):
        if brace["box"]:
            open_at.append(brace.end())
        elif brace["open"]:
            open_at.append(None)
        elif brace["close"] and open_at:
            start = open_at.pop()
            if start is not None and (last is None or start > last[0]) and text[start : brace.start()].strip():
                last = (start, brace.start())
    if last:
        return text[last[0] : last[1]].strip()
    bare = deque(_BARE_BOX.finditer(text), maxlen=1)
    return str(bare[0][1]) if bare else None


def _sentence(text: str) -> str | None:
    """What follows the last "the answer is" or "####": the formula on the next lines, or the rest of the sentence."""
    said = [match.end() for match in _ANSWER_IS.finditer(text)]
    for end in reversed(said):
        rest = text[end : end + 4 * MAX_ANSWER]
        if display := _DISPLAY.match(rest):
            return display[1]
        line = rest.lstrip(" \t*:\n").partition("\n")[0]
        sentence = _first_sentence(line).strip(" \t*_:.")
        if sentence:
            return sentence
    return None


def _first_sentence(line: str) -> str:
    """The line up to its first full stop that ends a sentence: not that of `St.`, `Dr.`, or an initial before a name."""
    for stop in _STOP.finditer(line):
        before, after = line[: stop.start()], line[stop.end() :]
        if _ABBREVIATED.search(before) or (_INITIAL.search(before) and _NAME.match(after)):
            continue
        return before
    return line


def _numeric_sentence(text: str) -> str | None:
    """The sentence with the answer, or in a wordy one ("that Mia has 18 apples") the formula or the last number in it."""
    sentence = _sentence(text)
    if sentence is None or number(sentence) or len(sentence) > MAX_ANSWER:
        return sentence
    cut = _REASON.split(sentence, maxsplit=1)[0]
    sentence = cut if _NUMBERS.search(cut) or not _NUMBERS.search(sentence) else sentence
    if formulas := list(_MATHS.finditer(sentence)):
        return _meant(sentence, formulas)
    if two := _TWO_NUMBERS.fullmatch(sentence.strip()):
        return f"{two[1]}, {two[2]}"
    result = sentence.rpartition("=")[2].strip()
    if number(result):
        return result
    first = re.match(r"([A-Za-z]{2,})[,:]?\s", sentence)
    wordy = first and first[1].lower() not in _NO_UNITS
    return (_last_number(sentence) if wordy else None) or sentence


def _meant(sentence: str, formulas: list[re.Match[str]]) -> str:
    """The formula that is the answer: the last one, but not one behind a condition; several joined by "and" are a list."""
    texts = [str(next(filter(None, match.groups()))).strip() for match in formulas]
    between = [sentence[one.end() : other.start()] for one, other in pairwise(formulas)]
    for n, words in enumerate(between):
        if _CONDITION.search(words):
            texts, between = texts[: n + 1], between[:n]
            break
    if between and all(_JOINED.fullmatch(words) for words in between):
        bare = [re.sub(r"^[a-zA-Z]\s*=\s*(?=[^=]+$)", "", text) for text in texts]
        return ", ".join(bare)
    return texts[-1]


def _last_number(text: str) -> str | None:
    found = deque(_NUMBERS.finditer(text), maxlen=1)
    return found[0][0].strip() if found else None


def _last_line(text: str) -> str:
    return text.rstrip().rpartition("\n")[2].lstrip("#").strip()


# --- writing it plainly --------------------------------------------------------------------------------------------------

_SPELLINGS = str.maketrans(
    {
        **{"−": "-", "–": "-", "×": r"\times ", "·": r"\cdot ", "÷": "/", "π": r"\pi ", "∞": r"\infty ", "°": r"^\circ "},
        **{"≤": r"\le ", "≥": r"\ge ", "∪": r"\cup ", "√": r"\sqrt ", "²": "^2", "³": "^3", "\u00a0": " ", "\u202f": " "},
        **{"½": r"\frac{1}{2}", "¼": r"\frac{1}{4}", "¾": r"\frac{3}{4}", "～": "~", "≈": r"\approx "},
    }
)
_CLEANUPS = [
    (re.compile(r"(?<!\\)\\!\s*"), ""),
    (re.compile(r"\{,\}"), ","),
    (re.compile(r"(?<!\\)\\[,;:> ]|~|\\q?quad(?![a-zA-Z])"), " "),  # but not after \\, which ends a row of a matrix
    (re.compile(r"\\(?:left|right|displaystyle|textstyle|limits|[bB]igg?[lr]?)(?![a-zA-Z])"), ""),
    (re.compile(r"\\[dtc]frac(?![a-zA-Z])"), r"\\frac"),
    (re.compile(r"\\(?:mathrm|text|operatorname)\{(e|i)\}"), r"\1"),
    (re.compile(r"(?<![\\a-zA-Z])pi(?![a-zA-Z])"), r"\\pi "),
    (re.compile(r"(?<![\\a-zA-Z])sqrt\s*\(([^()]*)\)"), r"\\sqrt{\1}"),
    (re.compile(r"\*\*"), "^"),
    (re.compile(r"\s+"), " "),
    (re.compile(r"(?<![\w.])(\d+(?:\.\d+)?)[eE]([-+]?\d{1,3})(?!\w)"), r"\1 \\times 10^{\2}"),
    (re.compile(r"(?<![\w.,/])(\d+) (\d+)/(\d+)(?![\w/])"), r"\1\\frac{\2}{\3}"),
]
_WRAPPED = re.compile(
    r"\*\*(.+)\*\*|\$\$?([^$]+)\$\$?|\\\((.+)\\\)|\\\[(.+)\\\]|\\(?:text|textbf|mathbf|mathrm|mbox|boxed)\{([^{}]*)\}",
    re.DOTALL,
)
_WORDS = re.compile(r"[A-Za-z][A-Za-z '-]{2,}")


def _plain(text: str) -> str:
    """The text in one spelling: without `$`, bold or `\\text{}` all around it, typographic signs as LaTeX."""
    plain = text.strip()
    while wrapped := _WRAPPED.fullmatch(plain):
        plain = next((group for group in wrapped.groups() if group is not None), "").strip()
    plain = plain.translate(_SPELLINGS)
    for pattern, spelling in _CLEANUPS:
        plain = pattern.sub(spelling, plain)
    return rewritten(plain.strip().removesuffix(".").removeprefix(r"\approx ").strip())


# --- options ---------------------------------------------------------------------------------------------------------------

_OPTION = re.compile(r"(?i:(?:option|choice|answer)\s+)?(?:\(([A-Za-z])\)|([A-Za-z])(?=$|[.:)]))")
_SEVERAL = re.compile(r"[*\s(]*\(?([A-Z])\)?[*\s)]*(?:(?:,|;|/|\bor\b|\band\b|&)\s*(?:and|or)?[\s(]*([A-Z])\b\)?\s*)+")
_OPTION_IN_TEXT = re.compile(
    r"(?<![A-Za-z])\(([A-Za-z])\)|\b[Oo]ption\s+\(?([A-Za-z])\b|\b(?:[Oo]ption|[Cc]hoice)(?:\s+is\s+|\s*:\s*)[*(]*([A-Z])\b"
    r"|\b([A-Z])\b\W{0,3}\s+is\s+(?:the\s+)?(?:correct|right)\b"
)


def _letter(text: str) -> str | None:
    """The option a text decides for, as a capital letter; of several all, in the order of the alphabet: `AC`."""
    text = _in_answer_tags(text)
    for place in (boxed(text), _sentence(text), _last_line(text)):
        if place and (letter := _several(place) or _option(place) or _option(_REASON.split(place, maxsplit=1)[0])):
            return letter
    named = ["".join(groups) for groups in _OPTION_IN_TEXT.findall(text)]
    return named[-1].upper() if named else None


def _several(text: str) -> str | None:
    """`(A), (B)` and `A or C` -> `AB`, `AC`; None where fewer than two options are all that the text says."""
    plain = re.sub(r"\\(?:text|textbf|mathbf|mathrm)\{([^{}]*)\}", r"\1", text[:MAX_ANSWER]).strip(" $.*")
    return "".join(sorted(set(re.findall(r"\b([A-Z])\b", plain)))) if _SEVERAL.fullmatch(plain) else None


def _option(text: str) -> str | None:
    """`(a) five` -> `A`; None where the text does not begin with an option's letter."""
    plain = re.sub(r"\\(?:text|textbf|mathbf|mathrm)\{([^{}]*)\}", r"\1", _plain(text[:MAX_ANSWER])).strip(" *\"'[]")
    match = _OPTION.match(plain)
    return next(filter(None, match.groups())).upper() if match else None


# --- numbers -----------------------------------------------------------------------------------------------------------------


class Number(NamedTuple):
    """A number as it was written."""

    value: Fraction
    factor: Fraction
    """What the sign or word after it may stand for: 1/100 for a percent sign, 12 for "dozen"; otherwise 1."""
    decimals: int | None
    """Digits after the point; None: written as a fraction."""


_SCALES = {"%": Fraction(1, 100), "percent": Fraction(1, 100), "dozen": Fraction(12), "hundred": Fraction(100)} | {
    word: Fraction(1000) ** power for power, word in enumerate(("thousand", "million", "billion", "trillion"), 1)
}
_NO_UNITS = {"pi", "sqrt", "sin", "cos", "tan", "cot", "log", "ln", "exp", "mod", "or", "and", "to", "not", "minus", "plus"} | {
    *("times", "over", "by", "half", "point", "if", "when", "infinity")
}
_ATTACHED = {"mm", "cm", "km", "kg", "mg", "ml", "ft", "lb", "lbs", "oz", "in", "am", "pm", "mph"}
_FRAC = r"\\frac\s*(?:\{\s*(?P<{0}n>-?\d+)\s*\}|(?P<{0}n1>\d))\s*(?:\{\s*(?P<{0}d>\d+)\s*\}|(?P<{0}d1>\d))"
_FRACTION = _FRAC.replace("{0}", "")
_MIXED = _FRAC.replace("{0}", "mixed_")
_NUMBER = re.compile(
    r"(?P<sign>[-+]?)\s*(?:\\?[$€£¥]\s*)?(?P<sign2>[-+]?)\s*"
    rf"(?:{_FRACTION}|(?P<digits>{_DECIMAL})\.?(?:\s*/\s*(?P<over>\d+)|\s*{_MIXED})?)"
)
_UNIT = re.compile(
    r"(?:\s*(?P<percent>\\?%))?"
    r"(?:\s*\^\s*\{?\s*\\?(?:circ|degrees?)\s*\}?|\s*\\degree)?"
    r"(?:(?P<gap>\s*)(?:\\(?:text|mbox|mathrm|textbf|operatorname)\s*\{(?P<latex>[^{}\d]*)\}|(?P<words>[A-Za-z][A-Za-z./' -]+))"
    r"(?:\s*\^\s*\{?\s*[23]\s*\}?)?)?[\s.]*"
)


_SCIENTIFIC = re.compile(
    rf"(?<![\w.^}}])(?:(?P<digits>{_DECIMAL})\s*(?:\\times|\\cdot|\*)\s*)?10\s*\^\s*\{{?\s*(?P<power>[-+]?\d{{1,2}})(?!\d)\s*\}}?"
)
"""A power of ten, or a number times one; the power has two digits at most, for it is written out."""


@lru_cache(maxsize=4096)
def number(text: str) -> Number | None:
    """The number that a text is, apart from currency and unit; None if it is anything else. Exact."""
    if len(text) > SHOWN:
        return None
    plain = _SCIENTIFIC.sub(_written_out, _plain(text))
    match = _NUMBER.match(plain)
    unit = _UNIT.fullmatch(plain, match.end()) if match else None
    if not match or not unit or (match["sign"] and match["sign2"]):
        return None
    factor = _factor(unit)
    value = _value(match)
    if factor is None or value is None:
        return None
    written = match["digits"] if not (match["over"] or match["mixed_n"] or match["mixed_n1"]) else None
    decimals = None if written is None else len(written.partition(".")[2])
    return Number(-value if "-" in (match["sign"], match["sign2"]) else value, factor, decimals)


def _written_out(match: re.Match[str]) -> str:
    r"""`6.02 \times 10^{3}` -> `6020`."""
    return f"{Decimal((match['digits'] or '1').replace(',', '') + 'e' + match['power']):f}"


def _factor(unit: re.Match[str]) -> Fraction | None:
    """What the unit may multiply by; None where the words are no unit but part of a formula or a second answer."""
    words = (unit["latex"] or unit["words"] or "").lower().replace(".", " ").split()
    attached = bool(unit["words"]) and not unit["gap"] and not unit["percent"]
    if any(word in _NO_UNITS for word in words) or (attached and words[0] not in _ATTACHED):
        return None
    if unit["percent"]:
        return _SCALES["%"]
    return _SCALES.get(words[0].removesuffix("s"), Fraction(1)) if words else Fraction(1)


def _value(match: re.Match[str]) -> Fraction | None:
    if match["digits"] is None:
        return _quotient(match["n"] or match["n1"], match["d"] or match["d1"])
    whole = Fraction(match["digits"].replace(",", ""))
    if match["over"]:
        return whole / int(match["over"]) if int(match["over"]) else None
    if match["mixed_n"] or match["mixed_n1"]:
        part = _quotient(match["mixed_n"] or match["mixed_n1"], match["mixed_d"] or match["mixed_d1"])
        return None if part is None or part < 0 or whole.denominator != 1 else whole + part
    return whole


def _quotient(above: str, below: str) -> Fraction | None:
    return Fraction(int(above), int(below)) if int(below) else None


def same_number(reference: Number, said: Number) -> bool:
    """Are two numbers equal, in one of the readings that their units allow?"""
    if reference.decimals is None and (said.decimals or 0) >= 6 and reference.factor == said.factor:
        return round(reference.value, said.decimals) == said.value
    if reference.factor == said.factor:
        return reference.value == said.value
    if 1 not in (reference.factor, said.factor):
        return reference.value * reference.factor == said.value * said.factor
    bare, marked = (reference, said) if reference.factor == 1 else (said, reference)
    return bare.value in (marked.value, marked.value * marked.factor)


# --- formulas ----------------------------------------------------------------------------------------------------------------

_WITH_OPTION = re.compile(r"(?:\\text(?:bf)?\{\s*\(([A-Z])\)\s*\}|\(([A-Z])\)(?=\s*\S)|([A-J])$)")
"""A reference answer that is an option, alone or with what it says."""

_BASE = re.compile(r"([0-9A-Za-z]+)_(?:\{\s*(?:\\text\{)?\s*(\w+)\s*\}?\s*\}|(\d))")


def _math_quickly(text: str, answer: str) -> Grade | str:
    """What `math` decides without computer algebra; the answer that was read where it needs it."""
    said = found_answer(text)
    if said is None:
        return NO_ANSWER
    if len(said) > MAX_ANSWER:
        return undecided(said, "error")
    ours, theirs = _plain(answer), _plain(said)
    if is_apart(ours, theirs) and not (number(answer) and number(said)):
        return decided(said, False)
    if ours.replace(" ", "") == theirs.replace(" ", ""):
        return decided(said, True)
    if (wanted := _WITH_OPTION.match(ours)) and (letter := _option(said)):
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
    if _bare_words(answer) is not None and (_bare_words(answer) == _bare_words(said) or r"\text" in answer):
        return decided(said, _bare_words(answer) == _bare_words(said))
    return said


def _in_base(match: re.Match[str]) -> tuple[str, str]:
    return match[1].upper().lstrip("0"), (match[2] or match[3]).lower()


def _bare_words(text: str) -> str | None:
    """`\\text{(East)}` -> `east`: what is words, or a letter set as text, and no formula."""
    plain = re.sub(r"\\(?:text|textbf|mathrm|mbox)\{([^{}]*)\}", r"\1", _plain(text)).strip(" ()")
    letter = len(plain) == 1 and plain.isalpha() and plain.isascii()
    return plain.casefold() if letter or _WORDS.fullmatch(plain) else None


def by_algebra(said: str, answer: str) -> Grade:
    """math-verify's verdict on one formula; `error` where it cannot read one of the two or fails on them. May take long."""
    reference, ours = _parsed(answer), _parsed(said)
    wanted, plain = _plain(answer), _plain(said)
    if two := both_signs(wanted) or both_signs(plain):
        other = plain if both_signs(wanted) else wanted
        reference, ours = _parsed(two), _parsed(both_signs(other) or rf"\{{{other}\}}")
    elif wanted[:1] in ("(", "[") and (interval := as_interval(plain)):
        ours = _parsed(interval)
    elif plain[:1] in ("(", "[") and (interval := as_interval(wanted)):
        reference = _parsed(interval)
    elif without_unit(plain) != plain and without_unit(wanted) == wanted:
        ours = _parsed(without_unit(plain))
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
    *(ArithmeticError, AttributeError, LookupError, MemoryError, NotImplementedError, RecursionError, TypeError, ValueError),
)
"""What sympy is known to raise on formulas that make no sense; anything else ends the worker's task as an `error` too."""


def _parsed(formula: str) -> list[object]:
    """Exactly this formula as sympy objects; empty where it cannot be read, and no number is fished out of it then."""
    library = _math_verify()
    latex = library.LatexExtractionConfig(boxed_match_priority=0)
    try:
        parsed: list[object] = library.parse(
            rf"\boxed{{{_plain(formula)}}}",
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
    """math-verify, without its warning that time limits are somebody else's job: they are, `pipeline.grade`'s."""
    library = require("math_verify", "grading of formulas")
    for part in ("parser", "grader"):
        importlib.import_module(f"math_verify.{part}").logger.setLevel(logging.ERROR)
    return library

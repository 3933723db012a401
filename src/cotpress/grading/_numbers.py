"""Answers that are numbers, exactly: with their units, percent signs and scales."""

import re
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple

from cotpress.grading._numerals import in_digits
from cotpress.grading._plain import SHOWN, plain
from cotpress.grading._units import NO_UNITS, contradict, known_unit

DECIMAL = r"(?:(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d+)?|\.\d+)"


class Number(NamedTuple):
    """A number as it was written."""

    value: Fraction
    factor: Fraction
    """What the sign or word after it may stand for: 1/100 for
    a percent sign, 12 for "dozen"; otherwise 1.
    """
    decimals: int | None
    """Digits after the point; None: written as a fraction."""
    unit: str = ""
    """The unit behind it or the currency, where it is a known one."""


_SCALES = {
    "%": Fraction(1, 100),
    "percent": Fraction(1, 100),
    "dozen": Fraction(12),
    "hundred": Fraction(100),
} | {
    word: Fraction(1000) ** power
    for power, word in enumerate(("thousand", "million", "billion", "trillion"), 1)
}
_ATTACHED = {"mm", "cm", "km", "kg", "mg", "ml", "ft", "lb", "lbs", "oz", "in", "am", "pm", "mph"}
_FRAC = (
    r"\\frac\s*(?:\{\s*(?P<{0}n>-?\d+)\s*\}|(?P<{0}n1>\d))"
    r"\s*(?:\{\s*(?P<{0}d>\d+)\s*\}|(?P<{0}d1>\d))"
)
_FRACTION = _FRAC.replace("{0}", "")
_MIXED = _FRAC.replace("{0}", "mixed_")
_NUMBER = re.compile(
    r"(?P<sign>[-+]?)\s*(?:\\?(?P<currency>[$€£¥])\s*)?(?P<sign2>[-+]?)\s*"
    rf"(?:{_FRACTION}|(?P<digits>{DECIMAL})\.?(?:\s*/\s*(?P<over>\d+)|\s*{_MIXED})?)"
)
_UNIT = re.compile(
    r"(?:\s*(?P<percent>\\?%))?"
    r"(?:\s*\^\s*\{?\s*\\?(?:circ|degrees?)\s*\}?|\s*\\degree)?(?:\s*(?P<currency>\\\$|[€£¥¢]))?"
    r"(?:(?P<gap>\s*)"
    r"(?:\\(?:text|mbox|mathrm|textbf|operatorname)\s*\{(?P<latex>[^{}\d]*)\}"
    r"|(?P<words>[A-Za-z][A-Za-z./' -]+))"
    r"(?:\s*\^\s*\{?\s*[23]\s*\}?)?)?[\s.]*"
)


_SCIENTIFIC = re.compile(
    rf"(?<![\w.^}}])(?:(?P<digits>{DECIMAL})\s*(?:\\times|\\cdot|\*)\s*)?10\s*\^\s*\{{?\s*(?P<power>[-+]?\d{{1,2}})(?!\d)\s*\}}?"
)
"""A power of ten, or a number times one; the power has two digits at most, for it is written
out.
"""


@lru_cache(maxsize=4096)
def number(text: str) -> Number | None:
    """The number that a text is, apart from currency and unit; None if it is anything else.
    Exact.
    """
    if len(text) > SHOWN:
        return None
    bare = plain(text)
    bare = in_digits(bare) or _SCIENTIFIC.sub(_written_out, bare)
    match = _NUMBER.match(bare)
    unit = _UNIT.fullmatch(bare, match.end()) if match else None
    if not match or not unit or (match["sign"] and match["sign2"]):
        return None
    factor = _factor(unit)
    value = _value(match)
    if factor is None or value is None:
        return None
    written = (
        match["digits"] if not (match["over"] or match["mixed_n"] or match["mixed_n1"]) else None
    )
    decimals = None if written is None else len(written.partition(".")[2])
    signed = -value if "-" in (match["sign"], match["sign2"]) else value
    named = known_unit(
        unit["latex"] or unit["words"] or unit["currency"] or match["currency"] or ""
    )
    return Number(signed, factor, decimals, named)


_DECIMAL_COMMA = re.compile(
    r"(?<![\d.,])(\d{1,3}(?:\.\d{3})+|\d+),(\d{1,2}|\d{4,}|(?<=(?<!\d)0,)\d+|(?<=\.\d{3},)\d+)"
    r"(?![\d,.]*\d)"
)


_NAMED = re.compile(r"[^\W\d_]|[$€£¥%]")


def with_point(text: str, *, alone: bool) -> str:
    """A text whose one number is written with a decimal comma, with a point: `0,75`, `1.234,56`,
    `3,5 cm`; as it is where the comma may be another one, as in `1,234` or in the list `3,5`.

    `alone`: a single number was asked for, so that what has a unit is none of a list.
    """
    match = _DECIMAL_COMMA.search(text)
    if not match or text.count(",") != 1 or "(" in text or "[" in text:
        return text
    whole = match[1].replace(".", "")
    has_unit = alone and _NAMED.search(text[: match.start()] + text[match.end() :])
    if "." not in match[1] and whole != "0" and not has_unit:
        return text
    return f"{text[: match.start()]}{whole}.{match[2]}{text[match.end() :]}"


def _written_out(match: re.Match[str]) -> str:
    r"""`6.02 \times 10^{3}` -> `6020`."""
    return f"{Decimal((match['digits'] or '1').replace(',', '') + 'e' + match['power']):f}"


def _factor(unit: re.Match[str]) -> Fraction | None:
    """What the unit may multiply by; None where the words are not
    a unit but part of a formula or a second answer.
    """
    words = (unit["latex"] or unit["words"] or "").lower().replace(".", " ").split()
    attached = bool(unit["words"]) and not unit["gap"] and not unit["percent"]
    if any(word in NO_UNITS for word in words) or (attached and words[0] not in _ATTACHED):
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
        part = _quotient(
            match["mixed_n"] or match["mixed_n1"], match["mixed_d"] or match["mixed_d1"]
        )
        return None if part is None or part < 0 or whole.denominator != 1 else whole + part
    return whole


def _quotient(above: str, below: str) -> Fraction | None:
    return Fraction(int(above), int(below)) if int(below) else None


def same_number(reference: Number, said: Number) -> bool:
    """Are two numbers equal, in one of the readings that their units allow?"""
    if contradict(reference.unit, said.unit):
        return False
    if reference.decimals is None and (said.decimals or 0) >= 6 and reference.factor == said.factor:
        return round(reference.value, said.decimals) == said.value
    if reference.factor == said.factor:
        return reference.value == said.value
    if 1 not in (reference.factor, said.factor):
        return reference.value * reference.factor == said.value * said.factor
    bare, marked = (reference, said) if reference.factor == 1 else (said, reference)
    return bare.value in (marked.value, marked.value * marked.factor)

"""Units behind a number or a formula: what is one, and which two contradict each other."""

import re

_MORE = (
    "pi sqrt sin cos tan cot log ln exp mod or and to not minus plus times over by half point if "
    "when infinity remainder choose than more less"
)
NO_UNITS = frozenset(_MORE.split())
"""Words behind a number that say more than its unit."""

_SPELLINGS = {
    "s": "sec secs second seconds",
    "min": "mins minute minutes",
    "h": "hr hrs hour hours",
    "day": "days",
    "week": "weeks",
    "month": "months",
    "year": "years yr yrs",
    "mm": "millimeter millimeters millimetre millimetres",
    "cm": "centimeter centimeters centimetre centimetres",
    "m": "meter meters metre metres",
    "km": "kilometer kilometers kilometre kilometres",
    "in": "inch inches",
    "ft": "foot feet",
    "yd": "yard yards",
    "mi": "mile miles",
    "mg": "milligram milligrams",
    "g": "gram grams",
    "kg": "kilogram kilograms",
    "ml": "milliliter milliliters millilitre millilitres",
    "L": "l liter liters litre litres",
    "C": "celsius",
    "F": "fahrenheit",
    "K": "kelvin kelvins",
    "$": "usd dollar dollars",
    "¢": "cent cents",
    "€": "eur euro euros",
    "£": "gbp",
    "¥": "yen jpy",
    "am": "",
    "pm": "",
    "bc": "bce",
    "ad": "ce",
}
_KNOWN = {
    spelling: name for name, others in _SPELLINGS.items() for spelling in (name, *others.split())
}
_SAME_UNIT = re.compile(r"^(?:degrees?|deg|square|cubic|sq|cu)\s+")

_LETTERS = re.compile(r"\\[A-Za-z]+|([A-Za-z])")
_TEXT = r"\\(?:text|textbf|mathrm|mbox|operatorname)\s*"
_POWER = r"(?:\s*\^\s*\{?\s*-?\d\s*\}?)?"
_SET = rf"{_TEXT}\{{(?:[^{{}}^\d]|\^\s*(?:\{{\s*-?\d\s*\}}|-?\d))*\}}"
_BARE = r"(?:[A-Za-zµμ]{2,}|[smghLKNJWVAFC])"
_UNIT = re.compile(
    rf"(?:\s*\^\s*\{{?\s*\\circ\s*\}}?\s*(?:C|F|{_TEXT}\{{\s*[CF]\s*\}})"
    rf"|(?:\\mu\s*)?(?:\\Omega|{_SET}){_POWER}"
    rf"|\\frac\s*\{{\s*{_SET}\s*\}}\s*\{{\s*{_SET}{_POWER}\s*\}}"
    rf"|(?P<bare>\s+{_BARE}(?:/{_BARE})?{_POWER}))+\s*$"
)
"""The alternatives begin differently, so that a long text is read in one way only."""


def known_unit(words: str) -> str:
    """One name for a unit in many spellings, `p.m.` -> `pm`; empty where it is not known."""
    bare = re.sub(r"[.\s]+$|\.(?=[A-Za-z])|(?<=[A-Za-z])\.", "", words.strip())
    return _KNOWN.get(bare) or _KNOWN.get(_SAME_UNIT.sub("", bare.lower()).replace(" ", "")) or ""


def split_unit(text: str) -> tuple[str, str]:
    r"""`5\sqrt{2}\text{ cm}` -> `5\sqrt{2}` and `cm`; the whole text and nothing where
    nothing else is there, or where the words say more than a unit.
    """
    match = _UNIT.search(text)
    if not match or not (formula := text[: match.start()].strip()):
        return text, ""
    words = re.sub(rf"{_TEXT}|[\\{{}}^]|circ|\d", " ", match[0])
    if any(word in NO_UNITS for word in words.lower().replace("/", " ").split()):
        return text, ""
    if match["bare"] and (any(_LETTERS.findall(formula)) or _may_be_factor(formula, words)):
        return text, ""
    return formula, known_unit(words)


def _may_be_factor(formula: str, words: str) -> bool:
    r"""One letter behind a formula is a unit where that is a decimal, `298 K`, not in
    `\frac{1}{2} h`.
    """
    return len(words.strip()) == 1 and not formula[-1].isdigit()


def without_unit(text: str) -> str:
    """The formula without a unit behind it; the whole text where nothing else is there."""
    return split_unit(text)[0]


def contradict(one: str, other: str) -> bool:
    """Whether both are known units, and not the same: °C and °F, a.m. and p.m."""
    return bool(one and other and one != other)

"""What computer algebra calls equal and readers do not: letters in another
order, tiny differences, a set for an interval.
"""

import re
from typing import Any

_LETTERS = re.compile(r"[A-Za-z]{2,}")
_VARIABLES = frozenset("abcdkmnpqrstuvwxyz")
_SHORT_WORDS = frozenset(
    {
        "act",
        "ad",
        "am",
        "amp",
        "an",
        "and",
        "apt",
        "arm",
        "art",
        "as",
        "ask",
        "at",
        "ax",
        "bad",
        "bat",
    }
    | {
        "bus",
        "but",
        "buy",
        "by",
        "cat",
        "cup",
        "dab",
        "dam",
        "day",
        "dub",
        "ma",
        "mad",
        "map",
        "mar",
        "may",
    }
    | {
        "mud",
        "my",
        "nap",
        "nut",
        "pa",
        "pan",
        "pat",
        "pay",
        "put",
        "ram",
        "rat",
        "raw",
        "ray",
        "sap",
        "saw",
    }
    | {
        "say",
        "spa",
        "sub",
        "sun",
        "ta",
        "tab",
        "tap",
        "tar",
        "tub",
        "tun",
        "up",
        "us",
        "war",
        "was",
        "way",
    }
    | {"yam"}
)
"""Short words whose letters might be variables."""

_ASSIGNED = re.compile(r"(?<![\\a-zA-Z])([a-zA-Z])\s*=")
_APART = re.compile(r"(?<![\w^])\d+\s+\d")


def are_words(one: str, other: str, in_words: bool = False) -> bool:
    """Whether two texts of letters are compared as words: `BADC`, `no`.
    Up to three small ones may be a product, `ab`, unless they are set as text.
    """
    if not (_LETTERS.fullmatch(one) and _LETTERS.fullmatch(other)):
        return False
    product = all(
        len(text) <= 3 and text.islower() and set(text) <= _VARIABLES and text not in _SHORT_WORDS
        for text in (one, other)
    )
    return in_words or not product


def is_apart(one: str, other: str) -> bool:
    r"""Whether only one of them has two numbers side by side: `1 \quad 2` is not 12."""
    return bool(_APART.search(one)) != bool(_APART.search(other))


def is_other_kind(reference: str, said: str) -> bool:
    """Whether one is a set, or a list of values of a variable, and
    the other an interval, a point, a tuple or values of several variables.
    """
    kinds = {_kind(reference), _kind(said)}
    return len(kinds) == 2 and None not in kinds


def _kind(text: str) -> str | None:
    if re.fullmatch(r"\\\{.*\\\}", text):
        return "set"
    if re.fullmatch(r"[a-zA-Z]\s*=[^=]*,[^=()\[\]]*", text):
        return "set"
    if len(set(_ASSIGNED.findall(text))) > 1:
        return "in brackets"
    return "in brackets" if re.fullmatch(r"[(\[][^()\[\]]*,[^()\[\]]*[)\]]", text) else None


def is_exactly(reference: Any, said: Any) -> bool:
    """Whether two sympy objects that are equal within floating point are equal at 500 digits, too.

    Only for constants without a decimal in them: 2**-60 is not 2**-61, and 1/2004! is not 1/2006!.
    """
    if not all(getattr(one, "is_number", False) for one in (reference, said)):
        pairs = zip(getattr(reference, "args", ()), getattr(said, "args", ()), strict=False)
        alike = type(reference) is type(said) and type(reference).__name__ in ("Tuple", "FiniteSet")
        return all(is_exactly(one, other) for one, other in pairs) if alike else True
    if any(
        number.is_Float for one in (reference, said) for number in one.atoms() if number.is_number
    ):
        return True
    difference = reference - said
    if difference.is_Rational or difference == 0:
        return bool(difference == 0)
    size = abs(reference.evalf(15)) or 1
    return bool(abs(difference.evalf(15, maxn=1000)) * 10**500 <= size)

r"""Sets of numbers that are written as conditions, `-2 < x \le 9` or `\{x \mid x > 2\}`, as
intervals.
"""

import re
from typing import NamedTuple

_VARIABLE = r"(?:[a-zA-Z]|\\(?:theta|alpha|beta|lambda|phi|mu)(?![a-zA-Z]))"
_SIGN = r"(?:<=?|>=?|=|\\(?:leqslant|geqslant|leq?|geq?|neq?|lt|gt)(?![a-zA-Z]))"
_SPELLED = {
    "leqslant": "<=",
    "geqslant": ">=",
    "leq": "<=",
    "le": "<=",
    "geq": ">=",
    "ge": ">=",
} | {
    "lt": "<",
    "gt": ">",
    "neq": "!=",
    "ne": "!=",
}
_TURNED = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}
_BUILDER = re.compile(
    rf"\\\{{\s*({_VARIABLE})\s*(?:\\in\s*\\mathbb\s*\{{?R\}}?)?\s*(?:\\mid|\\vert|\\colon|\||:)\s*(.+)\\\}}"
)
_ELEMENT = re.compile(rf"{_VARIABLE}\s*\\in(?![a-zA-Z])\s*(.+)")
_TWO_SIDES = re.compile(rf"(.+?)\s*({_SIGN})\s*({_VARIABLE})\s*({_SIGN})\s*(.+)")
_SIZE = re.compile(rf"(?:\||\\l?vert)\s*({_VARIABLE})\s*(?:\||\\r?vert)\s*({_SIGN})\s*(.+)")
_LEFT = re.compile(rf"({_VARIABLE})\s*({_SIGN})\s*(.+)")
_RIGHT = re.compile(rf"(.+?)\s*({_SIGN})\s*({_VARIABLE})")
_RELATION = re.compile(_SIGN)
_JOIN = re.compile(
    r"\s*,?\s*(?:\\(?:text|mbox|mathrm)\s*\{\s*(or|and)\s*\}|\\(lor|vee|land|wedge)(?![a-zA-Z])|\b(or|and)\b)\s*"
)
_ALL = re.compile(
    r"(?:\\text\s*\{)?\s*(?:all|any|every)\s+reals?(?:\s+numbers?)?\s*\}?", re.IGNORECASE
)
_REALS = r"(-\infty,\infty)"


class Condition(NamedTuple):
    """A set of numbers, and the letter whose condition it was."""

    letter: str
    interval: str


def as_intervals(one: str, other: str) -> tuple[str, str]:
    r"""Both texts, with intervals for what are conditions: `x < 2` -> `(-\infty,2)`.
    Two conditions on different letters stay as they are.
    """
    first, second = as_interval(one), as_interval(other)
    if first and second and first.letter != second.letter and "" not in (first[0], second[0]):
        return one, other
    if (first is None and _RELATION.search(one)) or (second is None and _RELATION.search(other)):
        return one, other  # two relations, which computer algebra compares
    return first.interval if first else one, second.interval if second else other


def as_interval(text: str) -> Condition | None:
    """The set of the numbers that a condition allows; None for anything else."""
    if _ALL.fullmatch(text):
        return Condition("", _REALS)
    if match := _BUILDER.fullmatch(text):
        inner = _joined(match[2].strip())
        return inner if inner and inner.letter == match[1] else None
    if match := _ELEMENT.fullmatch(text):
        return Condition("", match[1])
    relations = _RELATION.findall(text)
    unequal = any(sign != "=" for sign in relations)
    return _joined(text) if unequal or _JOIN.search(text) else None


def _joined(text: str) -> Condition | None:
    """The union of what "or" joins, the intersection of what "and" joins."""
    words = {next(filter(None, match.groups())) for match in _JOIN.finditer(text)}
    parts = [_single(part.strip()) for part in _JOIN.sub("\n", text).split("\n")]
    found = [part for part in parts if part]
    kinds = {"cap" if word in ("and", "land", "wedge") else "cup" for word in words}
    if len(found) < len(parts) or len({part.letter for part in found}) > 1 or len(kinds) > 1:
        return None
    sets = [part.interval for part in found]
    if all(re.fullmatch(r"\\\{[^,]*\\\}", one) for one in sets):
        return Condition(found[0].letter, r"\{" + ",".join(one[2:-2] for one in sets) + r"\}")
    return Condition(found[0].letter, rf" \{''.join(kinds)} ".join(sets))


def _single(text: str) -> Condition | None:
    """One inequality, on one side of the letter or on both."""
    signs = [_spelled(sign) for sign in _RELATION.findall(text)]
    if len(signs) == 2 and (match := _TWO_SIDES.fullmatch(text)):
        lower, upper = match[1], match[5]
        if all(sign[0] == ">" for sign in signs):
            lower, upper, signs = upper, lower, [_TURNED[sign] for sign in reversed(signs)]
        return _between(match[3], lower, upper, signs)
    if len(signs) != 1:
        return None
    sign = signs[0]
    if match := _SIZE.fullmatch(text):
        return _by_size(match[1], sign, match[3])
    if match := _LEFT.fullmatch(text):
        letter, bound = match[1], match[3]
    elif match := _RIGHT.fullmatch(text):
        letter, bound, sign = match[3], match[1], _TURNED.get(sign, sign)
    else:
        return None
    return _half_line(letter, sign, bound)


def _spelled(sign: str) -> str:
    return _SPELLED.get(sign.removeprefix("\\"), sign)


def _between(letter: str, lower: str, upper: str, signs: list[str]) -> Condition | None:
    if any(sign[0] != "<" for sign in signs) or not (_is_bound(lower) and _is_bound(upper)):
        return None
    begin, end = "[" if "=" in signs[0] else "(", "]" if "=" in signs[1] else ")"
    return Condition(letter, f"{begin}{lower},{upper}{end}")


def _by_size(letter: str, sign: str, bound: str) -> Condition | None:
    r"""`|x| < 3` -> `(-3,3)`."""
    if sign[0] == "<":
        return _between(letter, f"-({bound})", bound, [sign, sign])
    outside = [_half_line(letter, "<" + sign[1:], f"-({bound})"), _half_line(letter, sign, bound)]
    if sign[0] != ">" or None in outside:
        return None
    return Condition(letter, r" \cup ".join(one.interval for one in outside if one))


def _half_line(letter: str, sign: str, bound: str) -> Condition | None:
    if not _is_bound(bound):
        return None
    intervals = {
        "<": rf"(-\infty,{bound})",
        "<=": rf"(-\infty,{bound}]",
        ">": rf"({bound},\infty)",
        ">=": rf"[{bound},\infty)",
        "=": rf"\{{{bound}\}}",
        "!=": rf"(-\infty,{bound}) \cup ({bound},\infty)",
    }
    return Condition(letter, intervals[sign])


def _is_bound(text: str) -> bool:
    r"""Whether a text may be an end of an interval: one formula, and no list."""
    return bool(text.strip()) and not re.search(
        r"[,;<>=]|\\\\|\\text|\\(?:cup|cap|in)(?![a-z])", text
    )

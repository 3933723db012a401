"""Brackets and braces with what they belong to."""

import re
from collections.abc import Iterator

from cotpress.atoms._spans import Span

_PAIR = re.compile(
    r"\\(?P<side>left|right)(?![a-z])\s*(?:\\[A-Za-z]+|\\.|[^\\\s])?|\\.|[({\[)}\]]", re.DOTALL
)
_HEAD = re.compile(r"(?:\\[A-Za-z]+\*?|\\.|[A-Za-z0-9)\]}′'])?\s*[_^]?\s*\Z")
"""What a group of braces belongs to: a command, or a base with `_` or `^`."""
_OPENS = {"(", "[", "{", "\\{", "left"}
_CLOSES = {")": ("(", "["), "]": ("[", "("), "}": ("{",), "\\}": ("\\{",), "right": ("left",)}
"""A half-open interval ends with the other bracket."""


def pairs_of(text: str) -> Iterator[Span]:
    """Brackets and braces from one end to the other, with what they belong to."""
    open_at: list[tuple[str, int]] = []
    for match in _PAIR.finditer(text):
        said = match["side"] or match[0]
        if said in _OPENS:
            open_at.append((said, match.start()))
        elif closes := _CLOSES.get(said):
            places = [n for n, (kind, _) in enumerate(open_at) if kind in closes]
            if places:
                start = open_at[places[-1]][1]
                del open_at[places[-1] :]
                yield (_headed(text, start) if said == "}" else start, match.end())


def _headed(text: str, brace: int) -> int:
    """Where that begins which a group of braces belongs to: its command, or its base."""
    before = text[max(0, brace - 60) : brace]
    head = _HEAD.search(before)
    if not head or not head[0].strip():
        return brace
    if head[0].strip()[-1:] in "_^" or head[0].startswith("\\") or before[-1:] in "}]":
        return brace - len(head[0])
    return brace


LONGEST = 80
"""Characters between brackets that are still one atom."""
_MATHS = re.compile(r"[\d=+*/^×·÷−√\\]|^.[a-zA-Z].$")
_PROSE = re.compile(r"[A-Za-z]{2,} [A-Za-z]{2,}|\$")


def is_small(text: str, pair: Span) -> bool:
    """Whether a pair is one atom with what is between: braces always, brackets of mathematics."""
    said = text[slice(*pair)]
    if said[-1] == "}" or said.startswith("\\left"):
        return True
    return len(said) <= LONGEST and bool(_MATHS.search(said)) and not _PROSE.search(said)

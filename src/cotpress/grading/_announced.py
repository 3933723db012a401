"""What follows the last announcement of an answer: the rest of its line, else the lines below."""

import re
from collections import deque

_TRIED = 3
"""Announcements, from the end, in which an answer is looked for."""


def announced(text: str, announcement: re.Pattern[str]) -> str | None:
    """The rest of the line after the last announcement that announces anything; where that is
    empty, the lines below it up to an empty one. Linear time.
    """
    for match in reversed(deque(announcement.finditer(text), maxlen=_TRIED)):
        line, _, below = text[match.end() :].partition("\n")
        if line.strip(" \t*_"):
            return line
        if found := below.strip("\n").partition("\n\n")[0].strip("\n"):
            return "\n" + found
    return None


def tagged(text: str, opening: str, closing: str) -> tuple[int, str] | None:
    """Where the last text between two tags begins, and the text; None where there is none."""
    end = text.rfind(closing)
    begin = text.rfind(opening, 0, max(0, end))
    if begin < 0:
        return None
    begin += len(opening)
    return (begin, text[begin:end]) if text[begin:end].strip() else None

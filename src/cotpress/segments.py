"""A reasoning cut into segments of target-model tokens: what is kept or dropped whole, and what may never be dropped.

Importance comes as characters in pieces of some scorer's tokenizer. Segments end at boundaries of the *target* model's
tokens (the ratio is counted in them), take the importance of the pieces they overlap, and are slices of the original text:
nothing is ever re-joined from decoded pieces, so `10³`, LaTeX and newlines survive (TokenSkip specification, section 12.1).
"""

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Literal

Unit = Literal["number", "token", "word"]
"""What is kept or dropped whole: `token` one target token (the papers'); `number` (default) a token, but those of one number,
LaTeX command or multi-byte character together, at the highest of their scores; `word` all tokens of a word, at the mean."""

Protect = Literal["none", "symbols"]

WHOLE = re.compile(r"\d+(?:[.,]\d+)*|\\(?:[A-Za-z]+|.)")
"""What a `number` unit keeps together: a number with its decimals and thousands, or a LaTeX command."""

SYMBOLS = re.compile(
    r"\\boxed\s*\{(?:[^{}]|\{(?:[^{}]|\{[^{}]*+\})*+\})*+\}"  # \boxed{…} with its content, two levels of braces deep
    r"|\d+(?:[.,]\d+)*%?"
    r"|\\(?:[A-Za-z]+|.)"
    r"|[=+*/^<>×÷·±≠≤≥≈√∑∏∫−²³½¼¾°]"
    r"|(?<![A-Za-z-])-(?!-)|(?<=\b[A-Za-z])-(?=\d|[A-Za-z]\b)"  # a minus, also that of x-1 and a-b, but not a hyphen
    r"|(?<=\s)[xX](?=\s\d)"  # the x of "3 x 4"
)
"""What `--protect symbols` never drops, beside one token between two numbers: digits, operators, LaTeX commands, boxes."""


def segment_ends(text: str, token_ends: Sequence[int], unit: Unit) -> list[int]:
    """Where segments end: at target-token ends, except inside what `unit` keeps whole. Tiles `text`."""
    ends = tiling(token_ends, len(text))
    if unit == "token":
        return ends
    inside = [False] * (len(text) + 1)
    for match in (re.compile(r"\S+") if unit == "word" else WHOLE).finditer(text):
        inside[match.start() + 1 : match.end()] = [True] * (match.end() - match.start() - 1)
    return [end for end in ends if not inside[end]]


def pooled(ends: Sequence[int], pieces: Sequence[int], values: Sequence[float], unit: Unit) -> list[float]:
    """For each segment the importance of the `pieces` (their ends) that overlap it: the mean for words, else the highest."""
    pool = _mean if unit == "word" else max
    return [float(pool(values[part])) if values else 0.0 for part in overlapping(ends, pieces)]


def pooled_beside(
    ends: Sequence[int], pieces: Sequence[int], values: Sequence[float], other: Sequence[float], unit: Unit
) -> list[float]:
    """What `pooled` makes of `values`, made of what stands beside them in `other`: the mean, or that of the highest value."""
    if unit == "word":
        return pooled(ends, pieces, other, unit)
    return [float(other[max(range(part.start, part.stop), key=values.__getitem__)]) for part in overlapping(ends, pieces)]


def overlapping(ends: Sequence[int], pieces: Sequence[int]) -> Iterator[slice]:
    """For each segment the `pieces` that overlap it."""
    start, first = 0, 0
    for end in ends:
        while first < len(pieces) - 1 and pieces[first] <= start:
            first += 1
        last = first
        while last < len(pieces) - 1 and pieces[last] < end:
            last += 1
        yield slice(first, last + 1)
        start = end


def count_starts(ends: Sequence[int], token_ends: Sequence[int], length: int) -> list[int]:
    """How many target tokens begin in each segment; the sum is the number of tokens. Tokens of one character count with it."""
    counts = [0] * len(ends)
    for before, end in zip([0, *token_ends], token_ends, strict=False):
        begin = max(0, min(before, end - 1, length - 1))
        counts[min(bisect_right(ends, begin), len(ends) - 1)] += 1
    return counts


def protected(ends: Sequence[int], text: str) -> list[bool]:
    """For each segment, whether one of `SYMBOLS` touches it, or it is what keeps two numbers apart.

    Many tokenizers give the blank before a number a token of its own. Cut as unimportant, it would make 85 of "8 to 5".
    """
    touched = [False] * len(ends)
    for match in SYMBOLS.finditer(text):
        first, last = bisect_right(ends, match.start()), bisect_right(ends, match.end() - 1)
        touched[first : last + 1] = [True] * (last + 1 - first)
    held = [i for i, is_held in enumerate(touched) if is_held]
    for before, after in pairwise(held):
        if after > before + 1 and text[ends[before] - 1].isdigit() and text[ends[after - 1]].isdigit():
            touched[after - 1] = True
    return touched


def tiling(ends: Sequence[int], length: int) -> list[int]:
    """Rising distinct ends that cover the whole text: the last is `length`."""
    distinct = sorted({end for end in ends if 0 < end < length})
    return [*distinct, length] if length else []


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)

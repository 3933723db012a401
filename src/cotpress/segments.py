"""Where a reasoning may be cut: segments of target-model tokens, and which of them hold what must
not be lost.

Segments end at boundaries of the *target* model's tokens (the ratio is counted in them; one that
holds the end of a formula's piece and the beginning of the next is divided) and are slices of the
original text: nothing is ever re-joined from decoded pieces, so `10³`, LaTeX and
newlines survive (TokenSkip specification, section 12.1). What is kept whole and how scores are
pooled is said by a unit (pipeline/units).
"""

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

WHOLE = re.compile(r"\d+(?:[.,]\d+)*|\\(?:[A-Za-z]+|.)")
"""What the unit `number` keeps together: a number with its
decimals and thousands, or a LaTeX command.
"""

SYMBOLS = re.compile(
    # \boxed{…} with its content, two levels of braces deep
    r"\\boxed\s*\{(?:[^{}]|\{(?:[^{}]|\{[^{}]*+\})*+\})*+\}"
    r"|\d+(?:[.,]\d+)*%?"
    r"|\\(?:[A-Za-z]+|.)"
    r"|[=+*/^<>×÷·±≠≤≥≈√∑∏∫−²³½¼¾°]"
    # a minus, also that of x-1 and a-b, but not a hyphen
    r"|-(?<![A-Za-z-]-)(?!-)|-(?<=\b[A-Za-z]-)(?=\d|[A-Za-z]\b)"
    r"|[xX](?<=\s[xX])(?=\s\d)"  # the x of "3 x 4"
)
"""What `--protect symbols` drops last, beside one token between two
numbers: digits, operators, LaTeX commands, boxes.
"""


def segment_ends(
    text: str,
    token_ends: Sequence[int],
    spans: Iterable[tuple[int, int]],
    seams: Sequence[int] = (),
) -> list[int]:
    """Where segments end: at target-token ends, except inside of `spans`, which are kept whole;
    and at `seams`, where a token is divided. Tiles `text`.
    """
    ends = tiling([*token_ends, *seams], len(text))
    inside = bytearray(len(text) + 1)
    for start, end in spans:
        if end - start == 2:
            inside[end - 1] = 1
        elif end - start > 2:
            inside[start + 1 : end] = b"\1" * (end - start - 1)
    return [end for end in ends if not inside[end]]


def spread(ends: Sequence[int], pieces: Sequence[int], values: Sequence[float]) -> list[float]:
    """Scores of `pieces` (their ends), of whatever tokenizer,
    per token: the highest of those that overlap it.
    """
    if list(ends) == list(pieces):
        return list(values)
    return [float(max(values[part])) if values else 0.0 for part in overlapping(ends, pieces)]


def spread_beside(
    ends: Sequence[int], pieces: Sequence[int], values: Sequence[float], other: Sequence[float]
) -> list[float]:
    """What `spread` makes of `values`, made of what stands
    beside them in `other`: that of the highest value.
    """
    if list(ends) == list(pieces):
        return list(other)
    return [
        float(other[max(range(part.start, part.stop), key=values.__getitem__)])
        for part in overlapping(ends, pieces)
    ]


def overlapping(ends: Sequence[int], pieces: Sequence[int]) -> Iterator[slice]:
    """For each of the parts that end at `ends` the `pieces` that overlap it."""
    start, first, final = 0, 0, len(pieces) - 1
    for end in ends:
        while first < final and pieces[first] <= start:
            first += 1
        last = first
        while last < final and pieces[last] < end:
            last += 1
        yield slice(first, last + 1)
        start, first = end, last


def count_starts(
    ends: Sequence[int], token_ends: Sequence[int], closing: Sequence[int] = ()
) -> list[int]:
    """How many target tokens begin in each segment; the sum is the number of
    tokens. Tokens of one character count with it, and a token that is divided at one of `closing`
    with what follows there: the part that is dropped last.
    """
    if not ends:
        return []
    counts = [0] * len(ends)
    place, before, final = 0, 0, len(ends) - 1
    for stop in token_ends:
        begin = before if before < stop else stop - 1
        while place < final and ends[place] <= begin:
            place += 1
        counts[place] += 1
        before = stop
    if closing:
        _with_what_follows(counts, ends, token_ends, closing)
    return counts


def _with_what_follows(
    counts: list[int], ends: Sequence[int], token_ends: Sequence[int], closing: Sequence[int]
) -> None:
    """Count each token that is divided with what follows there; of several places in one token the
    last one decides.
    """
    last = {bisect_right(token_ends, at): at for at in sorted(closing)}
    for after, at in last.items():
        begin = token_ends[after - 1] if after else 0
        if begin < at and after < len(token_ends):
            counts[bisect_right(ends, begin)] -= 1
            counts[bisect_right(ends, at)] += 1


def protected(ends: Sequence[int], text: str) -> list[bool]:
    """For each segment, whether one of `SYMBOLS` touches it, or it is what keeps two numbers apart.

    Many tokenizers give the blank before a number a token of its own. Cut as unimportant, it would
    make 85 of "8 to 5".
    """
    found = touched(ends, (match.span() for match in SYMBOLS.finditer(text)))
    held = [i for i, is_held in enumerate(found) if is_held]
    for before, after in pairwise(held):
        if (
            after > before + 1
            and text[ends[before] - 1].isdigit()
            and text[ends[after - 1]].isdigit()
        ):
            found[after - 1] = True
    return found


def touched(ends: Sequence[int], spans: Iterable[tuple[int, int]]) -> list[bool]:
    """For each segment, whether one of `spans` has a character in it."""
    found = [False] * len(ends)
    for start, end in spans:
        if start < end:
            first = bisect_right(ends, start)
            if end <= ends[first]:
                found[first] = True
            else:
                last = bisect_right(ends, end - 1)
                found[first : last + 1] = [True] * (last + 1 - first)
    return found


def tiling(ends: Sequence[int], length: int) -> list[int]:
    """Rising distinct ends that cover the whole text: the last is `length`."""
    distinct = sorted({end for end in ends if 0 < end < length})
    return [*distinct, length] if length else []

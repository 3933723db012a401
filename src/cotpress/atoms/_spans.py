"""Spans of characters: sorted, merged, and on the edges of whole characters."""

import re
from bisect import bisect_left
from collections.abc import Sequence

import regex

Span = tuple[int, int]


def merged(spans: Sequence[Span]) -> list[Span]:
    """Overlapping spans as one."""
    result: list[Span] = []
    last = 0  # where the last of the result ends
    for span in sorted(spans):
        start, end = span
        if start >= end:
            continue
        if start < last and result:
            if end > last:
                result[-1] = (result[-1][0], end)
                last = end
        else:
            result.append(span)
            last = end
    return result


def within(spans: Sequence[Span], start: int, end: int) -> list[Span]:
    """Those of the merged spans that lie between."""
    if not spans:
        return []
    first = bisect_left(spans, (start, start))
    return [span for span in spans[first : bisect_left(spans, (end, end))] if span[1] <= end]


def inside(span: Span, merged: Sequence[Span]) -> bool:
    """Whether a span lies in one of the merged ones."""
    n = bisect_left(merged, (span[0] + 1, 0)) - 1
    return n >= 0 and span[1] <= merged[n][1]


def touches(span: Span, merged: Sequence[Span]) -> bool:
    """Whether a span shares a character with one of the merged ones."""
    n = bisect_left(merged, (span[1], 0)) - 1
    return n >= 0 and span[0] < merged[n][1]


def clusters_of(text: str) -> list[Span]:
    """Characters of several code points: letters with what is written above, below or behind them
    (grapheme clusters, Unicode Annex 29).
    """
    if "\r" not in text and (text.isascii() or not _COMBINING.search(text)):
        return []
    spans = (match.span() for match in regex.finditer(r"\X", text))
    return [(a, b) for a, b in spans if b - a > 1]


_COMBINING = re.compile(
    r"[^\x00-\u02ff\u0391-\u03c9\u2010-\u2027\u2030-\u205e\u2070-\u20c0\u2190-\u22ff\u3001-\u3011"
    r"\u4e00-\u9fff\uff01-\uff5e]"
)
"""What may be a part of a character of several code points: all but scripts and signs of which each
code point is a character.
"""


def widened(span: Span, clusters: Sequence[Span]) -> Span:
    """The span with the whole of the characters that it ends in."""
    if not clusters:
        return span
    start, end = span
    for a, b in _around(clusters, start):
        start = a if a < start < b else start
    for a, b in _around(clusters, end):
        end = b if a < end < b else end
    return start, end


def _around(spans: Sequence[Span], at: int) -> Sequence[Span]:
    """The last of the sorted spans that begins before a place, if there is one."""
    n = bisect_left(spans, (at, at))
    return spans[max(0, n - 1) : n]

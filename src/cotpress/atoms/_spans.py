"""Spans of characters: sorted, merged, and on the edges of whole characters."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence

import regex

Span = tuple[int, int]


def merged(spans: Sequence[Span]) -> list[Span]:
    """Overlapping spans as one."""
    result: list[Span] = []
    for start, end in sorted(span for span in spans if span[0] < span[1]):
        if result and start < result[-1][1]:
            result[-1] = (result[-1][0], max(end, result[-1][1]))
        else:
            result.append((start, end))
    return result


def within(spans: Sequence[Span], start: int, end: int) -> list[Span]:
    """Those of the merged spans that lie between."""
    first = bisect_left(spans, (start, start))
    return [span for span in spans[first : bisect_left(spans, (end, end))] if span[1] <= end]


def inside(span: Span, merged: Sequence[Span]) -> bool:
    """Whether a span lies in one of the merged ones."""
    n = bisect_right(merged, span[0], key=lambda one: one[0]) - 1
    return n >= 0 and span[1] <= merged[n][1]


def touches(span: Span, merged: Sequence[Span]) -> bool:
    """Whether a span shares a character with one of the merged ones."""
    n = bisect_left(merged, span[1], key=lambda one: one[0]) - 1
    return n >= 0 and span[0] < merged[n][1]


def clusters_of(text: str) -> list[Span]:
    """Characters of several code points: letters with what is written above, below or behind them
    (grapheme clusters, Unicode Annex 29).
    """
    if text.isascii() and "\r" not in text:
        return []
    spans = (match.span() for match in regex.finditer(r"\X", text))
    return [(a, b) for a, b in spans if b - a > 1]


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

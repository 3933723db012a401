"""`Trace -> ScoredTrace`: give every segment of the reasoning its importance, its target-model tokens and its protection.

A scorer speaks about characters in pieces of its own tokenizer. Here the reasoning is cut into segments at boundaries of
the *target* model's tokens (the ratio is counted in them), each segment takes the importance of the pieces it overlaps,
and the original text is kept: nothing is ever re-joined from decoded pieces. Every ratio afterwards is a cut of this file.
"""

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Literal

from cotpress.models import Model
from cotpress.records import ScoredTrace, Trace
from cotpress.scorers import Importance, Scorer, Unit

Protect = Literal["none", "symbols"]

WHOLE = re.compile(r"\d+(?:[.,]\d+)*|\\(?:[A-Za-z]+|.)")
"""What a `number` unit keeps together: a number with its decimals and thousands, or a LaTeX command."""

SYMBOLS = re.compile(
    r"\\boxed\s*\{(?:[^{}]|\{(?:[^{}]|\{[^{}]*\})*\})*\}"  # \boxed{…} with its content, two levels of braces deep
    r"|\d+(?:[.,]\d+)*%?"
    r"|\\(?:[A-Za-z]+|.)"
    r"|[=+*/^<>×÷·±≠≤≥≈√∑∏∫−²³½¼¾°]"
    r"|(?<![A-Za-z])-(?!-)|(?<=\s)[xX](?=\s\d)"  # a minus, not a hyphen; the x of "3 x 4"
)
"""What `--protect symbols` never drops: digits, operators, LaTeX commands and `\\boxed{…}`."""

BATCH = 256


def score(
    traces: Iterable[Trace], scorer: Scorer, target: Model, *, protect: Protect = "symbols", dropped: Counter[str] | None = None
) -> Iterator[ScoredTrace]:
    """Score traces in order. Traces without reasoning are left out and counted in `dropped`."""
    usable = _with_reasoning(traces, Counter() if dropped is None else dropped)
    while batch := list(islice(usable, BATCH)):
        tokens = target.token_ends([trace.reasoning for trace in batch])
        for trace, ends, importance in zip(batch, tokens, scorer.score(batch), strict=True):
            yield score_trace(trace, ends, importance, scorer.name, scorer.unit, protect)


def score_trace(
    trace: Trace, token_ends: Sequence[int], importance: Importance, scorer: str, unit: Unit, protect: Protect
) -> ScoredTrace:
    """One trace from its target-token ends and a scorer's importance."""
    text = trace.reasoning
    released = importance.percentile is not None
    ends = _tiling(importance.ends, len(text)) if released else segment_ends(text, token_ends, unit)
    pool: Callable[[Sequence[float]], float] = _mean if unit == "word" else max
    return ScoredTrace(
        trace=trace,
        scorer=scorer,
        ends=ends,
        importance=list(importance.values) if released else pooled(ends, importance, pool),
        n_tokens=count_starts(ends, token_ends, len(text)),
        protected=overlaps(ends, SYMBOLS, text) if protect == "symbols" and not released else [False] * len(ends),
        percentile=importance.percentile,
    )


def segment_ends(text: str, token_ends: Sequence[int], unit: Unit) -> list[int]:
    """Where segments end: at target-token ends, except inside what `unit` keeps whole. Tiles `text`."""
    ends = _tiling(token_ends, len(text))
    if unit == "token":
        return ends
    inside = [False] * (len(text) + 1)
    for match in (re.compile(r"\S+") if unit == "word" else WHOLE).finditer(text):
        inside[match.start() + 1 : match.end()] = [True] * (match.end() - match.start() - 1)
    return [end for end in ends if not inside[end]]


def pooled(ends: Sequence[int], importance: Importance, pool: Callable[[Sequence[float]], float]) -> list[float]:
    """For each segment the pooled importance of the pieces that overlap it; pieces of no width count where they stand."""
    pieces, values = importance.ends, importance.values
    result, start, first = [], 0, 0
    for end in ends:
        while first < len(pieces) - 1 and pieces[first] <= start:
            first += 1
        last = first
        while last < len(pieces) - 1 and pieces[last] < end:
            last += 1
        result.append(float(pool(values[first : last + 1])) if values else 0.0)
        start = end
    return result


def count_starts(ends: Sequence[int], token_ends: Sequence[int], length: int) -> list[int]:
    """How many target tokens begin in each segment; the sum is the number of tokens."""
    counts = [0] * len(ends)
    for begin in [0, *token_ends][: len(token_ends)]:
        counts[min(bisect_right(ends, min(begin, length - 1)), len(ends) - 1)] += 1
    return counts


def overlaps(ends: Sequence[int], pattern: re.Pattern[str], text: str) -> list[bool]:
    """For each segment, whether a match of `pattern` touches it."""
    touched = [False] * len(ends)
    for match in pattern.finditer(text):
        first, last = bisect_right(ends, match.start()), bisect_right(ends, match.end() - 1)
        touched[first : last + 1] = [True] * (last + 1 - first)
    return touched


def _tiling(ends: Sequence[int], length: int) -> list[int]:
    """Rising distinct ends that cover the whole text: the last is `length`."""
    distinct = sorted({end for end in ends if 0 < end < length})
    return [*distinct, length] if length else []


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _with_reasoning(traces: Iterable[Trace], dropped: Counter[str]) -> Iterator[Trace]:
    for trace in traces:
        if trace.reasoning.strip():
            yield trace
        else:
            dropped["no reasoning"] += 1

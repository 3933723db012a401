"""Which traces a scorer is handed together, and which of them are still to be written.

Windows depend on the input alone, never on what was done before: values depend on their company in
the last digits, and a run that was interrupted must write what one that was not writes.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from cotpress.records import Trace

MOST = 256
"""Traces of a window at most: enough to be sorted by length, few enough to lose little when a run
dies.
"""


class Window(NamedTuple):
    """What is scored together."""

    traces: list[Trace]
    written: list[bool]
    """Of which the record is there already."""


def windows(traces: Iterable[Trace], characters: int | None = None) -> Iterator[list[Trace]]:
    """The traces in windows of at most `MOST`, and at most so many characters of reasoning, unless
    a single one has more.
    """
    window: list[Trace] = []
    size = 0
    for trace in traces:
        size += len(trace.reasoning)
        if window and (len(window) == MOST or (characters is not None and size > characters)):
            yield window
            window, size = [], len(trace.reasoning)
        window.append(trace)
    if window:
        yield window


def left(found: Iterable[list[Trace]], done: Counter[str]) -> Iterator[Window]:
    """What is still to be scored, when as many records of each key are there as `done` says.

    A window before the last record was gone through: what of it has no record could not be scored,
    and comes alone, to be counted again. The window of the last record may have been broken off,
    and comes whole.
    """
    todo = Counter(done)
    n = todo.total()
    for traces in found:
        written = []
        for trace in traces:
            written.append(todo[trace.key] > 0)
            todo[trace.key] -= written[-1]
        n -= sum(written)
        if n and any(written):
            traces = [trace for trace, there in zip(traces, written, strict=True) if not there]
            written = [False] * len(traces)
        if not all(written):
            yield Window(traces, written)

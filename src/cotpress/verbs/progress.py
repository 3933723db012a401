"""How far a verb is: a bar on a terminal, elsewhere one line every 20 seconds, whether or not a
record came since the line before.
"""

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

R = TypeVar("R")

EVERY = 20.0
"""Seconds between two lines."""

Wait = Callable[[], bool]
"""Returns after `EVERY` seconds with False; with True as soon as there is nothing left to say."""


class Count:
    """Records so far, and what they say about the time left.

    Models answer in batches, whose records come all at once: the rate is that up to the last of
    them, and the time since then is taken off.
    """

    def __init__(
        self,
        verb: str,
        total: int | None = None,
        before: int = 0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.verb, self.total, self.before, self.clock = verb, total, before, clock
        self.n = 0
        self.began = self.last = clock()

    def add(self) -> None:
        """One record more."""
        self.n += 1
        self.last = self.clock()

    def line(self) -> str:
        """`score: 40/60 (0.500/s, 40 s left)`; before the first record how long it has taken."""
        of = f"/{self.total}" if self.total else ""
        at = f"{self.verb}: {self.before + self.n}{of}"
        now = self.clock()
        if not self.n:
            return f"{at} after {span(now - self.began)}"
        rate = self.n / max(self.last - self.began, 1e-9)
        rounded = f"{rate:.{1 if rate >= 1 else 3}f}/s"
        if not self.total:
            return f"{at} ({rounded})"
        left = (self.total - self.before - self.n) / rate - (now - self.last)
        return f"{at} ({rounded}, {span(max(left, 0.0))} left)"


def span(seconds: float) -> str:
    """A time for a person: 90 s, 3 min, 2.5 h."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def lines(count: Count, say: Callable[[str], None], wait: Wait) -> None:
    """Say the line of a count each time that `wait` returns False."""
    while not wait():
        say(count.line())


@contextmanager
def spoken(count: Count, say: Callable[[str], None], wait: Wait | None = None) -> Iterator[None]:
    """Say lines from beside while the work is done: a batch of a model may take minutes."""
    over = threading.Event()
    due = wait or (lambda: over.wait(EVERY))
    thread = threading.Thread(
        target=lines, args=(count, say, due), name="cotpress-progress", daemon=True
    )
    thread.start()
    try:
        yield
    finally:
        over.set()
        if wait is None:
            thread.join()


def counted(records: Iterable[R], count: Count) -> Iterator[R]:
    """Pass records through; each counts once it has been dealt with."""
    for record in records:
        yield record
        count.add()


def barred(
    records: Iterable[R], verb: str, total: int | None, before: int, console: Console
) -> Iterator[R]:
    """Pass records through under a bar."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TaskProgressColumn(show_speed=True),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(verb, total=total, completed=before)
        for record in records:
            yield record
            bar.advance(task)

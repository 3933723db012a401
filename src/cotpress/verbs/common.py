"""What every verb shares: one output file made by one stage,
with resume, progress and a summary line.
"""

import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)

from cotpress import __version__, storage
from cotpress.errors import CotpressError

I = TypeVar("I")  # noqa: E741
R = TypeVar("R", bound=msgspec.Struct)

PLAIN_SECONDS = 10.0
"""Off a terminal: at most one progress line in this many seconds."""

PLAIN_WIDTH = 140
"""Columns of a table where it is not printed on a terminal."""

hushed = False
"""Whether `say` and `progress` are silent: `--quiet`."""

GAP_SECONDS = 1.0
"""Records that come closer together than this are of one batch, if they last no longer than
this.
"""


def make(
    out: Path,
    record: type[R],
    stage: Callable[[Iterator[I], Counter[str]], Iterable[R]],
    items: Iterable[I],
    *,
    verb: str,
    options: dict[str, Any],
    total: int | None = None,
    skip: Callable[[I], str] | None = None,
    key: Callable[[R], str] | None = None,
    identity: dict[str, str] | None = None,
    extra: dict[str, Any] | None = None,
) -> None:
    """Run `stage(items, dropped)` into `out`: locked, resumed by `key`, finished atomically,
    counted in the meta file.

    `identity`: what the tasks, models and scorers of the run call themselves; with another one it
    is another run.

    `skip` gives the key of the record an item will become, so that finished ones are not done
    again; `key` that of a record. Without them an interrupted output is begun again. The stage
    counts what it leaves out in `dropped`.
    """
    deciding = options | ({storage.IDENTITY: identity} if identity else {})
    with storage.run(out, record, verb, deciding, version=__version__, key=key) as this:
        if this.complete:
            say(f"{verb}: {out} was finished before under the same options; nothing to do")
            return
        this.extra.update(extra or {})
        before = this.done.total()
        if before:
            say(f"{verb}: resuming {out} with {before} records done")
        counted = this.counted(items)
        todo = this.todo(counted, skip) if skip else counted
        for _ in progress(this.write(stage(todo, this.dropped)), verb, total, started_with=before):
            pass
        written = this.n_out + before
        if not written:
            reasons = (
                ", ".join(f"{count} {why}" for why, count in this.dropped.items())
                or "the input is empty"
            )
            raise CotpressError(f"{verb}: nothing to write to {out}: {reasons}.")
    left_out = "".join(f", {count} left out ({why})" for why, count in sorted(this.dropped.items()))
    say(f"{verb}: {written} records in {out}{left_out}")


def progress(
    records: Iterable[R], verb: str, total: int | None = None, started_with: int = 0
) -> Iterator[R]:
    """Pass records through, showing count, rate and time left: a bar on a terminal, a plain line
    now and then elsewhere.

    Models answer in batches, all of one at once: the line waits for the end of a batch, so that its
    rate is right.
    """
    if Console(stderr=True).is_terminal and not hushed:
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TaskProgressColumn(show_speed=True),
        )
        with Progress(
            *columns, TimeRemainingColumn(), console=Console(stderr=True), transient=True
        ) as bar:
            task = bar.add_task(verb, total=total, completed=started_with)
            for record in records:
                yield record
                bar.advance(task)
        return
    began = last = before = batch = time.monotonic()
    for count, record in enumerate(records):
        now = time.monotonic()
        next_batch = now - before >= GAP_SECONDS
        if count and now - last >= PLAIN_SECONDS and (next_batch or now - batch >= GAP_SECONDS):
            last, rate = now, count / max(before - began, 1e-9)
            left = f", {(total - started_with - count) / rate:.0f} s left" if total else ""
            of = f"/{total}" if total else ""
            say(f"{verb}: {started_with + count}{of} ({rate:.{1 if rate >= 1 else 3}f}/s{left})")
        batch = now if next_batch else batch
        yield record
        before = time.monotonic()


def say(line: str) -> None:
    """One line for a person, on standard error: standard output is for results."""
    if not hushed:
        print(line, file=sys.stderr, flush=True)


def hush(quiet: bool) -> None:
    """Let `say` and `progress` be silent, or speak."""
    global hushed
    hushed = quiet


def rows_path(out: Path) -> Path:
    """`eval.jsonl` -> `eval.rows.jsonl`."""
    return out.with_name(out.stem + ".rows.jsonl")

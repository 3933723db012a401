"""`Trace -> Trace` with a grade: is the answer right? In order, and no formula can stop or crash
the run.

Most answers are decided in this process by the quick part of a grader. The slow part, such as
math-verify, works in processes that are killed when it takes too long: math-verify's own time limit
is a signal, which works in the main thread only and cannot interrupt a long power. Workers are
spawned, not forked (torch may hold threads here), import only the grader, and may not take more
than `MEMORY` of address space. A killed or crashed worker is a status of that one grade.

TokenSkip's evaluator accepts an intermediate box of an output that was cut off; here that is
`no_answer`.
"""

import importlib.util
import multiprocessing
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from contextlib import nullcontext
from functools import cache
from typing import Any

import msgspec

from cotpress import grading
from cotpress.errors import CotpressError, MissingExtra
from cotpress.plugins import extra_of, require
from cotpress.records import Grade, Trace

WINDOW = 256
"""Traces that may wait for their turn behind one that is still being graded."""
MEMORY = 4 << 30
"""Bytes of address space of a worker; sympy and its parser need about a tenth."""
SLOW = "grading of formulas or code"
"""What the workers do, in an error's sentence."""
TASKS = 1000
"""Grades after which a worker is replaced: sympy's caches only grow."""


def grade(
    traces: Iterable[Trace],
    grader_of: Callable[[Trace], str | grading.Check],
    *,
    workers: int | None = None,
    timeout: float = 10.0,
    within: "Workers | None" = None,
) -> Iterator[Trace]:
    """Grade traces in order.

    An answer that cannot be read or takes too long is a status of its grade, not an error.

    Args:
        traces: With a reference answer in their problems. A grade that is there is replaced.
        grader_of: Gives the grader of a trace: a name, such as `math`, or a task's own check
            (`Task.grader`).
        workers: Processes that do algebra or run code; default: one per CPU, at most 8. None is
            started before it is needed.
        timeout: Seconds that the slow part of one grade may take.
        within: The running workers of a caller that grades again and again, in place of new
            ones; `workers` and `timeout` are then theirs.

    Yields:
        Each trace with its `grade`. Up to 256 wait behind one that is being graded.

    Raises:
        CotpressError: There is no such grader, its package is not installed, or the worker
            processes cannot start. Traces before it are yielded first.
    """
    waiting: deque[tuple[Trace, _Job | Grade]] = deque()
    with nullcontext(within) if within else Workers(workers, timeout) as pool:
        trouble: CotpressError | None = None
        try:
            for trace in traces:
                waiting.append((trace, _begin(trace, grader_of(trace), pool)))
                while waiting and (len(waiting) > WINDOW or _is_ready(waiting[0][1])):
                    yield _finish(*waiting.popleft(), pool)
        except CotpressError as error:  # those that came before it are finished first
            trouble = error
        while waiting:
            yield _finish(*waiting.popleft(), pool)
        if trouble:
            raise trouble


def graded_text(trace: Trace) -> str:
    """The part of a completion in which the answer stands; empty
    where the token limit came before a final answer.
    """
    conclusion = trace.conclusion.strip()
    if trace.finished:
        return conclusion or trace.reasoning
    if trace.opening.strip() and "</" not in trace.opening + trace.closing:
        return ""  # cut off while it was thinking: a box in there is not an answer
    box = grading.boxed(conclusion)
    return rf"\boxed{{{box}}}" if box else ""


class _Job(msgspec.Struct):
    """A grade that a worker is at."""

    grader: grading.Grader
    said: str
    answer: str
    future: "Future[Grade]"


def _begin(trace: Trace, grader: str | grading.Check, pool: "Workers") -> _Job | Grade:
    if callable(grader):
        return grader(graded_text(trace), trace.problem)
    found, answer = _loaded(grader), trace.problem.answer
    said = found.quick(graded_text(trace), answer)
    if isinstance(said, Grade):
        return said
    if found.slow is None:
        return grading.undecided(said, "error")
    return _Job(found, said, answer, pool.schedule(found, said, answer))


_loaded = cache(grading.load)


def _is_ready(job: _Job | Grade) -> bool:
    return isinstance(job, Grade) or job.future.done()


def _finish(trace: Trace, job: _Job | Grade, pool: "Workers") -> Trace:
    return msgspec.structs.replace(trace, grade=job if isinstance(job, Grade) else pool.result(job))


class Workers:
    """Processes for the slow parts of graders, started when the first is needed."""

    def __init__(self, workers: int | None = None, timeout: float = 10.0) -> None:
        self.workers, self.timeout = workers or min(8, os.cpu_count() or 1), timeout
        self._pool: Any = None
        self._known: dict[tuple[grading.Grader, str, str], Future[Grade]] = {}

    def __enter__(self) -> "Workers":
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    def schedule(self, grader: grading.Grader, said: str, answer: str) -> "Future[Grade]":
        """Have an answer judged; one that was judged before is not
        judged again (the same problem at every ratio).
        """
        if (grader, said, answer) not in self._known:
            self._known[grader, said, answer] = self._submit(grader, said, answer)
        return self._known[grader, said, answer]

    def result(self, job: _Job) -> Grade:
        """The grade; `timeout` or `error` where the worker had to be killed or died."""
        future = job.future
        # perhaps through another answer: this one gets a second try
        if isinstance(future.exception(), BrokenProcessPool):
            future = self._submit(job.grader, job.said, job.answer)
        error = future.exception()
        if error is None:
            return future.result()
        return grading.undecided(
            job.said, "timeout" if isinstance(error, TimeoutError) else "error"
        )

    def _submit(self, grader: grading.Grader, said: str, answer: str) -> "Future[Grade]":
        if self._pool is None or not self._pool.active:
            self._stop()
            self._pool = self._start(grader.needs)
        future: Future[Grade] = self._pool.schedule(
            grader.slow, args=(said, answer), timeout=self.timeout
        )
        return future

    def _start(self, needs: str) -> Any:
        pebble = require("pebble", SLOW)
        if needs and importlib.util.find_spec(needs) is None:
            raise MissingExtra(SLOW, needs, extra_of(needs))
        context = multiprocessing.get_context("spawn")
        pool = pebble.ProcessPool(
            max_workers=self.workers,
            max_tasks=TASKS,
            initializer=_prepare,
            initargs=(needs, MEMORY),
            context=context,
        )
        error = pool.schedule(_wake).exception()
        if error is not None:
            pool.stop()
            pool.join()
            raise CotpressError(
                f"the processes that grade cannot start ({error}): in a script, put the code that "
                "starts them under `if __name__ == '__main__':`."
            ) from error
        return pool

    def _stop(self) -> None:
        if self._pool is not None:
            self._pool.stop()
            self._pool.join()


def _prepare(needs: str, memory: int) -> None:
    """Make a worker ready: load what is loaded late, before a
    time limit runs, then cap the address space.
    """
    if needs:
        importlib.import_module(needs)
    if importlib.util.find_spec("resource"):  # POSIX only
        resource = importlib.import_module("resource")
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))


def _wake() -> None:
    """In a worker: nothing, to see that it lives."""

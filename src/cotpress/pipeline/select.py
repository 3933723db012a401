"""`Trace -> Trace`: of k samples of each problem those to learn from. Pure; no model.

The shortest right sample is the oldest way from long to short reasoning (Kimi k1.5's shortest
rejection sampling, arXiv 2501.12599) and, in rounds on the model's own samples, the best known one
without a reward (On-Policy SFT, arXiv 2602.13407: right and under a length, plain cross-entropy).
Its controls are a right sample at random, which is rejection-sampling fine-tuning, and the longest.

Samples of a problem need not stand together: problems come out in the order in which they first
appear. Of each problem no more samples are held than are asked for (of `all-right` all), and of a
file only the places where they stand (`choose`).
"""

import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Generic, Literal, TypeVar

import msgspec

from cotpress.errors import CotpressError
from cotpress.methods import ALL_RIGHT, SHORTEST, SHORTEST_RIGHT
from cotpress.pipeline.build import unfit
from cotpress.records import Trace

P = TypeVar("P")

Keep = Literal["shortest-right", "shortest", "longest", "random", "all-right"]
"""Which samples of a problem are kept: the shortest that are right; the shortest of all that ended
by themselves with a conclusion; the longest that are right; right ones at random; all right ones.
"""

Unsolved = Literal["drop", "keep"]
"""What becomes of a problem without such a sample: left out, or its first sample is kept."""

METHODS: dict[Keep, str] = {
    "shortest-right": SHORTEST_RIGHT,
    "shortest": SHORTEST,
    "longest": "longest-right",
    "random": "random-right",
    "all-right": ALL_RIGHT,
}
"""What a model taught on them is called."""

NOT_CHOSEN = "of which others were chosen"
NO_SAMPLE = "problems without a sample to keep"
FIRST_KEPT = "problems without a sample to keep, of which the first was kept"
FEWER = "problems with fewer samples to keep than asked for"


@dataclass(slots=True)
class _Samples(Generic[P]):
    """What is held of one problem."""

    number: int
    """Of the first sample."""
    first: P
    """Where that stands."""
    fault: str
    """Why it is not to be kept; empty if it may be."""
    best: list[tuple[tuple[float, ...], P]] = field(default_factory=list)
    """With what they are ranked by, the best first."""
    n_usable: int = 0


def select(
    traces: Iterable[Trace],
    keep: Keep = "shortest-right",
    *,
    per_problem: int = 1,
    longest_tokens: int | None = None,
    unsolved: Unsolved = "drop",
    seed: int = 0,
    dropped: Counter[str] | None = None,
    noted: Counter[str] | None = None,
) -> Iterator[Trace]:
    """The chosen samples of each problem, the best first, named after how they were chosen.

    Shortest right samples are Kimi k1.5's shortest rejection sampling (arXiv 2501.12599); in
    rounds on the model's own samples, On-Policy SFT (arXiv 2602.13407).

    Args:
        traces: Several samples per problem, in any order; all are read before the first is
            yielded.
        keep: Which samples: `shortest-right`, `longest` and `random` choose among the right
            ones, `all-right` takes all of them, `shortest` ignores the grade.
        per_problem: Samples kept of each problem, at least 1; `all-right` ignores it.
        longest_tokens: Reasoning tokens that a kept sample has at most; default: no limit.
        unsolved: What becomes of a problem without such a sample: `drop` leaves it out, `keep`
            takes its first sample.
        seed: For `random`, whose draws depend on it, the problem's id and the number of the
            sample alone.
        dropped: Gets the number of samples left out, by reason.
        noted: Gets the number of problems with too few samples, by what became of them.

    Yields:
        The kept traces, problems in the order in which they first appear; `Trace.method` says
        how they were chosen. A trace that was kept although it is not right loses its grade, so
        that `build` takes it.

    Raises:
        CotpressError: A number is below 1, or a trace has no grade and `keep` needs one.
    """
    placed = ((trace, trace) for trace in traces)
    yield from choose(
        placed,
        lambda trace: trace,
        keep,
        per_problem=per_problem,
        longest_tokens=longest_tokens,
        unsolved=unsolved,
        seed=seed,
        dropped=dropped,
        noted=noted,
    )


def choose(
    placed: Iterable[tuple[P, Trace]],
    at: Callable[[P], Trace],
    keep: Keep = "shortest-right",
    *,
    per_problem: int = 1,
    longest_tokens: int | None = None,
    unsolved: Unsolved = "drop",
    seed: int = 0,
    dropped: Counter[str] | None = None,
    noted: Counter[str] | None = None,
) -> Iterator[Trace]:
    """Like `select`, of traces with their places: only the places are held, and `at` gives the
    trace at one.
    """
    if per_problem < 1 or (longest_tokens is not None and longest_tokens < 1):
        raise CotpressError("choose --per-problem and --longest-tokens of at least 1.")
    dropped = Counter() if dropped is None else dropped
    noted = Counter() if noted is None else noted
    held: dict[int, _Samples[P]] = {}  # by hash: an id may be long, and a file has millions
    most = None if keep == ALL_RIGHT else per_problem
    for place, trace in placed:
        reason = sys.intern(_unfit(trace, keep, longest_tokens))
        name = hash(trace.problem.id)
        if (of := held.get(name)) is None:
            of = held[name] = _Samples(trace.sample, place, reason)
        elif trace.sample < of.number:
            of.number, of.first, of.fault = trace.sample, place, reason
        if reason:
            dropped[reason] += 1
            continue
        of.n_usable += 1
        of.best.append((_rank(trace, keep, seed), place))
        of.best.sort(key=lambda ranked: ranked[0])
        if most is not None and len(of.best) > most:
            del of.best[most:]
            dropped[NOT_CHOSEN] += 1
    for of in held.values():
        if not of.best:
            noted[FIRST_KEPT if unsolved == "keep" else NO_SAMPLE] += 1
            if unsolved == "keep":
                dropped[of.fault] -= 1
                yield _chosen(at(of.first), keep)
            continue
        if most is not None and of.n_usable < most:
            noted[FEWER] += 1
        yield from (_chosen(at(place), keep) for _, place in of.best)


def _unfit(trace: Trace, keep: Keep, longest_tokens: int | None) -> str:
    """Why a sample is not to be kept; empty if it may be."""
    if trace.grade is None and keep != SHORTEST:
        raise CotpressError(
            f"the trace {trace.key} has no grade, and --keep {keep} keeps right ones: run "
            "`cotpress grade` first."
        )
    judged = msgspec.structs.replace(trace, grade=None) if keep == SHORTEST else trace
    if reason := unfit(judged):
        return reason
    if longest_tokens is not None and trace.n_tokens > longest_tokens:
        return f"longer than {longest_tokens} tokens"
    return ""


def _rank(trace: Trace, keep: Keep, seed: int) -> tuple[float, ...]:
    """The smaller, the sooner it is kept; of equals the one with the smaller number."""
    if keep == "random":
        return (Random(f"{seed}|{trace.problem.id}|{trace.sample}").random(), trace.sample)
    if keep == ALL_RIGHT:
        return (trace.sample,)
    return (-trace.n_tokens if keep == "longest" else trace.n_tokens, trace.sample)


def _chosen(trace: Trace, keep: Keep) -> Trace:
    """The sample, named after how it was chosen."""
    right = trace.grade is not None and trace.grade.correct
    grade = trace.grade if right else None
    return msgspec.structs.replace(trace, method=METHODS[keep], grade=grade)

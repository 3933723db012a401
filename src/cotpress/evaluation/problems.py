"""Answers by problem, the unit of every interval and test: several answers to one problem are
not several problems.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping
from statistics import fmean
from typing import TypeVar

from cotpress.records import Trace

T = TypeVar("T")

Key = tuple[str, int]
"""Id of a problem, and number of the sample."""

Group = Mapping[Key, Trace]
"""The traces of one setting on one task."""


def key_of(trace: Trace) -> Key:
    """Which problem's which answer a trace is."""
    return trace.problem.id, trace.sample


def by_problem(group: Group) -> dict[str, list[Trace]]:
    """The answers to each problem, in order of appearance."""
    found: defaultdict[str, list[Trace]] = defaultdict(list)
    for (problem, _), trace in group.items():
        found[problem].append(trace)
    return dict(found)


def means(group: Group, value: Callable[[Trace], float]) -> dict[str, float]:
    """The mean of a value over the answers to each problem."""
    return {name: fmean(map(value, traces)) for name, traces in by_problem(group).items()}


def tokens(group: Group) -> dict[str, float]:
    """Reasoning tokens of each problem, in the mean of its answers."""
    return means(group, lambda trace: trace.n_tokens)


def pairs(first: Mapping[str, T], second: Mapping[str, T]) -> tuple[list[T], list[T]]:
    """What both hold on the same problems, pair by pair."""
    shared = [name for name in first if name in second]
    return [first[name] for name in shared], [second[name] for name in shared]


def samples(group: Group) -> int:
    """The smallest number of answers that a problem has; 0 where there is no problem."""
    return min(map(len, by_problem(group).values()), default=0)


def right(trace: Trace) -> bool:
    """Whether an answer was graded as right."""
    return trace.grade is not None and trace.grade.correct

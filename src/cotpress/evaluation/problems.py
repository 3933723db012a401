"""Answers by problem, the unit of every interval and test: several answers to one problem are
not several problems.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from statistics import fmean
from typing import Any, Protocol, TypeVar

from cotpress.records import Asked, Grade, Trace

T = TypeVar("T")

Key = tuple[str, int]
"""Id of a problem, and number of the sample."""

Group = Mapping[Key, Trace]
"""The traces of one setting on one task."""


class Answer(Protocol):
    """What figures are made of: a trace, or what is kept of one (brief.py)."""

    @property
    def n_tokens(self) -> int:
        """Reasoning tokens."""

    @property
    def asked(self) -> Asked:
        """What the prompt asked for."""

    @property
    def grade(self) -> Grade | None:
        """Whether it is right."""


Answers = Mapping[Key, Answer]
"""The answers of one setting on one task."""


def key_of(trace: Trace) -> Key:
    """Which problem's which answer a trace is."""
    return trace.problem.id, trace.sample


def by_problem(group: Mapping[Key, T]) -> dict[str, list[T]]:
    """The answers to each problem, in order of appearance."""
    found: defaultdict[str, list[T]] = defaultdict(list)
    for (problem, _), answer in group.items():
        found[problem].append(answer)
    return dict(found)


def means(group: Mapping[Key, T], value: Callable[[T], float]) -> dict[str, float]:
    """The mean of a value over the answers to each problem."""
    return {
        name: fmean(map(value, answers)) if len(answers) > 1 else float(value(answers[0]))
        for name, answers in by_problem(group).items()
    }


def tokens(group: Answers) -> dict[str, float]:
    """Reasoning tokens of each problem, in the mean of its answers."""
    return means(group, lambda answer: answer.n_tokens)


def pairs(first: Mapping[str, T], second: Mapping[str, T]) -> tuple[list[T], list[T]]:
    """What both hold on the same problems, pair by pair."""
    shared = [name for name in first if name in second]
    return [first[name] for name in shared], [second[name] for name in shared]


def samples(group: Mapping[Key, Any]) -> int:
    """The smallest number of answers that a problem has; 0 where there is no problem."""
    return min(Counter(problem for problem, _ in group).values(), default=0)


def right(answer: Answer) -> bool:
    """Whether an answer was graded as right."""
    return answer.grade is not None and answer.grade.correct

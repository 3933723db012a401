"""What a baseline is asked, and how often."""

from collections.abc import Callable, Iterator, Sequence
from typing import Literal, NamedTuple

from cotpress.evaluation.problems import Group
from cotpress.models import Model, Sampling
from cotpress.pipeline.budgets import PLAIN, Spending
from cotpress.pipeline.generate import Failed
from cotpress.pipeline.segmenting import Rules
from cotpress.records import Asked, Problem, Trace


class Asking(NamedTuple):
    """What a baseline has to answer."""

    name: str
    todo: Sequence[tuple[Problem, int]]
    """Problems with the number of the sample that is wanted of each."""
    originals: Group
    """What the untouched model wrote, by problem and sample."""
    model: Model
    """The untouched model."""
    sampling: Sampling
    marker: str
    """Text with which the task's conclusions begin; empty: the general rules."""
    asked: Asked
    """What the method was asked for."""
    actual: float
    """The ratio that the method reached."""
    rules: Rules
    """By which rules the method cuts."""
    spending: Spending = PLAIN
    """How it spends a ratio."""
    failed: Failed | None = None
    """Is told of each answer that the model could not give; without it the model raises."""

    @property
    def answers(self) -> list[Trace]:
        """The untouched model's answers to `todo`, in order."""
        return [self.originals[problem.id, sample] for problem, sample in self.todo]


class Baseline(NamedTuple):
    """Something to compare with, asked of the untouched model."""

    answer: Callable[[Asking], Iterator[Trace]]
    """One ungraded trace for each of `todo`, in any order, but for those that failed."""
    each: Literal["once", "ratio below 1", "ratio reached", "budget"]
    """How often every problem is asked; `budget`: at each of the budgets, or, where none is named,
    at each ratio reached.
    """
    cuts: bool = False
    """Whether it begins from the untouched model's answers, so that where one is missing there is
    nothing to ask.
    """

"""What is asked: one file per task, each with `load(target, **options) -> Task`.

A whole task::

    def load(target: str = "") -> Task:
        def problems(split: str) -> Iterator[Problem]:
            yield Problem(id=f"twice/{split}/0", question="What is 2 + 2?", answer="4", task="twice", instruction=BOXED)

        return Task("twice", problems, splits=("train", "test"))
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import cast

from cotpress import plugins
from cotpress.errors import UnknownName
from cotpress.records import Problem

BOXED = r"Please reason step by step, and put your final answer within \boxed{}."
"""The instruction of TokenSkip and of DeepSeek-Math's evaluation (specification section 2.2)."""


@dataclass(frozen=True)
class Task:
    """A set of problems in splits that never overlap."""

    name: str
    read: Callable[[str], Iterator[Problem]]
    """Split name -> its problems, the same ones in the same order every time; endless for a procedural task."""
    splits: tuple[str, ...]
    grader: str = "math"
    """Which grader of `cotpress.grading` says whether an answer is right."""
    marker: str = ""
    """Text with which the conclusion begins, where the task asks for one; empty: found by the general rules."""

    def problems(self, split: str) -> Iterator[Problem]:
        """The problems of a split; `UnknownName` for a split there is not."""
        if split not in self.splits:
            raise UnknownName(f"split of task {self.name}", split, self.splits)
        return self.read(split)


def load(spec: str) -> Task:
    """The task that `spec` names: `NAME[:TARGET][,option=value…]`."""
    return cast(Task, plugins.load("tasks", spec))

"""What is asked: one file per task, each with `load(target, **options) -> Task`.

A whole task::

    def load(target: str = "") -> Task:
        def problems(split: str) -> Iterator[Problem]:
            about = {"task": "twice", "instruction": BOXED}
            yield Problem(id=f"twice/{split}/0", question="What is 2 + 2?", answer="4", **about)

        return Task("twice", problems, splits=("train", "test"))

A task whose source has worked reasoning also says how to read it (`Task.gold`), problem by problem
as traces.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import cast

from cotpress import plugins, storage
from cotpress.errors import CotpressError, UnknownName
from cotpress.grading import Check
from cotpress.inputs import Source
from cotpress.pipeline.importing import count_words
from cotpress.prompts import BOXED as BOXED
from cotpress.records import Problem, Trace

ENDLESS = 20_000
"""A split with more problems than this is taken for a procedural one, which has no end."""


@dataclass(frozen=True)
class Task:
    """A set of problems in splits that never overlap."""

    name: str
    read: Callable[[str], Iterator[Problem]]
    """Split name -> its problems, the same ones in the same
    order every time; endless for a procedural task.
    """
    splits: tuple[str, ...]
    grader: str | Check = "math"
    """Which grader of `cotpress.grading` says whether an answer is
    right; or a check that needs the whole problem.
    """
    marker: str = ""
    """Text with which the conclusion begins, where the task
    asks for one; empty: found by the general rules.
    """
    file: Callable[[str], Path | Source] | None = None
    """Split name -> the file that its problems are read from, or
    whatever else they come from; None: they are made here.
    """
    gold: Callable[[str], Iterator[Trace]] | None = None
    """Split name -> the problems of `read`, in the same order, each
    with its worked reasoning; None: there is none.
    """
    max_tokens: int = 512
    """How long an answer may be by default: what reasoning models need for such
    problems.
    """

    def identity(self, split: str) -> str:
        """Its name, and a hash of what the split is read from: with
        another identity these are other problems.
        """
        self._check(split)
        if not self.file:
            return self.name
        source = self.file(split)
        content = storage.hash_file(source) if isinstance(source, Path) else source.content()
        return f"{self.name}@{content}"

    def problems(self, split: str) -> Iterator[Problem]:
        """The problems of a split; `UnknownName` for a split there is not."""
        self._check(split)
        return self.read(split)

    def worked(self, split: str) -> Iterator[Trace]:
        """The problems of a split with their worked
        reasoning; `CotpressError` where the task has none.
        """
        self._check(split)
        if self.gold is None:
            raise CotpressError(
                f"task {self.name} has no worked reasoning of its own: ask a model, "
                "or bring traces with cotpress import."
            )
        return self.gold(split)

    def _check(self, split: str) -> None:
        if split not in self.splits:
            raise UnknownName(f"split of task {self.name}", split, self.splits)


def load(spec: str) -> Task:
    """The task that `spec` names: `NAME[:TARGET][,option=value…]`.

    Args:
        spec: A bundled task, such as `gsm8k` or `jsonl:FILE`, or the dotted name of a module of
            yours.

    Returns:
        The task. Its problems are read when they are asked for, by `problems(split)`.

    Raises:
        CotpressError: The spec cannot be read, names no task or no option of it, or a package
            that the task needs is not installed.
    """
    return cast(Task, plugins.load("tasks", spec))


def worked_trace(
    problem: Problem, reasoning: str, conclusion: str, opening: str = "", closing: str = "\n"
) -> Trace:
    """A problem with its worked reasoning, in its markup; lengths are in
    words and symbols, for a task knows no tokenizer.
    """
    return Trace(
        problem=problem,
        model="gold",
        reasoning=reasoning,
        opening=opening,
        closing=closing,
        conclusion=conclusion,
        n_tokens=count_words(reasoning),
        n_conclusion_tokens=count_words(conclusion),
        finished=True,
    )


def take(
    task: Task, split: str, limit: int | None, skip: int = 0, *, flag: str = "--limit"
) -> list[Problem]:
    """`limit` problems of a split after the first `skip`, or all of them if there is an end; `flag`
    is what the limit is called on the command line.
    """
    if limit is not None and limit < 1:
        raise CotpressError(f"{flag} {limit} leaves no problem: choose 1 or more.")
    if skip < 0:
        raise CotpressError(f"--skip {skip} must be 0 or more.")
    problems = list(islice(task.problems(split), skip, skip + (limit or ENDLESS + 1)))
    if not problems:
        part = task.name.startswith("jsonl:") and "split=" not in task.name
        whole = f", or --task {task.name},split={split} for the whole file" if part else ""
        less = (
            f" after the first {skip}: skip fewer." if skip else f": choose another --split{whole}."
        )
        raise CotpressError(f"task {task.name} has no problems in split {split}{less}")
    if limit is None and len(problems) > ENDLESS:
        raise CotpressError(
            f"task {task.name} has more than {ENDLESS} problems in split "
            f"{split}: say how many with {flag}."
        )
    return problems

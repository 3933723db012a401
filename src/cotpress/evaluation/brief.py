"""What the figures of an evaluation need of a trace: numbers and marks in place of its texts, so
that the rows of a million answers fit into memory.
"""

import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping

import msgspec

from cotpress import latent_tokens
from cotpress.errors import CotpressError
from cotpress.evaluation.overthinking import GRADER, first_right
from cotpress.evaluation.problems import Key, key_of
from cotpress.evaluation.setting import setting_of
from cotpress.evaluation.statistics import loops
from cotpress.grading import Check
from cotpress.records import Asked, Grade, Setting, Trace


class Brief(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One graded answer without its texts."""

    n_tokens: int
    """Reasoning tokens."""
    n_conclusion_tokens: int
    seconds: float
    asked: Asked
    grade: Grade
    stratum: str
    cut_off: bool
    looping: bool
    """Whether it ends in a repetition."""
    unsplit: bool
    """Whether no conclusion could be separated from the reasoning."""
    latent: int
    """Latent tokens."""
    markers: int
    """Markers around them."""
    stated: float | None
    """Share of the reasoning up to where it first states the right answer; None where it does not,
    or cannot be read.
    """


Briefs = Mapping[Key, Brief]
"""The answers of one setting on one task."""

Groups = Mapping[tuple[str, Setting], Briefs]
"""Answers by task and setting."""


def grouped(
    traces: Iterable[Trace], graders: Mapping[str, str | Check] | None = None, *, read: bool = True
) -> Groups:
    """The answers of an evaluation by task and setting, in order of appearance; of two answers to
    one problem with one number the last. `CotpressError` for a trace without a grade.

    With `read` the reasoning is searched for the right answer, where the task's grader allows it
    (`is_readable`).
    """
    groups: defaultdict[tuple[str, Setting], dict[Key, Brief]] = defaultdict(dict)
    keys: dict[Key, Key] = {}  # one object for the answers of all settings
    settings: dict[Setting, Setting] = {}
    for trace in traces:
        if trace.grade is None:
            raise CotpressError(f"the trace {trace.key} has no grade: run `cotpress grade` first.")
        setting, key, task = setting_of(trace), key_of(trace), trace.problem.task
        setting = settings.setdefault(setting, setting)
        stated = first_right(trace) if read and is_readable(task, graders) else None
        one = brief(trace, trace.grade, setting.asked, stated)
        groups[task, setting][keys.setdefault(key, key)] = one
    return groups


def is_readable(task: str, graders: Mapping[str, str | Check] | None) -> bool:
    """Whether a sentence of the reasoning can be read for the answer."""
    return (graders or {}).get(task, GRADER) == GRADER


def brief(trace: Trace, grade: Grade, asked: Asked, stated: float | None) -> Brief:
    """What is kept of a trace; `asked` is the trace's, as one object for all of its setting."""
    whole = trace.completion()
    count = latent_tokens.count(whole)
    return Brief(
        n_tokens=trace.n_tokens,
        n_conclusion_tokens=trace.n_conclusion_tokens,
        seconds=trace.seconds,
        asked=asked,
        grade=grade,
        stratum=sys.intern(trace.problem.stratum),
        cut_off=trace.cut_off,
        looping=loops(trace.reasoning) or loops(whole),
        unsplit=not trace.conclusion,
        latent=count.latent,
        markers=count.markers,
        stated=stated,
    )

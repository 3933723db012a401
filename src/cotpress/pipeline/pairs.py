"""`Trace -> Pair`: of several samples of a problem which is preferred to which.

Short right over long right over wrong, as TokenSqueeze (arXiv 2511.13223) pairs its samples: the
shortest right sample of a problem is preferred to its longest right one, where that is longer by
`MARGIN` or more, and the shortest right one to the shortest wrong one that ended by itself. Samples
that were asked for different lengths are not compared.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Literal

from cotpress.errors import CotpressError
from cotpress.pipeline.build import unfit
from cotpress.prompts import Message
from cotpress.records import NOTHING, Asked, Record, Trace

MARGIN = 1.1
"""A right sample counts as longer from so many times the length of the shortest on."""

NO_PAIR = "problems without a pair"
UNUSABLE = "cut off or without a conclusion"


class Pair(Record, frozen=True, kw_only=True):
    """A prompt with two answers; TRL's conversational preference row, and more."""

    written_by = ("build --format pairs",)

    prompt: list[Message]
    chosen: list[Message]
    rejected: list[Message]
    problem: str
    """Its id."""
    task: str = ""
    instruction: str = ""
    asked: Asked = NOTHING
    kind: Literal["shorter", "right"]
    """Why the one is preferred: both are right, or it alone is."""
    writer: str = ""
    """The model that wrote both."""


def pairs(traces: Iterable[Trace], *, dropped: Counter[str], noted: Counter[str]) -> Iterator[Pair]:
    """Pairs problem by problem, in the order in which problems appear; `dropped` counts samples,
    `noted` problems. `CotpressError` for samples without grades.
    """
    held: dict[tuple[str, str], list[Trace]] = {}
    for trace in traces:
        if trace.grade is None:
            raise CotpressError(
                f"the trace {trace.key} has no grade, and pairs prefer right ones: run "
                "`cotpress grade` first."
            )
        samples = held.setdefault((trace.problem.id, str(trace.asked)), [])
        if not trace.finished or not trace.conclusion.strip():
            dropped[UNUSABLE] += 1
            continue
        samples.append(trace)
    for samples in held.values():
        found = list(chain(_shorter(samples), _right(samples)))
        noted[NO_PAIR] += not found
        yield from found
    if not noted[NO_PAIR]:
        del noted[NO_PAIR]


def _shorter(samples: list[Trace]) -> Iterator[Pair]:
    right = sorted((one for one in samples if not unfit(one)), key=lambda one: one.n_tokens)
    if right and right[-1].n_tokens >= MARGIN * max(1, right[0].n_tokens):
        yield _pair(right[0], right[-1], "shorter")


def _right(samples: list[Trace]) -> Iterator[Pair]:
    right = [one for one in samples if not unfit(one)]
    wrong = [one for one in samples if one.grade and one.grade.status == "ok" and unfit(one)]
    if right and wrong:
        shortest = min(right, key=lambda one: one.n_tokens)
        yield _pair(shortest, min(wrong, key=lambda one: one.n_tokens), "right")


def _pair(better: Trace, worse: Trace, kind: Literal["shorter", "right"]) -> Pair:
    def said(trace: Trace) -> list[Message]:
        return [{"role": "assistant", "content": trace.completion()}]

    return Pair(
        prompt=better.problem.prompt(better.ratio),
        chosen=said(better),
        rejected=said(worse),
        problem=better.problem.id,
        task=better.problem.task,
        instruction=better.problem.instruction,
        asked=better.asked,
        kind=kind,
        writer=better.model,
    )

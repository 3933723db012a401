"""What a method must beat: prompts that ask for brevity, and controls that shorten the original
reasoning blindly.

The prompts are those of TokenSkip (specification section 7.1; after Lee et al. 2025). Where the
paper places its sentences is unknown (A11): they are appended to the instruction, before the
question, and the trace's problem records them.

The controls `truncation` (the first tokens) and `random` (random segments, in order; in the units
of the method and under its protection, so that it is chance alone that differs) cut the untouched
model's own reasoning to the ratio a method *actually* reached (A10) and let the untouched model
write only the conclusion, from a prefill. That is a stronger control than the paper's truncation,
which caps the output tokens and so mostly ends without an answer: graded strictly, it would be
wrong by construction. Where the conclusion follows the reasoning without markup, the prefill also
holds its first words, as in the original trace, up to where the answer begins, and the conclusion
ends with its line: the model shall conclude, not reason on (small models otherwise repeat the line
until the token limit, which would make the control weaker than it is). Their `seconds` are those of
the conclusion alone.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from random import Random
from typing import Literal, NamedTuple

import msgspec

from cotpress import segments
from cotpress.answers import ANNOUNCED
from cotpress.evaluation.problems import Group
from cotpress.methods import LC_PROMPT, METHODS
from cotpress.models import Model, Request, Sampling
from cotpress.pipeline import generate as stage
from cotpress.pipeline.compress import cut, within_budget
from cotpress.pipeline.order import keeping_order
from cotpress.pipeline.segmenting import USUAL, Rules, Segments, segmented
from cotpress.records import Asked, Cut, Problem, ScoredTrace, Trace

ANSWER = re.compile(r"[-+−.$\\(]*\d|(?<=\\boxed\{)")
"""Where an answer begins in a conclusion: at its first number,
sign and currency included, or inside the box.
"""


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


class Baseline(NamedTuple):
    """Something to compare with, asked of the untouched model."""

    answer: Callable[[Asking], Iterator[Trace]]
    """One ungraded trace for each of `todo`, in order."""
    each: Literal["once", "ratio below 1", "ratio reached"]
    """How often every problem is asked."""


class Lead(NamedTuple):
    """How a conclusion begins."""

    closing: str
    stem: str
    """First words of the conclusion, in front of the answer; empty
    where markup such as `</think>` announces it.
    """


def asked(problem: Problem, name: str, ratio: float | None) -> Problem:
    """The problem with the sentence of a prompt baseline after its
    instruction; the percentage comes from the ratio.
    """
    sentence = METHODS[name].words.format(percent=round(100 * (1 - (ratio or 1.0))))
    return msgspec.structs.replace(problem, instruction=f"{problem.instruction} {sentence}".strip())


def shorten(
    trace: Trace,
    token_ends: Sequence[int],
    control: str,
    ratio: float,
    seed: int,
    rules: Rules = USUAL,
) -> Cut:
    """Cut a trace blindly to `ratio` (above 0; any number of decimals) of its tokens, which end at
    `token_ends`.

    `truncation` keeps the first tokens; `random` an order of segments that depends on the seed and
    the problem alone, so that a smaller ratio keeps a subset of what a larger one keeps. `random`
    cuts by the `rules` of the method beside it: the same units, and the same protection, which may
    exceed the budget as the method's may.
    """
    text, ends = trace.reasoning, list(token_ends)
    if control == "random":
        scored = ScoredTrace(
            trace=trace,
            scorer=control,
            ends=[*ends[:-1], len(text)] if ends else [],
            importance=[0.0] * len(ends),
        )
        parts = segmented(scored, rules)
        order = list(range(len(parts.ends)))
        Random(f"{seed}|{trace.problem.id}").shuffle(order)
        drawn = [0.0] * len(order)
        for place, i in enumerate(order):
            drawn[i] = float(-place)
        parts = replace(parts, importance=drawn)
        return cut(parts, within_budget(parts, keeping_order(parts), ratio), ratio)
    whole = segments.segment_ends(text, ends, ())
    n_tokens = segments.count_starts(whole, ends, len(text))
    n = len(whole)
    parts = Segments(text, whole, [0.0] * n, n_tokens, [False] * n)
    return cut(parts, within_budget(parts, keeping_order(parts), ratio), ratio)


def concluded(
    originals: Sequence[Trace],
    model: Model,
    sampling: Sampling,
    control: str,
    ratio: float,
    usual: Lead,
    rules: Rules = USUAL,
) -> Iterator[Trace]:
    """Each original with its reasoning cut to `ratio` and a new conclusion by `model`, the
    untouched one; ungraded.

    Originals without a conclusion are led to theirs by the `usual` lead.
    """
    ends = model.token_ends([trace.reasoning for trace in originals])
    share, seed = min(1.0, ratio), sampling.seed
    cuts = [
        shorten(trace, e, control, share, seed, rules)
        for trace, e in zip(originals, ends, strict=True)
    ]
    leads = [lead(trace) if trace.conclusion else usual for trace in originals]
    markup = model.token_ends(
        [trace.opening + "".join(begin) for trace, begin in zip(originals, leads, strict=True)]
    )
    requests = (
        Request(
            key=f"{trace.problem.id}|{trace.sample}|{control}|{ratio}",
            messages=trace.problem.prompt(),
            prefill=trace.opening + short.reasoning + "".join(begin),
        )
        for trace, short, begin in zip(originals, cuts, leads, strict=True)
    )
    answers = zip(originals, cuts, leads, markup, model.generate(requests, sampling), strict=True)
    for trace, short, begin, marks, answer in answers:
        line, more, _ = answer.text.partition("\n")
        in_line = bool(begin.stem and more and line.strip())
        yield msgspec.structs.replace(
            trace,
            reasoning=short.reasoning,
            closing=begin.closing,
            conclusion=begin.stem + (line if in_line else answer.text),
            n_tokens=short.n_tokens,
            n_conclusion_tokens=len(marks)
            + (len(model.token_ends([line])[0]) if in_line else answer.n_tokens),
            finished=answer.finished or in_line,
            seconds=answer.seconds,
            grade=None,
        )


def lead(trace: Trace) -> Lead:
    """How this trace's conclusion begins, without its answer; no
    trailing blanks, which would split the next token.
    """
    stem = ""
    if not trace.closing.strip():
        answer = trace.grade.answer if trace.grade else None
        begins = [ANSWER] + ([re.compile(rf"(?<!\w){re.escape(answer)}(?!\w)")] if answer else [])
        found = [match.start() for pattern in begins if (match := pattern.search(trace.conclusion))]
        announced = ANNOUNCED.search(trace.conclusion)
        found = found or ([announced.end()] if announced else [])
        stem = trace.conclusion[: min(found, default=0)]
    text = (trace.closing + stem).rstrip(" ")
    return Lead(text[: len(trace.closing)], text[len(trace.closing) :])


def usual_lead(traces: Iterable[Trace]) -> Lead:
    """The most frequent lead, for traces without a conclusion
    of their own (cut off, not to be split).
    """
    leads = Counter(lead(trace) for trace in traces if trace.conclusion)
    return leads.most_common(1)[0][0] if leads else Lead("", "")


def prompted(asking: Asking) -> Iterator[Trace]:
    """The untouched model's answers to the problems with the sentence of a prompt."""
    told = (
        stage.unanswered(
            asked(problem, asking.name, asking.asked.ratio), asking.model, sample=sample
        )
        for problem, sample in asking.todo
    )
    return stage.answer(told, asking.model, asking.sampling, marker=asking.marker)


def cut_blindly(asking: Asking) -> Iterator[Trace]:
    """The untouched model's own reasoning, cut to the ratio
    that the method reached, with a new conclusion.
    """
    originals = [asking.originals[problem.id, sample] for problem, sample in asking.todo]
    usual = usual_lead(asking.originals.values())
    return concluded(
        originals, asking.model, asking.sampling, asking.name, asking.actual, usual, asking.rules
    )


BASELINES = {
    "be-concise": Baseline(prompted, "once"),
    "only-numbers": Baseline(prompted, "once"),
    "abbre-words": Baseline(prompted, "once"),
    LC_PROMPT: Baseline(prompted, "ratio below 1"),
    "truncation": Baseline(cut_blindly, "ratio reached"),
    "random": Baseline(cut_blindly, "ratio reached"),
}
"""What each is stands in `cotpress.methods`; how it answers stands here."""

CONTROLS = tuple(name for name, baseline in BASELINES.items() if baseline.each == "ratio reached")
"""Those that shorten the original reasoning blindly."""

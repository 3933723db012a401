"""Example problems for the page: which ones, and what the page needs to show them. Nothing here is
HTML.

The problems are chosen by a hash of their id, so that the choice neither depends on the order of
the files nor flatters anyone; those with both token scores and answers come first, then those with
answers. What each segment needs to be shown at any ratio is computed here with `compress` itself:
`first[i]` is the smallest of `RATIOS` at which segment i is kept (a smaller ratio keeps a subset of
what a larger one keeps), so the page compares two numbers and cannot disagree with the cut that a
model is taught.
"""

import hashlib
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from itertools import chain, zip_longest
from typing import TypeVar

import msgspec

from cotpress.evaluation.setting import order, setting_of
from cotpress.pipeline.budgets import WINDOW, prepared
from cotpress.pipeline.compress import room, selected
from cotpress.pipeline.order import keeping_order
from cotpress.pipeline.segmenting import is_long, segmented, usual_rules
from cotpress.records import Problem, ScoredTrace, Setting, Trace
from cotpress.report.markup import Node, nodes
from cotpress.report.verified import Cuts, Survival
from cotpress.shown import visible

T = TypeVar("T")
Key = tuple[str, str]
"""Task and problem id."""

LIMIT = 50
CHARACTERS = 700_000
"""No further problem where the page would hold more than this of them; the page is to stay below 2
MB.
"""
LONGEST = 12_000
"""Characters of a text of an answer; of a longer one the middle is left out."""
MOST_SEGMENTS = 4000
"""Segments of a reasoning that is shown token by token."""
RATIOS = [round(0.05 * step, 2) for step in range(1, 21)]
"""Where the slider can stand: 0.05 to 1.0."""
SHADES = 9


class Tokens(msgspec.Struct, frozen=True, kw_only=True):
    """A scored reasoning: lists with one entry per segment, except `budgets`."""

    scorer: str
    target: str
    """The model in whose tokens it is counted."""
    segments: list[str]
    n_tokens: list[int]
    protected: list[bool]
    importance: list[float]
    shades: list[int]
    """Importance by rank within the trace, 0 to `SHADES`: raw scores are too uneven to be seen."""
    first: list[float]
    """The smallest of `RATIOS` at which the segment is kept."""
    budgets: list[int]
    """Target-model tokens allowed at each of `RATIOS`; empty
    where the selection is a percentile and has none.
    """
    conclusion: str
    given: list[float] = []
    """Log-likelihood with the condition of what decided each
    importance, and without it; empty where it is not known.
    """
    alone: list[float] = []
    losses: list[tuple[float, float]] = []
    """(ratio, nats) that the conclusion lost, by `cotpress verify`."""
    chosen: float | None = None
    """The ratio that `compress --keep-answer` chose for this very trace."""
    only: list[float] = []
    """The ratios at which the cut is known; empty: all of `RATIOS`."""
    how: str
    """How it is cut, in words."""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What one setting answered."""

    method: str
    model: str
    ratio: float | None
    reasoning: str
    conclusion: str
    n_tokens: int
    n_conclusion_tokens: int
    finished: bool
    correct: bool | None
    """None: not graded."""
    read: str
    """The answer that the grader read, or why there is none."""
    samples: int
    """How many samples there are; the first is shown."""
    latents: int | None = None
    """How many latent tokens were forced; None: none were."""
    drawn: dict[str, list[Node]] = {}
    """Of the texts that hold Markdown or formulas the elements to be shown, by their names here."""


class Example(msgspec.Struct, frozen=True, kw_only=True):
    """One problem with everything there is about it."""

    id: str
    task: str
    question: str
    answer: str
    drawn: dict[str, list[Node]] = {}
    """As in `Answer`."""
    tokens: Tokens | None
    answers: list[Answer]
    other: Tokens | None = None
    """The same reasoning under a second scorer."""


@dataclass(frozen=True)
class Examples:
    """The problems that are shown, and out of how many."""

    shown: list[Example]
    total: int
    clipped: int = 0
    """Texts of which the middle is left out."""


def examples(
    traces: Iterable[Trace],
    scored: Iterable[ScoredTrace],
    *,
    other: Iterable[ScoredTrace] = (),
    verified: Survival | None = None,
    limit: int = LIMIT,
) -> Examples:
    """At most `limit` problems of those in `traces` and `scored`; each iterable is read once,
    memory stays bounded.

    `other` are scores of the same traces by a second scorer.
    """
    cuts, cut_keys = _lowest(((_key(item.trace.problem), item) for item in scored), limit)
    answers, answer_keys = _lowest(
        ((_key(trace.problem), trace) for trace in traces), limit, preferred=cuts
    )
    both = [key for key in cuts if key in answers]
    apart = zip_longest(
        (key for key in cuts if key not in answers), (key for key in answers if key not in cuts)
    )
    wanted = {item.key for items in cuts.values() for item in items[:1]}
    second = {item.key: item for item in other if item.key in wanted}
    shown: list[Example] = []
    size = 0
    for key in [*both, *(key for key in chain.from_iterable(apart) if key)][:limit]:
        one = _example(cuts.get(key, []), answers.get(key, []), second, verified or Survival())
        size += len(msgspec.json.encode(one))
        if size > CHARACTERS and shown:
            break
        shown.append(one)
    return Examples(
        sorted(shown, key=lambda one: (not one.answers, one.tokens is None, one.task)),
        len(cut_keys | answer_keys),
        sum(
            LEFT_OUT.search(text) is not None
            for one in shown
            for answer in one.answers
            for text in (answer.reasoning, answer.conclusion)
        ),
    )


def _key(problem: Problem) -> Key:
    return problem.task, problem.id


def _lowest(
    items: Iterable[tuple[Key, T]], limit: int, preferred: Collection[Key] = ()
) -> tuple[dict[Key, list[T]], set[Key]]:
    """The items of the `limit` keys that are lowest by hash,
    preferred ones first; and all keys there are.
    """
    found: dict[Key, list[T]] = {}
    keys: set[Key] = set()

    def lowest() -> list[Key]:
        return sorted(
            found,
            key=lambda key: (
                key not in preferred,
                hashlib.sha256("\n".join(key).encode()).digest(),
            ),
        )[:limit]

    for key, item in items:
        keys.add(key)
        found.setdefault(key, []).append(item)
        # a key that is thrown out here stays out: `limit` lower ones are known and remain
        if len(found) > 4 * limit:
            found = {kept: found[kept] for kept in lowest()}
    return {kept: found[kept] for kept in lowest()}, keys


def _example(
    scored: list[ScoredTrace],
    traces: list[Trace],
    second: dict[str, ScoredTrace],
    verified: Survival,
) -> Example:
    problem = (scored[0].trace if scored else traces[0]).problem
    scored = [one for one in scored if len(one.ends) <= MOST_SEGMENTS]
    other = second.get(scored[0].key) if scored else None
    texts = {"question": clipped(problem.question), "answer": clipped(problem.answer)}
    return Example(
        id=visible(problem.id),
        task=visible(problem.task),
        **texts,
        drawn=_drawn(texts),
        tokens=tokens(scored[0], verified) if scored else None,
        answers=_answers(traces),
        other=tokens(other, verified) if other else None,
    )


def tokens(scored: ScoredTrace, verified: Survival | None = None) -> Tokens:
    """What the page needs to show one scored reasoning at
    each of `RATIOS`, cut as `verified` says it was.
    """
    cuts = (verified or Survival()).of(scored)
    parts = segmented(scored, cuts.rules or usual_rules(scored.scorer))
    held = parts if parts.percentile else prepared(parts, cuts.budget, cuts.longest_run)
    order = None if held.percentile else keeping_order(held)
    n = len(parts.ends)
    known = sorted({*cuts.rooms, 1.0}) if cuts.rooms else RATIOS
    first = [known[-1]] * n
    for ratio in reversed(known):
        for i in selected(held, order, ratio, cuts.rooms.get(ratio)):
            first[i] = ratio
    shades = [0] * n
    for rank, i in enumerate(sorted(range(n), key=parts.importance.__getitem__)):
        shades[i] = rank * (SHADES + 1) // n
    return Tokens(
        scorer=visible(scored.scorer),
        target=visible(scored.target or "the target model"),
        segments=[visible(segment) for segment in parts.texts],
        n_tokens=list(parts.n_tokens),
        protected=list(held.protected),
        importance=[float(f"{value:.4g}") for value in parts.importance],
        shades=shades,
        first=first,
        budgets=[] if parts.percentile or cuts.rooms else [room(parts, ratio) for ratio in RATIOS],
        conclusion=visible(scored.trace.conclusion),
        given=[round(value, 3) for value in parts.given],
        alone=[round(value, 3) for value in parts.alone],
        losses=cuts.losses,
        chosen=cuts.chosen,
        only=known if cuts.rooms else [],
        how=_how(scored, cuts),
    )


def _how(scored: ScoredTrace, cuts: Cuts) -> str:
    """How a trace is cut, in words: the end of the sentence `Each ratio keeps …`."""
    if scored.percentile:
        return "what lies above the released percentile"
    spent = {
        "trace": "as many of the most important tokens of this trace as fit",
        "window": f"the same share of every window of {WINDOW} tokens (--budget window)",
        "dataset": "what lies above one threshold for all traces (--budget dataset)",
    }[cuts.budget]
    gaps = (
        ""
        if cuts.longest_run is None
        else f", and drops at most {cuts.longest_run} in a row (--longest-run)"
    )
    rules = cuts.rules
    carried = bool(rules and is_long(rules) and cuts.budget != "dataset")
    left = f" (each a {rules.unit}), and what traces before it left" if rules and carried else ""
    return spent + left + gaps


def _answers(traces: Iterable[Trace]) -> list[Answer]:
    """The first sample of every setting, in the order of the table."""
    settings: dict[Setting, list[Trace]] = {}
    for trace in traces:
        settings.setdefault(setting_of(trace), []).append(trace)
    found = []
    for key in sorted(settings, key=order):
        trace = min(settings[key], key=lambda one: one.sample)
        grade = trace.grade
        texts = {"reasoning": clipped(trace.reasoning), "conclusion": clipped(trace.conclusion)}
        found.append(
            Answer(
                method=visible(trace.method) + ("" if trace.blend is None else f" {trace.blend:g}"),
                model=visible(trace.model),
                ratio=trace.ratio,
                **texts,
                drawn=_drawn(texts),
                n_tokens=trace.n_tokens,
                n_conclusion_tokens=trace.n_conclusion_tokens,
                finished=trace.finished,
                correct=grade.correct if grade else None,
                read="not graded"
                if grade is None
                else grade.status
                if grade.answer is None
                else visible(grade.answer),
                samples=len({one.sample for one in settings[key]}),
                latents=trace.latents,
            )
        )
    return found


def _drawn(texts: dict[str, str]) -> dict[str, list[Node]]:
    """Of the texts that hold Markdown or formulas the elements to be shown."""
    return {name: found for name, text in texts.items() if (found := nodes(text)) is not None}


LEFT_OUT = re.compile(r"\[… [\d,]+ characters are left out here …\]")


def clipped(text: str) -> str:
    """Text as `visible` makes it, without the middle where it is longer than `LONGEST`."""
    if len(text) > LONGEST:
        half = LONGEST // 2
        left = f"[… {len(text) - 2 * half:,} characters are left out here …]"
        text = f"{text[:half]}\n\n{left}\n\n{text[-half:]}"
    return visible(text)

"""`question -> two answers as they grow`: what is asked, counted and judged on the page.
How it is drawn is in page.py.

Prompts, token counts, split and grades are those of `cotpress eval`: at its end a watched answer is
the trace that an evaluation of the same problem would hold.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from time import perf_counter
from typing import Literal, TypeVar

import msgspec

from cotpress.errors import CotpressError
from cotpress.models import Completion, Model, Request, Sampling, growing
from cotpress.pipeline.generate import split_answer, unanswered
from cotpress.play.control import Control
from cotpress.records import NOTHING, Asked, Problem, Trace

EVERY = 0.1
"""Seconds between two views of answers that grow."""

EXAMPLES = 50
"""Problems that are offered."""

YOURS = "yours"
"""Id and task of a question that the user has typed."""

Verdict = Literal["", "right", "wrong", "no answer", "not judged"]

T = TypeVar("T")


@dataclass(frozen=True)
class View:
    """One answer at one moment."""

    title: str
    reasoning: str = ""
    conclusion: str = ""
    n_tokens: int = 0
    """Reasoning tokens, in those of the model."""
    n_other: int = 0
    """All other tokens that it wrote."""
    seconds: float = 0.0
    state: Literal["waiting", "writing", "ended", "cut off"] = "waiting"
    verdict: Verdict = ""
    """Empty until it has ended, and where there is no reference answer."""


Pair = tuple[View, View]
"""The original's answer, and that of the model which is asked for less."""

Judge = Callable[[Trace], Verdict]
"""Whether a trace's answer is the reference answer of its problem."""


@dataclass(frozen=True)
class Player:
    """A model that is asked, and what for."""

    model: Model
    title: str
    asked: Asked = NOTHING


@dataclass(frozen=True)
class Playground:
    """What a page needs: two models, a slider, examples and a judge."""

    original: Model
    model: Model
    control: Control
    judge: Judge
    sampling: Sampling
    examples: Sequence[Problem] = ()
    instruction: str = ""
    """What stands before questions that are typed, as it did in training."""
    marker: Callable[[Problem], str] = lambda _: ""
    """Text with which the conclusions of a problem's task begin, if it has one."""

    def problem(self, question: str, reference: str) -> Problem:
        """What is asked: an example, where its words are unchanged, else the user's question under
        the usual instruction; `CotpressError` without a question.
        """
        question, reference = question.strip(), reference.strip()
        if not question:
            raise CotpressError("there is no question: write one, or choose an example.")
        for example in self.examples:
            if example.question.strip() == question:
                return msgspec.structs.replace(example, answer=reference)
        task = self.examples[0].task if self.examples else YOURS
        return Problem(
            id=YOURS,
            question=question,
            answer=reference,
            task=task,
            instruction=self.instruction,
        )

    def players(self, value: float) -> tuple[Player, Player]:
        """Who is asked for what at a place of the slider."""
        asked = self.control.asked(value)
        at = {
            None: "",
            "ratio": f" at ratio {asked.ratio or 1:g}",
            "budget": f" with a budget of {asked.budget or 0:,} tokens",
        }[self.control.kind]
        return (
            Player(self.original, f"Original: {self.original.name}"),
            Player(self.model, f"Shortened: {self.model.name}{at}", asked),
        )

    def ask(
        self, question: str, reference: str, value: float, clock: Callable[[], float] = perf_counter
    ) -> Iterator[Pair]:
        """Both answers as they grow, seen every `EVERY` seconds of `clock`; last as they are."""
        problem, players = self.problem(question, reference), self.players(value)
        views = [View(player.title) for player in players]
        yield views[0], views[1]
        news, last = dict[int, tuple[Completion, bool]](), clock()
        for number, completion, ended in together([self._answers(one, problem) for one in players]):
            news[number] = completion, ended
            if ended or clock() - last >= EVERY:
                for place, (said, is_last) in news.items():
                    views[place] = self._view(players[place], problem, said, ended=is_last)
                yield views[0], views[1]
                news, last = {}, clock()

    def _answers(self, player: Player, problem: Problem) -> Iterator[Completion]:
        prompt = problem.prompt(player.asked.ratio, budget=player.asked.budget)
        return growing(player.model, Request(key=f"{problem.id}|0", messages=prompt), self.sampling)

    def _view(
        self, player: Player, problem: Problem, completion: Completion, *, ended: bool
    ) -> View:
        empty = unanswered(problem, player.model, player.asked)
        trace = split_answer(empty, completion, player.model, self.marker(problem))
        view = View(
            player.title,
            trace.reasoning,
            trace.conclusion,
            trace.n_tokens,
            trace.n_conclusion_tokens,
            trace.seconds,
            "writing",
        )
        if not ended:
            return view
        verdict = self.judge(trace) if problem.answer else ""
        return replace(view, state="ended" if trace.finished else "cut off", verdict=verdict)


def examples(traces: Iterable[Trace]) -> list[Problem]:
    """The first problems of an evaluation, each once."""
    distinct: dict[str, Problem] = {}
    for trace in traces:
        distinct.setdefault(trace.problem.question.strip(), trace.problem)
        if len(distinct) == EXAMPLES:
            break
    return list(islice(distinct.values(), EXAMPLES))


def together(streams: Sequence[Iterator[T]]) -> Iterator[tuple[int, T, bool]]:
    """The items of several streams in turns, each with the number of its stream and whether it is
    the last one there; all are closed at the end, however that comes.
    """
    try:
        left = {number: next(stream) for number, stream in enumerate(streams)}
        while left:
            for number, item in list(left.items()):
                found = list(islice(streams[number], 1))
                yield number, item, not found
                if found:
                    left[number] = found[0]
                else:
                    del left[number]
    finally:
        for stream in streams:
            if close := getattr(stream, "close", None):
                close()


def compared(pair: Pair) -> str:
    """What the second answer saves, in one sentence; empty until both have ended."""
    original, other = pair
    if "waiting" in (states := {view.state for view in pair}) or "writing" in states:
        return ""
    if not original.n_tokens:
        return "The original did not reason, so there is nothing to compare with."
    kept = other.n_tokens / original.n_tokens
    said = (
        f"{other.n_tokens:,} of {original.n_tokens:,} reasoning tokens ({kept:.2f}), "
        f"{other.seconds:.1f} of {original.seconds:.1f} seconds."
    )
    cut = [view for view in pair if view.state == "cut off"]
    return f"{said} The token limit cut off an answer." if cut else said

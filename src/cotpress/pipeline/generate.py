"""`Problem -> Trace`: ask a model, split what it says once, and count its tokens.

Random draws belong to the problem and the number of the sample: batch, order and restarts change no
trace. The reasoning's tokens are counted on its own text, all others are the rest of what was
generated; where a token spans the border the two counts may be one off, their sum never.
"""

from collections.abc import Callable, Iterable, Iterator

import msgspec

from cotpress.lm.markup import markup_of
from cotpress.models import Completion, Model, Request, Sampling, as_ready
from cotpress.pipeline.split import split
from cotpress.records import NOTHING, Asked, Problem, Trace

Failed = Callable[[Trace, str], None]
"""Is told of a trace that the model could not answer, and why."""


def generate(
    problems: Iterable[Problem],
    model: Model,
    sampling: Sampling,
    *,
    asked: Asked = NOTHING,
    samples: int = 1,
    marker: str = "",
) -> Iterator[Trace]:
    """Traces in order, all samples of a problem together; `marker`
    begins the conclusions of the task, if it has one.

    Args:
        problems: What to ask; a model may read many of them before its first answer.
        model: Who answers; see `load_model`.
        sampling: How tokens are chosen. Draws depend on its seed, the problem's id and the
            number of the sample alone, not on batch or order.
        asked: The ratio or budget that the prompts ask for; default: none.
        samples: Answers per problem. At temperature 0 they are all the same.
        marker: Text with which the task's conclusions begin (`Task.marker`); empty: the general
            rules separate reasoning and conclusion.

    Returns:
        An iterator of one ungraded `Trace` per problem and sample. Lengths are in tokens of
        `model`, `seconds` are those of the answer.

    Raises:
        CotpressError: The model cannot answer a request, or does not have what `sampling` asks
            for.
    """
    traces = (
        unanswered(problem, model, asked, sample)
        for problem in problems
        for sample in range(samples)
    )
    return answer(traces, model, sampling, marker=marker)


def unanswered(problem: Problem, model: Model, asked: Asked = NOTHING, sample: int = 0) -> Trace:
    """The trace that is still to be made, with the key it will have."""
    return Trace(
        problem=problem,
        model=model.name,
        asked=asked,
        sample=sample,
        reasoning="",
        conclusion="",
        n_tokens=0,
        n_conclusion_tokens=0,
        finished=False,
    )


def answer(
    unanswered: Iterable[Trace],
    model: Model,
    sampling: Sampling,
    *,
    marker: str = "",
    failed: Failed | None = None,
) -> Iterator[Trace]:
    """Fill in each unanswered trace, in order. `failed` is told of those that the model could not
    answer, and why, and they are left out; without it the model raises.
    """
    asked = _Requests(unanswered, model, sampling, marker, failed)
    yield from asked.answered(enumerate(model.generate(asked.requests(), sampling)))


def answer_as_ready(
    unanswered: Iterable[Trace],
    model: Model,
    sampling: Sampling,
    *,
    marker: str = "",
    failed: Failed | None = None,
) -> Iterator[Trace]:
    """Fill in each unanswered trace, those first that are answered first; `failed` as above."""
    asked = _Requests(unanswered, model, sampling, marker, failed)
    yield from asked.answered(as_ready(model, asked.requests(), sampling))


class _Requests:
    """The traces that wait for an answer: a model may read many requests before its first."""

    def __init__(
        self,
        unanswered: Iterable[Trace],
        model: Model,
        sampling: Sampling,
        marker: str,
        failed: Failed | None,
    ) -> None:
        self.unanswered, self.model, self.marker, self.failed = unanswered, model, marker, failed
        self.waiting: dict[int, Trace] = {}
        # forced latent tokens are the first of the reasoning: its mark must stand before them
        self.begun = "" if sampling.latents is None else markup_of(model).begin("")

    def requests(self) -> Iterator[Request]:
        """What is asked for each trace."""
        for number, trace in enumerate(self.unanswered):
            self.waiting[number] = trace
            yield Request(
                key=f"{trace.problem.id}|{trace.sample}",
                messages=trace.problem.prompt(trace.ratio, budget=trace.asked.budget),
                prefill=self.begun,
                may_fail=self.failed is not None,
            )

    def answered(self, completions: Iterable[tuple[int, Completion]]) -> Iterator[Trace]:
        """The traces that waited for these completions."""
        for number, completion in completions:
            trace = self.waiting.pop(number)
            if completion.error and self.failed:
                self.failed(trace, completion.error)
                continue
            said = msgspec.structs.replace(completion, text=self.begun + completion.text)
            yield split_answer(trace, said, self.model, self.marker)


def split_answer(trace: Trace, completion: Completion, model: Model, marker: str) -> Trace:
    """A trace of the same problem, ratio and sample that says `completion`, and what of the turn
    the prompt holds; ungraded.
    """
    parts = split(markup_of(model).whole(completion.text), marker)
    n_tokens = min(len(model.token_ends([parts.reasoning])[0]), completion.n_tokens)
    return Trace(
        problem=trace.problem,
        model=trace.model,
        asked=trace.asked,
        sample=trace.sample,
        reasoning=parts.reasoning,
        conclusion=parts.conclusion,
        n_tokens=n_tokens,
        n_conclusion_tokens=completion.n_tokens - n_tokens,
        finished=completion.finished,
        finish=completion.finish,
        seconds=completion.seconds,
        opening=parts.opening,
        closing=parts.closing,
        ending=parts.ending,
    )

"""How fast a model answers and reads: measured on a few of its own answers, or computed for a GPU
that is not at hand.

A batch that decodes takes a time for each step, however many rows it has, and a time for each
token: `seconds = per_step * steps + per_token * tokens`. Two batches of different size tell them
apart.
"""

import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import msgspec

from cotpress.cost.shape import Shape
from cotpress.models import Completion, Model, Request, Sampling
from cotpress.records import Problem

FEW, SEVERAL = 2, 16
"""Problems in the two batches that are measured."""

LONGEST = 512
"""Tokens of a measured answer at most: a longer one is taken to reach the limit of the run."""

READ_SHARE = 0.05
"""What reading a token costs of writing it, for a model whose weights are not at hand."""


@dataclass(frozen=True, kw_only=True)
class Rates:
    """What a walk's own model was seen to do, or is computed to do."""

    per_step: float
    """Seconds of a decoding step, apart from its tokens."""
    per_token: float
    """Seconds of a written token beside others."""
    per_read: float
    """Seconds of a token of a forward pass."""
    prompt: float
    """Tokens of a prompt, on average."""
    written: float
    """Tokens of an answer, on average."""
    longest: float
    """Tokens of the longest answer in a batch."""
    line: float
    """Bytes of a trace in a file."""
    per_prompt: float | None = None
    """Seconds of a token of a prompt, where another engine answers; None: `per_read`."""
    seconds: float = 0.0
    """How long it took to measure."""

    def answers(self, n: int, rows: int, share: float = 1.0) -> float:
        """Seconds for `n` answers in batches of `rows`, `share` as long as those measured."""
        batches = -(-n // max(1, rows))
        return share * (
            batches * self.per_step * self.longest + n * self.written * self.per_token
        ) + n * self.prompt * (self.per_read if self.per_prompt is None else self.per_prompt)


def measure(
    problems: Sequence[Problem],
    model: Model,
    max_tokens: int,
    *,
    read: Callable[[Sequence[str]], int] | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> Rates:
    """Let the model answer a few problems twice, in batches of two sizes.

    `read` makes one forward pass over texts and says how many tokens they have; without it a share
    of the time of writing is taken.
    """
    began = clock()
    sampling = Sampling(max_tokens=min(max_tokens, LONGEST))
    _timed(problems[:1], model, Sampling(max_tokens=4), clock)  # what is loaded at the first call
    few, few_seconds = _timed(problems[:FEW], model, sampling, clock)
    done, seconds = _timed(problems[:SEVERAL], model, sampling, clock)
    per_step, per_token = _parts(few, few_seconds, done, seconds)
    lengths = [one.n_tokens if one.finished else max_tokens for one in done]
    texts = [problem.prompt()[-1]["content"] for problem in problems[:SEVERAL]]
    prompt = statistics.mean(len(ends) for ends in model.token_ends(texts))
    per_read = READ_SHARE * (per_token + per_step / len(done))
    if read is not None:
        said = [f"{text} {one.text}" for text, one in zip(texts, done, strict=True)]
        read(said[:1])
        start = clock()
        n_read = read(said)
        per_read = (clock() - start) / n_read
    line = statistics.mean(
        len(msgspec.json.encode(problem)) + len(one.text.encode()) + FIELDS
        for problem, one in zip(problems, done, strict=False)
    )
    return Rates(
        per_step=per_step,
        per_token=per_token,
        per_read=per_read,
        prompt=prompt,
        written=statistics.mean(lengths),
        longest=max(lengths),
        line=line,
        seconds=clock() - began,
    )


FIELDS = 450
"""Bytes of a trace beside its problem and its text."""


class Card(NamedTuple):
    """A GPU by its data sheet."""

    name: str
    flops: float
    """Dense operations a second in 16 bits."""
    bandwidth: float
    """Bytes a second."""
    memory: float
    """Bytes."""


H100 = Card("H100 of 80 GB", 989e12, 3.35e12, 80e9)
"""What is assumed where nothing can be measured, as in the tables of docs/hardware.md."""


def on_engine(measured: Rates, shape: Shape, card: Card) -> Rates:
    """As measured, but that an engine such as vLLM answers, on a card that is computed."""
    prompt, written = round(measured.prompt), round(measured.written)
    there = computed(
        shape, flops=card.flops, bandwidth=card.bandwidth, prompt=prompt, written=written
    )
    return replace(
        measured,
        per_step=there.per_step,
        per_token=there.per_token,
        per_prompt=there.per_read,
    )


def computed(
    shape: Shape, *, flops: float, bandwidth: float, prompt: int, written: int, size: int = 2
) -> Rates:
    """What a GPU of so many operations a second (dense, 16 bits) and bytes a second would do: 60 %
    of its bandwidth for a decoding step, which reads all weights, and 40 % of its operations
    otherwise. Round figures of practice, not measured here.
    """
    per_read = 2 * shape.parameters / (0.4 * flops)
    return Rates(
        per_step=size * shape.parameters / (0.6 * bandwidth),
        per_token=per_read,
        per_read=per_read,
        prompt=prompt,
        written=written,
        longest=2 * written,
        line=4 * (prompt + written) + FIELDS,
    )


def _timed(
    problems: Sequence[Problem], model: Model, sampling: Sampling, clock: Callable[[], float]
) -> tuple[list[Completion], float]:
    start = clock()
    done = list(model.generate(_requests(problems), sampling))
    return done, clock() - start


def _requests(problems: Sequence[Problem]) -> Iterator[Request]:
    for problem in problems:
        yield Request(key=problem.id, messages=problem.prompt())


def _parts(
    few: Sequence[Completion], few_seconds: float, several: Sequence[Completion], seconds: float
) -> tuple[float, float]:
    """(seconds per step, seconds per token) of two batches; neither is below 0."""
    steps, tokens = _size(several)
    less_steps, less_tokens = _size(few)
    determinant = steps * less_tokens - less_steps * tokens
    if not determinant:
        return seconds / steps, 0.0
    per_step = (seconds * less_tokens - few_seconds * tokens) / determinant
    per_token = (steps * few_seconds - less_steps * seconds) / determinant
    if per_step < 0:
        return 0.0, seconds / tokens
    if per_token < 0:
        return seconds / steps, 0.0
    return per_step, per_token


def _size(done: Sequence[Completion]) -> tuple[int, int]:
    """Steps and tokens of a batch."""
    return max(1, *(one.n_tokens for one in done)), max(1, sum(one.n_tokens for one in done))

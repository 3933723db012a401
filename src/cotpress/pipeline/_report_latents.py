"""What latent tokens stand for, for the page: each code with the chunks it encodes, and answers with their codes decoded."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from cotpress import latent_tokens
from cotpress.pipeline._report_examples import visible
from cotpress.pipeline.latents import CONTROLS
from cotpress.records import Trace

CODES = 64
"""Codes on the page, the most used first."""
ANSWERS = 12
"""Answers on the page."""
CHUNKS = 3
"""Chunks that are named for a code."""


@dataclass(frozen=True)
class Code:
    """One code."""

    number: int
    uses: int
    """Chunks of reasoning that it encodes, in the traces the VQ-VAE was trained on."""
    decoded: str
    """What the decoder most often makes of it."""
    chunks: list[tuple[str, int]]
    """The most frequent chunks, and how often."""


@dataclass(frozen=True)
class Answer:
    """An answer with latent tokens."""

    question: str
    codes: list[tuple[int, str]]
    """Each latent token, and what the VQ-VAE's decoder makes of it in its place."""
    rest: str
    """The text that follows."""
    correct: bool | None


@dataclass(frozen=True)
class Latents:
    """The section of the page."""

    codes: list[Code]
    total: int
    """Size of the codebook."""
    used: int
    answers: list[Answer]


def chosen(traces: Iterable[Trace]) -> Iterator[Trace]:
    """The first answers in which a model wrote latent tokens of its own accord."""
    free = (t for t in traces if t.latents is None and t.method not in CONTROLS and latent_tokens.codes(t.completion()))
    return islice(free, ANSWERS)


def section(codes: Sequence[Code], answers: Iterable[tuple[Trace, Sequence[str]]]) -> Latents:
    """Put together what is shown; with each answer comes the text that each of its codes is decoded to."""
    used = sorted((code for code in codes if code.uses), key=lambda code: -code.uses)
    return Latents([_visible(code) for code in used[:CODES]], len(codes), len(used), [_answer(*pair) for pair in answers])


def _visible(code: Code) -> Code:
    chunks = [(visible(text), count) for text, count in code.chunks[:CHUNKS]]
    return Code(code.number, code.uses, visible(code.decoded), chunks)


def _answer(trace: Trace, texts: Sequence[str]) -> Answer:
    said = trace.completion()
    return Answer(
        question=visible(trace.problem.question),
        codes=list(zip(latent_tokens.codes(said), map(visible, texts), strict=True)),
        rest=visible(latent_tokens.SPELLED.sub("", said)),
        correct=trace.grade.correct if trace.grade else None,
    )

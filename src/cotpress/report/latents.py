"""What latent tokens stand for, for the page: each code with the chunks it
encodes, and answers with their codes decoded.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from cotpress import latent_tokens
from cotpress.latent.about import ByClass
from cotpress.methods import CORRUPTED
from cotpress.records import Trace
from cotpress.report.table import percent
from cotpress.shown import visible

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
class Worth:
    """What the codebook is worth, by held-out reasoning tokens that come out right; shares of 1."""

    own: float
    """From a trace's own codes."""
    other: float
    """From the codes of another trace: only what exceeds this comes from the codes."""
    position: float
    """By guessing the most frequent token of each position, and of all."""
    unigram: float
    perplexity: float
    """How many codes an even use of the same entropy would have."""
    by_class: tuple[ByClass, ...] = ()
    """The first figure by class of token; empty where it is not known."""

    def sentence(self, total: int) -> str:
        """The same in words, for a codebook of `total` codes."""
        return (
            f"From its own codes {percent(self.own)} of the tokens of a held-out "
            "reasoning come out right, from the codes of"
            f" another one {percent(self.other)}: only the difference comes from the "
            "codes. Guessing the most frequent token of"
            f" each position gets {percent(self.position)}, the most "
            f"frequent of all {percent(self.unigram)}.{self._classes()}"
            f" Used as they are, the {total} codes tell apart as much as "
            f"{self.perplexity:.1f} evenly used ones would"
            " (perplexity)."
        )

    def _classes(self) -> str:
        """What comes out right of words, given and new numbers; empty where it is not known."""
        told = ", ".join(
            f"{percent(one.right)} of {one.name} ({percent(one.share)} of the tokens)"
            for one in self.by_class
        )
        given = "a given number stands in the question, a new one does not"
        return told and f" By class of token, its own codes rebuild {told}; {given}."


@dataclass(frozen=True)
class Latents:
    """The section of the page."""

    codes: list[Code]
    total: int
    """Size of the codebook."""
    used: int
    answers: list[Answer]
    worth: Worth


def chosen(traces: Iterable[Trace]) -> Iterator[Trace]:
    """The first answers in which a model wrote latent tokens of its own accord."""
    free = (
        t
        for t in traces
        if t.latents is None and t.method != CORRUPTED and latent_tokens.codes(t.completion())
    )
    return islice(free, ANSWERS)


def section(
    codes: Sequence[Code], answers: Iterable[tuple[Trace, Sequence[str]]], worth: Worth
) -> Latents:
    """Put together what is shown; with each answer comes the
    text that each of its codes is decoded to.
    """
    used = sorted((code for code in codes if code.uses), key=lambda code: -code.uses)
    shown = [_visible(code) for code in used[:CODES]]
    return Latents(shown, len(codes), len(used), [_answer(*pair) for pair in answers], worth)


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

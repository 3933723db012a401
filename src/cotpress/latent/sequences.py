"""Traces as token sequences for the VQ-VAE: prompt, reasoning and solution in the target model's
own tokens.

The prompt is the question alone: a chat template and an instruction are the same for every problem
and would only cost time.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple, Protocol

import torch

from cotpress.latent.options import Shape
from cotpress.latent.vqvae import FIRST, PAD, UNKNOWN, Batch
from cotpress.records import Trace


class Pieces(NamedTuple):
    """One trace in tokens of the target model."""

    prompt: list[int]
    reasoning: list[int]
    solution: list[int]


class Tokenising(Protocol):
    """What of the target model is needed; `cotpress.models.hf.HFModel` has it."""

    def text_ids(self, text: str) -> list[int]:
        """Token ids of a piece of the assistant's turn."""
        ...


def pieces(trace: Trace, model: Tokenising) -> Pieces:
    """A trace in tokens."""
    solution = model.text_ids(trace.closing + trace.conclusion) if trace.conclusion else []
    return Pieces(model.text_ids(trace.problem.question), model.text_ids(trace.reasoning), solution)


def fits(one: Pieces, shape: Shape) -> bool:
    """Whether the network has positions for all of it."""
    return (
        len(one.prompt) <= shape.length and len(one.reasoning) + len(one.solution) <= shape.length
    )


class Vocabulary:
    """The target model's tokens that the network knows, by its own numbers."""

    def __init__(self, tokens: Iterable[int]) -> None:
        self.tokens = sorted(set(tokens))
        self._numbers = {token: number for number, token in enumerate(self.tokens, FIRST)}

    def __len__(self) -> int:
        return FIRST + len(self.tokens)

    def numbers(self, ids: Iterable[int]) -> list[int]:
        """The network's numbers of target tokens."""
        return [self._numbers.get(token, UNKNOWN) for token in ids]

    def ids(self, numbers: Iterable[int]) -> list[int]:
        """The target tokens of the network's numbers; padding and
        the unknown token have none and are left out.
        """
        return [self.tokens[number - FIRST] for number in numbers if number >= FIRST]


def batch(
    these: Sequence[Pieces],
    vocabulary: Vocabulary,
    shape: Shape,
    device: torch.device | None = None,
) -> Batch:
    """Sequences padded in front of the prompt, so that the reasoning begins
    on a chunk boundary, and behind to one width.
    """
    start = [-(-len(one.prompt) // shape.chunk) * shape.chunk for one in these]
    whole = [
        begin + len(one.reasoning) + len(one.solution)
        for begin, one in zip(start, these, strict=True)
    ]
    width = -(-max(1, *whole) // shape.chunk) * shape.chunk
    ids = torch.full((len(these), width), PAD)
    for row, begin, end, one in zip(ids, start, whole, these, strict=True):
        row[begin - len(one.prompt) : end] = torch.tensor(
            vocabulary.numbers([*one.prompt, *one.reasoning, *one.solution])
        )
    ends = [begin + len(one.reasoning) for begin, one in zip(start, these, strict=True)]
    return Batch(
        ids.to(device), torch.tensor(start, device=device), torch.tensor(ends, device=device)
    )

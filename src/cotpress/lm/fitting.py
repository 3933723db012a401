"""How many tokens run in one batch; where the memory ends, what is left goes on in batches of half
the tokens.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import torch

from cotpress.errors import CotpressError

T = TypeVar("T")
R = TypeVar("R")

CPU_TOKENS = 512
"""Tokens of a batch, padding included; a longer text is a batch of its own. On a CPU larger batches
are no faster, and from 4,096 on half as fast: every intermediate is fresh memory."""

GPU_TOKENS = 16384


def batch_size(device: torch.device) -> int:
    """Tokens of a batch that suit a device, padding included."""
    return GPU_TOKENS if device.type == "cuda" else CPU_TOKENS


def in_memory(
    rows: Sequence[T],
    tokens: int,
    batches: Callable[[Sequence[T], int], Sequence[Sequence[T]]],
    run: Callable[[Sequence[T]], R],
    cost: Callable[[Sequence[T]], int],
    cure: str,
) -> Iterator[tuple[Sequence[T], R]]:
    """Each batch with what `run` makes of it.

    Args:
        rows: What is run.
        tokens: In a batch at most, padding included; one row may have more.
        batches: Puts rows into batches of at most so many tokens.
        run: Runs one batch.
        cost: Tokens of a batch, padding included.
        cure: What to choose where a row does not fit alone, behind "choose".

    Raises:
        CotpressError: A row does not fit alone.
    """
    todo = list(batches(rows, tokens))[::-1]
    while todo:
        batch = todo.pop()
        try:
            done = run(batch)
        except torch.OutOfMemoryError as error:
            if len(batch) == 1:
                raise CotpressError(
                    f"out of memory with one text alone, of {cost(batch)} tokens: choose {cure}; "
                    "what is finished is kept."
                ) from error
        else:
            yield batch, done
            continue
        # not before the exception is gone, which holds what was computed
        torch.cuda.empty_cache()
        left = [row for one in (batch, *reversed(todo)) for row in one]
        todo = list(batches(left, cost(batch) // 2))[::-1]

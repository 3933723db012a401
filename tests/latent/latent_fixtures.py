"""A VQ-VAE and traces for tests of latent tokens."""

from make import sum_trace

from cotpress.latent.options import FitOptions, Shape
from cotpress.latent.sequences import Pieces
from cotpress.records import Trace

SMALL = Shape(chunk=4, rate=4, codebook=8, width=16, heads=2, layers=1, length=64)
QUICK = FitOptions(steps=60, lr=1e-2, batch=8)


def made_up(n: int = 40) -> list[Pieces]:
    """Reasoning of three four-token phrases out of eight, between a prompt and a solution."""
    phrases = [[10 * k + i for i in range(4)] for k in range(1, 9)]
    kinds = [(i % 4 + 1, i) for i in range(n)]
    return [
        Pieces([k, k + 1, 5], [t for j in range(3) for t in phrases[(i + j * k) % 8]], [7])
        for k, i in kinds
    ]


def long_trace(i: int = 0) -> Trace:
    """A trace whose reasoning has some forty tokens of the tiny tokenizers."""
    steps = " ".join(f"{a} + {a * i} = {a + a * i}, so" for a in range(1, 6))
    return sum_trace(i, reasoning=steps)

"""Training of the VQ-VAE of Token Assorted against its matrix products alone at the same shapes, the
two products of each gradient included: the share that is reached.

    OMP_NUM_THREADS=1 python benchmarks/row_vqvae_training.py [--steps 24]

The small preset. `fit` as `train-vqvae` calls it, with its k-means, its updates and its figures on
held-out traces; random token numbers. CPU time of one thread.
"""

import argparse
from collections.abc import Callable, Iterator

import torch
from measured import Row, in_turns, per_second, run, times_as_fast
from torch import Tensor

from cotpress.latent.fit import fit
from cotpress.latent.options import FitOptions, Shape
from cotpress.latent.sequences import Pieces
from cotpress.latent.vqvae import VQVAE

QUESTION, LENGTH, WORDS = 32, 160, 1000


def thrice(x: Tensor, weight: Tensor) -> None:
    """A linear layer's output, and the gradients of its input and of its weight."""
    made = x @ weight.T
    made @ weight
    made.T @ x


@torch.inference_mode()
def products(model: VQVAE, n: int, length: int) -> Callable[[], None]:
    """What one step multiplies for n tokens."""
    shape, width = model.shape, model.shape.width
    x, wide = torch.randn(n, width), torch.randn(n, 4 * width)
    heads = torch.randn(n // length, shape.heads, length, width // shape.heads)
    pooled, both = x[:: shape.rate], torch.randn(n // shape.rate, 2 * width)

    @torch.inference_mode()
    def work() -> None:
        for block in (*model.encoder, *model.decoder):
            thrice(x, block.to_qkv.weight)
            for _ in range(3):
                (heads @ heads.transpose(2, 3)) @ heads
            thrice(x, block.from_heads.weight)
            thrice(x, block.widen.weight)
            thrice(wide, block.narrow.weight)
        thrice(pooled, model.to_code.weight)
        thrice(both, model.from_code.weight)
        pooled @ model.quantiser.codebook.T
        thrice(x, model.tokens.weight)

    return work


def rows(asked: argparse.Namespace) -> Iterator[Row]:
    torch.set_num_threads(1)
    chance = torch.Generator().manual_seed(0)
    options = FitOptions(steps=asked.steps, lr=2e-3)
    n = asked.steps * options.batch * LENGTH
    ids = torch.randint(WORDS, (asked.sequences, LENGTH), generator=chance).tolist()
    data = [Pieces(row[:QUESTION], row[QUESTION:], []) for row in ids]
    shape = Shape(codebook=512)
    step = products(VQVAE(shape, WORDS), options.batch * LENGTH, LENGTH)
    ways = {
        "ours": lambda: fit(data, shape, options, say=lambda _: None),
        "products": lambda: [step() for _ in range(asked.steps)],
    }
    seconds = in_turns(ways, asked.passes)
    yield Row(
        what="training of Token Assorted's VQ-VAE, small, one core",
        against="the matrix products alone, gradients' included",
        goal="≥ 0.6×",
        **times_as_fast(seconds["ours"], seconds["products"]),
        said=f"{per_second(n, seconds['ours']):,.0f} against "
        f"{per_second(n, seconds['products']):,.0f} tokens/s",
        n=f"{asked.steps} steps of {options.batch} sequences of {LENGTH} tokens, {asked.passes} passes",
    )


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--steps", type=int, default=24)
    parser.add_argument("--sequences", type=int, default=400)


if __name__ == "__main__":
    run(rows, __doc__, options)

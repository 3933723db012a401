"""Encoding by the VQ-VAE of Token Assorted, which is what `mix` spends its time on, against the
encoder's matrix products alone at the same shapes: the share that is reached.

    OMP_NUM_THREADS=1 python benchmarks/row_token_assorted.py [--sequences 64]

Sizes and products are those of benchmarks/vqvae_speed.py; CPU time of one thread.
"""

import argparse
from collections.abc import Iterator

import torch
from measured import Row, in_turns, per_second, run, times_as_fast
from vqvae_speed import products

from cotpress.latent.encode import encode
from cotpress.latent.folder import Coder
from cotpress.latent.options import Shape
from cotpress.latent.sequences import Pieces, Vocabulary
from cotpress.latent.vqvae import VQVAE

QUESTION, LENGTH = 32, 160


@torch.inference_mode()
def rows(asked: argparse.Namespace) -> Iterator[Row]:
    torch.set_num_threads(1)
    chance, vocabulary = torch.Generator().manual_seed(0), Vocabulary(range(1000))
    ids = torch.randint(1000, (asked.sequences, LENGTH), generator=chance).tolist()
    these = [Pieces(row[:QUESTION], row[QUESTION:], []) for row in ids]
    n = asked.sequences * LENGTH
    for name, width, codebook in (("small", 128, 512), ("the paper's width", 512, 1024)):
        model = VQVAE(Shape(width=width, codebook=codebook), len(vocabulary)).eval()
        model.quantiser.codebook.normal_()
        coder = Coder(model, vocabulary)
        ways = {
            "ours": lambda coder=coder: encode(coder, these),
            "products": products(model, n, LENGTH),
        }
        seconds = in_turns(ways, asked.passes)
        yield Row(
            what=f"encoding of Token Assorted, {name}, one core",
            against="the matrix products alone",
            goal="≥ 0.6×",
            **times_as_fast(seconds["ours"], seconds["products"]),
            said=f"{per_second(n, seconds['ours']):,.0f} against "
            f"{per_second(n, seconds['products']):,.0f} tokens/s",
            n=f"{asked.sequences} sequences of {LENGTH} tokens, {asked.passes} passes",
        )


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--sequences", type=int, default=64)


if __name__ == "__main__":
    run(rows, __doc__, options)

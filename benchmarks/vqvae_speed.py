"""Tokens per second of VQ-VAE encoding on one core, against the encoder's matrix products alone;
and of training on all.

    OMP_NUM_THREADS=1 python benchmarks/vqvae_speed.py [--sequences 64] [--tokens 160]

Floors: the small preset (width 128) encodes 20,000 tokens/s on one core; the paper's width (512)
reaches 60 % of what its matrix products alone reach. Token numbers are random: their values change
no arithmetic. The best of three passes.
"""

import argparse
import time
from collections.abc import Callable

import torch

from cotpress.latent.encode import encode
from cotpress.latent.folder import Coder
from cotpress.latent.options import Shape
from cotpress.latent.sequences import Pieces, Vocabulary, batch
from cotpress.latent.vqvae import PAD, VQVAE


def best(work: Callable[[], object]) -> float:
    work()
    seconds = []
    for _ in range(3):
        began = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - began)
    return min(seconds)


def products(model: VQVAE, n: int, length: int) -> Callable[[], object]:
    """The encoder's matrix products for n tokens, attention's included, and nothing else."""
    x, width = torch.randn(n, model.shape.width), model.shape.width
    wide, heads = (
        torch.randn(n, 4 * width),
        torch.randn(n // length, model.shape.heads, length, width // model.shape.heads),
    )
    pooled = x[:: model.shape.rate]

    def work() -> None:
        for block in model.encoder:
            x @ block.to_qkv.weight.T
            (heads @ heads.transpose(2, 3)) @ heads
            x @ block.from_heads.weight.T
            x @ block.widen.weight.T
            wide @ block.narrow.weight.T
        (pooled @ model.to_code.weight.T) @ model.quantiser.codebook.T

    return work


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sequences", type=int, default=64)
    parser.add_argument("--tokens", type=int, default=160)
    asked = parser.parse_args()
    chance = torch.Generator().manual_seed(0)
    vocabulary = Vocabulary(range(1000))
    question, reasoning = (
        asked.tokens // 4 // 16 * 16,
        (asked.tokens - asked.tokens // 4 // 16 * 16) // 16 * 16,
    )
    rows = torch.randint(1000, (asked.sequences, question + reasoning), generator=chance).tolist()
    these = [Pieces(row[:question], row[question:], []) for row in rows]
    n = sum(map(len, rows))
    for name, width, codebook in (("small", 128, 512), ("paper", 512, 1024)):
        shape = Shape(width=width, codebook=codebook)
        model = VQVAE(shape, len(vocabulary))
        model.quantiser.codebook.normal_()
        coder = Coder(model.eval(), vocabulary)
        with torch.inference_mode():
            whole, alone = (
                best(lambda coder=coder: encode(coder, these)),
                best(products(model, n, question + reasoning)),
            )
        share = alone / whole
        print(
            f"{name}: encodes {n / whole:,.0f} tokens/s, {share:.0%} of the "
            f"{n / alone:,.0f} of its matrix products alone"
        )
        if name == "small":
            model.train()
            one = batch(these[:32], vocabulary, shape)
            real = one.ids != PAD

            def step(model: VQVAE = model, one=one, real=real) -> None:  # type: ignore[no-untyped-def]
                encoded = model.encode(one)
                vectors, found = model.quantise(encoded, one)
                states = model.decode(vectors, encoded.condition, one.start)[real]
                loss = (
                    torch.nn.functional.cross_entropy(model.logits(states), one.ids[real])
                    + found.commitment
                )
                loss.backward()

            print(
                f"{name}: trains on {int(real.sum()) / best(step):,.0f} tokens/s "
                f"with {torch.get_num_threads()} thread(s)"
            )


if __name__ == "__main__":
    main()

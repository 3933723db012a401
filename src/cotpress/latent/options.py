"""How large a VQ-VAE is and how it is trained; light, so that the
command line can show the options without torch.
"""

from dataclasses import dataclass
from typing import Literal

from cotpress.errors import CotpressError

Preset = Literal["small", "paper"]


@dataclass(frozen=True, kw_only=True)
class Shape:
    """What decides the size of the network."""

    chunk: int = 16
    """Reasoning tokens that are replaced together (L)."""
    rate: int = 16
    """Reasoning tokens per code (r); must divide `chunk`."""
    codebook: int = 512
    """Number of codes; the paper has 64 for logic, 512 for mazes, 1024 for mathematics."""
    width: int = 128
    """Of every layer and of a code."""
    heads: int = 4
    """Attention heads of every layer; must divide `width`."""
    layers: int = 2
    """Of the encoder, and of the decoder."""
    length: int = 1024
    """Longest prompt in tokens, and longest reasoning with solution."""

    def __post_init__(self) -> None:
        """Refuse a shape that cannot be built."""
        if (
            min(self.chunk, self.rate, self.heads, self.layers, self.length) < 1
            or self.codebook < 2
        ):
            raise CotpressError(
                "choose --chunk, --rate and --length of at least 1 and --codebook of at least 2."
            )
        if self.chunk % self.rate:
            raise CotpressError(
                f"--rate {self.rate} does not divide --chunk {self.chunk}: "
                "choose a divisor, such as 16 of 16."
            )
        if self.width % self.heads:
            raise CotpressError(
                f"--width {self.width} is not a multiple of the {self.heads} "
                "attention heads: choose one."
            )


@dataclass(frozen=True, kw_only=True)
class FitOptions:
    """How a VQ-VAE is trained. Where the paper says nothing: specification section 12, A5."""

    steps: int
    """Optimiser steps, at least 2."""
    lr: float
    """Highest learning rate of Adam; it falls to 0 along a cosine."""
    batch: int = 32
    """Sequences per step, as in the paper."""
    commitment: float = 0.25
    """Weight of the commitment loss (beta)."""
    warm: float = 0.1
    """Share of the steps without a quantiser; k-means then finds
    codes among vectors that already mean something.
    """
    held_out: float = 0.05
    """Share of the traces that are kept for the figures, at least 1 and at most 500."""
    seed: int = 0
    """Of the first weights, of the order and of what is held out."""

    def __post_init__(self) -> None:
        """Refuse what cannot be trained with."""
        if self.steps < 2 or self.batch < 1 or not self.lr > 0:
            raise CotpressError(
                "choose --steps of at least 2, --batch of at least 1 and --lr above 0."
            )


WIDTHS: dict[Preset, int] = {"small": 128, "paper": 512}
STEPS: dict[Preset, int] = {"small": 1500, "paper": 100_000}
RATES: dict[Preset, float] = {"small": 2e-3, "paper": 1e-5}
"""Learning rates; 1e-5 is the paper's, very low for a network from scratch: 3e-4 is worth a try."""

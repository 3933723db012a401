"""Vector quantisation with a codebook that follows its vectors: van den Oord et al. 2017 (arXiv
1711.00937), appendix A.1.

Each vector is replaced by the nearest code; the gradient passes straight through. A code is the
moving average of the vectors it stood for (decay 0.99, Laplace smoothing), so the codebook has no
loss term of its own. Token Assorted does not say how its codebook is kept in use; here codes begin
as k-means centres, and one that hardly any vector chooses is put on a random vector. Without that,
others measured 40 to 90 % dead codes (vector-quantize-pytorch, issue 205). The arithmetic equals
that library's, which a test holds.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

PATIENCE = 10
"""A code is dead that no vector chose while an even use would have chosen it
this often: whatever batch and codebook size.
"""

SMOOTHING = 1e-5


class Quantised(NamedTuple):
    """N vectors after quantisation."""

    vectors: Tensor
    """(N, d) the codes' vectors; their gradient is that of the input."""
    codes: Tensor
    """(N,) which code each is."""
    commitment: Tensor
    """() mean squared distance of the input from its code; it moves the encoder only."""


class Quantiser(nn.Module):
    """A codebook of `size` vectors of `width` numbers."""

    codebook: Tensor  # (K, d)
    counts: Tensor  # (K,) moving average of how many vectors of a batch chose each code
    sums: Tensor  # (K, d) moving average of their sum
    idle: Tensor  # (K,) how many vectors have gone by since one chose each code

    def __init__(self, size: int, width: int, decay: float = 0.99) -> None:
        super().__init__()
        self.decay = decay
        self.register_buffer("codebook", torch.zeros(size, width))
        self.register_buffer("counts", torch.zeros(size))
        self.register_buffer("sums", torch.zeros(size, width))
        self.register_buffer("idle", torch.zeros(size), persistent=False)

    def begin(self, vectors: Tensor, chance: torch.Generator, rounds: int = 20) -> None:
        """Put the codes on k-means centres of `vectors` (N, d) with N >= K; `ValueError` for
        fewer.
        """
        size = len(self.codebook)
        if len(vectors) < size:
            raise ValueError(f"{len(vectors)} vectors cannot fill {size} codes")
        centres = _spread(vectors, size, chance)
        counts = torch.zeros(size, device=vectors.device)
        for _ in range(rounds):
            nearest = closest(vectors, centres)
            counts = torch.bincount(nearest, minlength=size).float()
            sums = torch.zeros_like(centres).index_add_(0, nearest, vectors)
            empty = counts == 0
            centres = sums / counts.clamp(min=1)[:, None]
            centres[empty] = vectors[
                _sample(len(vectors), int(empty.sum()), chance, vectors.device)
            ]
        self._put(torch.arange(size, device=centres.device), centres)

    def forward(self, vectors: Tensor) -> Quantised:
        """(N, d) -> their codes; in training the codebook
        moves towards them (see `revive` for the dead).
        """
        codes = closest(vectors.detach(), self.codebook)
        chosen = self.codebook[codes]
        if self.training:
            self._follow(vectors.detach(), codes)
        through = vectors + (chosen - vectors).detach()
        return Quantised(through, codes, F.mse_loss(vectors, chosen))

    def revive(self, vectors: Tensor, chance: torch.Generator) -> int:
        """Put each dead code on one of `vectors` (N, d), drawn at random; how many there were."""
        dead = (self.idle > PATIENCE * len(self.idle)).nonzero()[:, 0][: len(vectors)]
        self._put(dead, vectors.detach()[_sample(len(vectors), len(dead), chance, vectors.device)])
        return len(dead)

    def _put(self, which: Tensor, vectors: Tensor) -> None:
        """Set codes, as if each had had an even share of the vectors."""
        even = (
            self.counts.sum() / len(self.counts)
            if self.counts.any()
            else torch.ones((), device=vectors.device)
        )
        self.codebook[which], self.counts[which], self.sums[which] = vectors, even, vectors * even
        self.idle[which] = 0

    def _follow(self, vectors: Tensor, codes: Tensor) -> None:
        size = len(self.codebook)
        self.idle += len(vectors)
        self.idle[codes] = 0
        self.counts.lerp_(torch.bincount(codes, minlength=size).to(vectors.dtype), 1 - self.decay)
        self.sums.lerp_(torch.zeros_like(self.sums).index_add_(0, codes, vectors), 1 - self.decay)
        total = self.counts.sum()
        smoothed = (self.counts + SMOOTHING) / (total + size * SMOOTHING) * total
        self.codebook.copy_(self.sums / smoothed[:, None])


def closest(vectors: Tensor, codebook: Tensor) -> Tensor:
    """(…, d), (K, d) -> (…) index of the nearest row by Euclidean distance."""
    return (codebook.square().sum(1) - 2 * vectors @ codebook.T).argmin(-1)


def perplexity(uses: Tensor) -> float:
    """(K,) how often each code was used -> how many codes an even
    use of that entropy would have; 0 for no use.
    """
    share = uses[uses > 0].double() / uses.sum()
    return float(torch.exp(-(share * share.log()).sum())) if len(share) else 0.0


def _spread(vectors: Tensor, size: int, chance: torch.Generator) -> Tensor:
    """(size, d) of the vectors, each drawn by its squared distance from
    those before (k-means++, Arthur and others 2007).
    """
    chosen = [vectors[_sample(len(vectors), 1, chance, vectors.device)]]
    distance = (vectors - chosen[0]).square().sum(1)
    for _ in range(size - 1):
        mass = distance.double().cumsum(0).cpu()
        at = torch.rand(1, generator=chance, dtype=torch.double) * mass[-1]
        chosen.append(
            vectors[torch.searchsorted(mass, at).clamp(max=len(vectors) - 1).to(vectors.device)]
        )
        distance = torch.minimum(distance, (vectors - chosen[-1]).square().sum(1))
    return torch.cat(chosen)


def _sample(n: int, k: int, chance: torch.Generator, device: torch.device) -> Tensor:
    """Distinct indices below n, k of them."""
    return torch.randperm(n, generator=chance)[:k].to(device)

"""The VQ-VAE of Token Assorted: a chunk of reasoning becomes one code, and codes become text again.

    prompt | reasoning | solution       one sequence, the reasoning beginning on a chunk boundary ->
    2 causal transformer layers -> max-pool over r tokens -> linear -> nearest code
    encoder, quantiser code and g(prompt) -> linear -> repeated r times, plus positions -> 2 causal
    layers -> tokens     decoder

The paper leaves pooling, decoder and g open; they follow its parent TAP (Jiang et al. 2023):
pooling by maximum, a parallel decoder that never sees its target, and a condition concatenated to
each code, here the mean encoder state of the prompt (specification sections 2.2 and 2.3). Two
things are ours. Positions count from the first token of the reasoning, so that a chunk looks the
same after prompts of any length. And the network knows only tokens it was trained on, all others
are one: a language model's whole vocabulary would cost ten times the rest of the small preset.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cotpress.latent.options import Shape
from cotpress.latent.quantise import Quantised, Quantiser

PAD, UNKNOWN, FIRST = 0, 1, 2
"""The network's own token numbers: padding, a token it does
not know, and the first one that it does.
"""


class Batch(NamedTuple):
    """B sequences, aligned so that each reasoning begins on a chunk boundary."""

    ids: Tensor
    """(B, T) the network's token numbers; T is a multiple of the chunk."""
    start: Tensor
    """(B,) where each reasoning begins."""
    end: Tensor
    """(B,) where each reasoning ends; the solution follows."""


class Encoded(NamedTuple):
    """What the encoder makes of a batch."""

    pooled: Tensor
    """(B, T / r, d) one vector per code to be."""
    condition: Tensor
    """(B, d) g(prompt); zero for an empty one."""


class VQVAE(nn.Module):
    """Encoder, quantiser and decoder over `n_tokens` token numbers, those below `FIRST`
    included.
    """

    def __init__(self, shape: Shape, n_tokens: int) -> None:
        super().__init__()
        width = shape.width
        self.shape = shape
        self.tokens = nn.Embedding(n_tokens, width)
        self.positions = nn.Embedding(2 * shape.length, width)
        self.encoder = nn.ModuleList(Block(width, shape.heads) for _ in range(shape.layers))
        self.encoded = nn.LayerNorm(width)
        self.to_code = nn.Linear(width, width)
        self.quantiser = Quantiser(shape.codebook, width)
        self.from_code = nn.Linear(2 * width, width)
        self.decoder_positions = nn.Embedding(2 * shape.length, width)
        self.decoder = nn.ModuleList(Block(width, shape.heads) for _ in range(shape.layers))
        self.decoded = nn.LayerNorm(width)
        for module in self.modules():
            if isinstance(module, nn.Linear | nn.Embedding):
                nn.init.normal_(
                    module.weight, std=0.02 if isinstance(module, nn.Linear) else width**-0.5
                )

    def encode(self, batch: Batch) -> Encoded:
        """The vectors that are quantised, and the prompt's condition."""
        places = self._places(batch)
        states = self.tokens(batch.ids) + self.positions(places)  # (B, T, d)
        for block in self.encoder:
            states = block(states)
        states = self.encoded(states)
        in_prompt = (places < self.shape.length) & (batch.ids != PAD)  # (B, T)
        total = torch.einsum("btd,bt->bd", states, in_prompt.to(states.dtype))
        condition = total / in_prompt.sum(1, keepdim=True).clamp(min=1)
        # (B, T / r, d)
        pooled = states.reshape(len(states), -1, self.shape.rate, self.shape.width).amax(2)
        return Encoded(self.to_code(pooled), condition)

    def decode(self, vectors: Tensor, condition: Tensor, start: Tensor) -> Tensor:
        """(B, n, d) code vectors, (B, d) conditions, (B,) starts -> (B, n
        * r, d) states; `logits` makes tokens of them.
        """
        both = torch.cat([vectors, condition[:, None].expand(-1, vectors.shape[1], -1)], dim=-1)
        states = self.from_code(both).repeat_interleave(self.shape.rate, dim=1)
        states = states + self.decoder_positions(self._from_start(states.shape[1], start))
        for block in self.decoder:
            states = block(states)
        decoded: Tensor = self.decoded(states)
        return decoded

    def logits(self, states: Tensor) -> Tensor:
        """(…, d) -> (…, n_tokens), with the embedding as the output matrix."""
        return F.linear(states, self.tokens.weight)

    def quantise(self, encoded: Encoded, batch: Batch) -> tuple[Tensor, Quantised]:
        """(B, T / r, d) with every vector that covers a real token
        replaced by its code, and what was quantised.
        """
        real = self.real(batch)
        found = self.quantiser(encoded.pooled[real])
        vectors = encoded.pooled.clone()
        vectors[real] = found.vectors
        return vectors, found

    def real(self, batch: Batch) -> Tensor:
        """(B, T / r) which pooled vectors cover a real token."""
        return (batch.ids != PAD).reshape(len(batch.ids), -1, self.shape.rate).any(2)

    def _places(self, batch: Batch) -> Tensor:
        return self._from_start(batch.ids.shape[1], batch.start)

    def _from_start(self, n: int, start: Tensor) -> Tensor:
        """(B, n) position of every token relative to the first
        of the reasoning, which is at `shape.length`.
        """
        return torch.arange(n, device=start.device) - start[:, None] + self.shape.length


class Block(nn.Module):
    """A causal transformer layer, normalised first."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.before_attention, self.before_mlp = nn.LayerNorm(width), nn.LayerNorm(width)
        self.to_qkv, self.from_heads = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.widen, self.narrow = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, states: Tensor) -> Tensor:
        """(B, T, d) -> (B, T, d)."""
        b, t, d = states.shape
        qkv = self.to_qkv(self.before_attention(states)).reshape(
            b, t, 3, self.heads, d // self.heads
        )
        q, k, v = qkv.permute(2, 0, 3, 1, 4)  # (B, heads, T, d / heads)
        seen = (
            F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).reshape(b, t, d)
        )
        states = states + self.from_heads(seen)
        mlp: Tensor = self.narrow(F.gelu(self.widen(self.before_mlp(states)), approximate="tanh"))
        return states + mlp

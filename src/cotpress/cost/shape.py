"""How large a model is, and the memory that answering, scoring and training take.

The formulas are the usual ones: weights by their precision, keys and values by tokens, mixed
precision Adam at 16 bytes a weight (Rajbhandari et al., arXiv 1910.02054, section 3.1), and with
gradient checkpointing one hidden state a layer and token, plus one layer in full (Korthikanti et
al., arXiv 2205.05198, section 4: 34 bytes per token and unit of width).
"""

from dataclasses import dataclass
from typing import Any

LAYER_BYTES = 34
"""Activations of one layer, per token and unit of width, in 16 bits."""

ADAM_BYTES = 16
"""Of a weight that is trained: itself and its gradient in 32 bits, and two moments."""

FOUR_BITS = 0.57
"""Bytes of a weight under NF4 with double quantisation, its scales included."""


@dataclass(frozen=True, kw_only=True)
class Shape:
    """A decoder in the manner of Llama."""

    layers: int
    width: int
    heads: int
    kv_heads: int
    head_dim: int
    inner: int
    """Width inside of the MLP."""
    vocabulary: int
    tied: bool
    """Whether input and output embeddings are one matrix."""

    @classmethod
    def of(cls, config: Any) -> "Shape":
        """That of a transformers config; what is named otherwise there is taken as in GPT-2."""
        config = config.get_text_config()

        def read(*names: str) -> int:
            return next(int(value) for name in names if (value := getattr(config, name, None)))

        width, heads = read("hidden_size", "n_embd"), read("num_attention_heads", "n_head")
        return cls(
            layers=read("num_hidden_layers", "n_layer"),
            width=width,
            heads=heads,
            kv_heads=getattr(config, "num_key_value_heads", None) or heads,
            head_dim=getattr(config, "head_dim", None) or width // heads,
            inner=getattr(config, "intermediate_size", None) or 4 * width,
            vocabulary=read("vocab_size"),
            tied=bool(config.tie_word_embeddings),
        )

    @property
    def linear(self) -> int:
        """Weights of the linear layers, without embeddings."""
        attention = self.width * self.head_dim * (2 * self.heads + 2 * self.kv_heads)
        return self.layers * (attention + 3 * self.width * self.inner)

    @property
    def parameters(self) -> int:
        """All weights, but for norms and biases."""
        return self.linear + self.vocabulary * self.width * (1 if self.tied else 2)

    def adapter(self, rank: int) -> int:
        """Weights of a LoRA adapter on all linear layers."""
        query, keys = self.heads * self.head_dim, self.kv_heads * self.head_dim
        sides = 2 * (self.width + query) + 2 * (self.width + keys) + 3 * (self.width + self.inner)
        return self.layers * rank * sides

    def answering(self, rows: int, length: int, size: int) -> float:
        """Bytes of weights, keys and values for `rows` answers of `length` tokens (prompt
        included); `size` bytes a number.
        """
        cache = 2 * self.layers * self.kv_heads * self.head_dim * length * rows
        return size * (self.parameters + cache)

    def reading(self, tokens: int, size: int) -> float:
        """Bytes of a forward pass over `tokens` tokens at once, with their logits in 32 bits."""
        return (
            size * self.parameters
            + LAYER_BYTES / 2 * size * tokens * self.width
            + 4 * tokens * self.vocabulary
        )

    def training(
        self,
        tokens: int,
        size: int,
        *,
        full: bool,
        rank: int = 8,
        four_bits: bool = False,
        checkpointing: bool = True,
    ) -> float:
        """Bytes of a training with `tokens` tokens at once on one device.

        Where activations are kept (`checkpointing` False, as on CPUs) the logits are, too: on a
        GPU the loss is fused with the output head, and never holds them.
        """
        held = FOUR_BITS * self.linear + size * (self.parameters - self.linear)
        weights = held if four_bits else float(size * self.parameters)
        trained = self.parameters if full else self.adapter(rank)
        layer = LAYER_BYTES / 2 * size * tokens * self.width
        kept = size * tokens * self.width * self.layers + layer
        if not checkpointing:
            kept = layer * self.layers + 8 * tokens * self.vocabulary
        # all weights are trained in 32 bits, and computed with in a copy of 16
        copies = 0.0 if full and size == 4 else weights
        return copies + ADAM_BYTES * trained + kept

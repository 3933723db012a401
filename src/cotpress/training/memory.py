"""How many tokens a training step holds at once on a GPU, from the memory that is free.

The same rule as `cost.shape`: with gradient checkpointing one hidden state a layer and token, plus
one layer in full (Korthikanti et al., arXiv 2205.05198, section 4); without, all layers in full.
"""

from typing import Any

LAYER_NUMBERS = 17
"""Numbers that a layer keeps per token and unit of width."""

SHARE = 0.7
"""Of the free memory: the rest is for the head's blocks of logits, buffers and fragments."""

MOMENT_BYTES = 12
"""Of a weight that is trained in float32: its gradient and Adam's two moments."""


def tokens_that_fit(config: Any, free: int, *, size: int, trained: int, checkpointing: bool) -> int:
    """Tokens, padding included, that fit into `free` bytes beside the state of `trained` weights;
    `size` bytes a number. At least 1: a step that does not fit says so itself.
    """
    text = config.get_text_config()
    layers = text.num_hidden_layers
    full = layers * LAYER_NUMBERS
    numbers = (layers + LAYER_NUMBERS if checkpointing else full) * text.hidden_size
    left = SHARE * free - MOMENT_BYTES * trained
    return max(1, int(left / (size * numbers)))

"""Short rows of a micro-batch stand behind one another in one row, where the model keeps them
apart: the same loss and gradient with less padding.

Position ids begin anew with each row of the data. transformers makes a block-diagonal mask of them
for SDPA and eager attention, and FlashAttention takes their boundaries; other attentions ignore
them, and so does a recurrent state. So a model is asked before it is trained (`keeps_apart`). A
packed row is never longer than the longest row of its micro-batch: attention costs no more than
with padding, and a micro-batch in which no two rows fit together is padded as ever. Only for
FlashAttention a micro-batch becomes one row.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from transformers.utils import is_flash_attn_2_available, is_flash_attn_3_available

from cotpress.pipeline.build import IGNORED

PROBE = 8
"""Tokens of a row that a model is asked with."""

CLOSE = {torch.float32: 1e-4}
"""How far hidden states may be apart, as a share of the largest, in this precision."""

ROUGHLY = 0.05
"""The same in half precision, where sums in another order differ in the third digit."""


FLASH = {
    "flash_attention_3": is_flash_attn_3_available,
    "flash_attention_2": is_flash_attn_2_available,
}
"""What transformers calls the kernels that read rows of any length as one, the better first, and
whether they are installed.
"""


@dataclass(frozen=True)
class Packing:
    """Makes a micro-batch of rows (`input_ids`, `labels`), those that fit together packed."""

    padded: Callable[[list[dict[str, Any]]], dict[str, Any]]
    """Makes the micro-batch where none do."""
    pad: int
    """The id of the padding token."""

    def __call__(self, rows: list[dict[str, Any]]) -> dict[str, Any]:
        """`input_ids`, `labels` and `position_ids`, (B, T) each, or what `padded` makes."""
        packed = together([len(row["input_ids"]) for row in rows])
        if len(packed) == len(rows):
            return self.padded(rows)
        width = max(len(row["input_ids"]) for row in rows)
        ids = torch.full((len(packed), width), self.pad)
        labels = torch.full((len(packed), width), IGNORED)
        # each token of padding is a row of its own
        positions = torch.zeros(len(packed), width, dtype=torch.long)
        for line, places in enumerate(packed):
            start = 0
            for i in places:
                end = start + len(rows[i]["input_ids"])
                ids[line, start:end] = torch.tensor(rows[i]["input_ids"])
                labels[line, start + 1 : end] = torch.tensor(rows[i]["labels"][1:])
                positions[line, start:end] = torch.arange(end - start)
                start = end
        return {"input_ids": ids, "labels": labels, "position_ids": positions}


def together(lengths: Sequence[int]) -> list[list[int]]:
    """The rows of these lengths in as few groups as first-fit decreasing finds, none longer in sum
    than the longest row.
    """
    most = max(lengths, default=0)
    groups: list[list[int]] = []
    left: list[int] = []
    for i in sorted(range(len(lengths)), key=lambda i: -lengths[i]):
        at = next((g for g, room in enumerate(left) if room >= lengths[i]), None)
        if at is None:
            groups.append([i])
            left.append(most - lengths[i])
        else:
            groups[at].append(i)
            left[at] -= lengths[i]
    return groups


@torch.no_grad()
def keeps_apart(net: Any) -> bool:
    """Whether a transformers model reads a row behind another one as it reads it alone, when
    position ids begin anew.

    What stands before must change nothing, and the states must be those of the row alone but for
    rounding. A model that takes no position ids does not keep rows apart; nor does a mixture of
    experts whose loss counts the experts of every token, padding behind packed rows included.
    """
    if getattr(net.config, "output_router_logits", False):
        return False
    device, decoder = net.device, net.get_decoder()
    some = torch.arange(3 * PROBE, device=device) % net.get_input_embeddings().weight.shape[0]
    before, other, row = some.split(PROBE)
    once = torch.arange(PROBE, device=device)

    def states(*rows: Tensor) -> Tensor:
        """(P, H) of the last of the rows."""
        made: Tensor = decoder(
            input_ids=torch.cat(rows)[None],
            position_ids=torch.cat([once] * len(rows))[None],
            use_cache=False,
        ).last_hidden_state[0, -PROBE:]
        return made.float()

    was_training = net.training
    net.eval()
    try:
        behind, behind_other, alone = states(before, row), states(other, row), states(row)
    except TypeError:  # an argument that its forward does not know
        return False
    finally:
        net.train(was_training)
    close = CLOSE.get(net.dtype, ROUGHLY) * alone.abs().max()
    return torch.equal(behind, behind_other) and bool((behind - alone).abs().max() <= close)


def take_flash(net: Any) -> bool:
    """Let a model in half precision on CUDA attend by FlashAttention, where that is installed and
    keeps rows apart; whether it does now.
    """
    before = net.config._attn_implementation
    if net.device.type != "cuda" or net.dtype not in (torch.bfloat16, torch.float16):
        return False
    for name in (name for name, installed in FLASH.items() if installed()):
        try:
            net.set_attn_implementation(name)
            if net.config._attn_implementation == name and keeps_apart(net):
                return True
        except (ImportError, RuntimeError, ValueError):  # not for this model, or not on this card
            pass
        net.set_attn_implementation(before)
    return False

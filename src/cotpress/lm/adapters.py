"""LoRA adapters that vLLM puts on their base while it answers, in place of merged weights: what one
must be for that.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from cotpress.errors import CotpressError

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
"""What PEFT calls the two files of an adapter."""

RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)
"""The values that vLLM's `max_lora_rank` may have."""

USUAL_RANK = 16
"""Its value by default."""


class Lora(NamedTuple):
    """An adapter and the model it goes on."""

    folder: str
    base: str
    """Folder or hub id of the weights."""
    rank: int
    """The least `max_lora_rank` that admits it."""


NOT_SERVED: dict[str, Callable[[dict[str, Any]], Any]] = {
    "is not a LoRA": lambda config: config.get("peft_type") != "LORA",
    "trains single tokens": lambda config: config.get("trainable_token_indices"),
    "holds whole layers (modules_to_save)": lambda config: config.get("modules_to_save"),
    "is a DoRA": lambda config: config.get("use_dora"),
    "trains biases": lambda config: config.get("bias", "none") != "none",
}
"""What vLLM refuses (its `PEFTHelper`, and `LoRAConfig.max_lora_rank`), by its name."""


def lora(config: Path, base: str, who: str) -> Lora:
    """The adapter whose `adapter_config.json` this is; `CotpressError` where vLLM would refuse it,
    or where `base`, the folder of its base, is an adapter itself.
    """
    try:
        found = json.loads(config.read_bytes())
        reasons = [why for why, applies in NOT_SERVED.items() if applies(found)]
        most = 0 if reasons else max(found["r"], *(found.get("rank_pattern") or {}).values(), 0)
    except (OSError, ValueError, RecursionError, AttributeError, LookupError, TypeError) as error:
        raise CotpressError(f"{config} does not describe an adapter: train it again.") from error
    if most > RANKS[-1]:
        reasons.append(f"has a rank above {RANKS[-1]}")
    if (Path(base) / CONFIG).is_file():
        reasons.append(f"stands on {base}, an adapter itself")
    if reasons:
        raise CotpressError(
            f"vLLM cannot put the adapter {who} on its base, because it {reasons[0]}: merge it "
            f"with `cotpress export {who} --out DIR`."
        )
    return Lora(str(config.parent), base, next(rank for rank in RANKS if rank >= most))

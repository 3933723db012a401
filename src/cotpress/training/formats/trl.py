"""TRL's conversational rows of prompt and completion: its trainer applies the model's own
template.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from cotpress import models
from cotpress.lm.capabilities import Chatting, able, gives
from cotpress.pipeline.build import TrlRow, trl_rows
from cotpress.records import CompressedTrace
from cotpress.training.formats import Drawing, Format, examples
from cotpress.training.formats._settings import (
    OPTIONS,
    as_yaml,
    shared,
    stem,
    transformers_steps,
    weights_of,
)


class Trl(Format):
    """Messages; with a target, such as its template renders into the tokens of training."""

    record = TrlRow

    def __init__(self, target: str) -> None:
        self.model = models.load(target) if target else None
        self.chatting = (
            able(self.model, Chatting, "--format trl")
            if self.model and gives(self.model, Chatting)
            else None
        )

    def rows(
        self,
        cuts: Iterable[CompressedTrace],
        how: Drawing,
        dropped: Counter[str],
        noted: Counter[str],
    ) -> Iterator[TrlRow]:
        """One row per example that spells out no control token."""
        return trl_rows(examples(cuts, how, dropped, noted), self.chatting, noted, dropped)

    def settings(self, data: Path, n_rows: int, longest: int) -> dict[str, bytes]:
        """`NAME.trl.yaml`."""
        text = settings(weights_of(self.model), data.name, str(data.parent))
        return {f"{stem(data.name)}.trl.yaml": text.encode()}


def load(target: str = "") -> Format:
    """Rows for any model, in the marks of the traces; `target` is the model to be taught."""
    return Trl(target)


def settings(model: str, data: str, folder: str) -> str:
    """YAML with which `trl sft` trains `model` on the rows of
    `folder/data` as `cotpress train` would.
    """
    own: dict[str, Any] = {
        "model_name_or_path": model,
        "datasets": [{"path": "json", "data_files": f"{folder}/{data}", "split": "train"}],
        "completion_only_loss": True,
        "max_length": None,
        "packing": False,
        "gradient_checkpointing": True,
        "warmup_steps": OPTIONS.warmup,
        "use_peft": True,
        "lora_r": OPTIONS.lora_rank,
        "lora_alpha": OPTIONS.lora_alpha,
        "lora_dropout": OPTIONS.lora_dropout,
        "lora_target_modules": "all-linear",
    }
    return as_yaml(
        f"trl sft --config {stem(data)}.trl.yaml", own | transformers_steps() | shared(data)
    )

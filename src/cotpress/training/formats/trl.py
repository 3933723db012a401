"""TRL's conversational rows of prompt and completion: its trainer applies the model's own
template.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from cotpress import models
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
    """Messages; a target only names the model in the settings."""

    record = TrlRow

    def __init__(self, model: models.Model | None) -> None:
        self.model = model

    def rows(
        self,
        cuts: Iterable[CompressedTrace],
        how: Drawing,
        dropped: Counter[str],
        noted: Counter[str],
    ) -> Iterator[TrlRow]:
        """One row per example."""
        return trl_rows(examples(cuts, how, dropped, noted))

    def settings(self, data: Path, n_rows: int, longest: int) -> dict[str, bytes]:
        """`NAME.trl.yaml`."""
        text = settings(weights_of(self.model), data.name, str(data.parent))
        return {f"{data.stem}.trl.yaml": text.encode()}


def load(target: str = "") -> Format:
    """Rows for any model; `target` names it in the settings."""
    return Trl(models.load(target) if target else None)


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
        "warmup_steps": OPTIONS.warmup,
        "use_peft": True,
        "lora_r": OPTIONS.lora_rank,
        "lora_alpha": OPTIONS.lora_alpha,
        "lora_dropout": 0.0,
        "lora_target_modules": "all-linear",
    }
    return as_yaml(
        f"trl sft --config {stem(data)}.trl.yaml", own | transformers_steps() | shared(data)
    )

"""Settings of other trainers as `cotpress train` has them: TokenSkip's."""

from pathlib import Path
from typing import Any

import yaml

from cotpress import models
from cotpress.shown import shown
from cotpress.training.options import MICRO_TOKENS, TrainOptions

UNNAMED = "CHANGE-ME"
"""In the settings where no model was named."""

OPTIONS = TrainOptions()


def weights_of(model: models.Model | None) -> str:
    """What a trainer calls the model to be taught."""
    return getattr(model, "path", "") or UNNAMED


def shared(data: str) -> dict[str, Any]:
    """What all of them call alike; `data` is the name of the file of rows."""
    return {
        "learning_rate": OPTIONS.lr,
        "weight_decay": OPTIONS.weight_decay,
        "max_grad_norm": OPTIONS.max_grad_norm,
        "output_dir": f"runs/{stem(data)}",
        "seed": OPTIONS.seed,
    }


def held_at_once(longest: int) -> tuple[int, int]:
    """(micro-batch, accumulation) for rows of `longest` tokens; one row at once where nothing
    counted them.
    """
    return OPTIONS.per_process(1, longest or MICRO_TOKENS)


def transformers_steps(longest: int = 0) -> dict[str, Any]:
    """What those call alike that hand their settings to transformers; `longest`: tokens of the
    longest row, 0 where it was not counted.
    """
    micro, accumulation = held_at_once(longest)
    return {
        "per_device_train_batch_size": micro,
        "gradient_accumulation_steps": accumulation,
        "bf16": True,
        "num_train_epochs": OPTIONS.epochs,
        "lr_scheduler_type": OPTIONS.scheduler,
    }


def stem(data: str) -> str:
    """The name of a file of rows without its ending: two versions of a file have two names."""
    return Path(data).name.removesuffix(".jsonl")


def as_yaml(command: str, values: dict[str, Any]) -> str:
    """The settings, behind the command that starts the trainer with them."""
    text: str = yaml.safe_dump(values, sort_keys=False, allow_unicode=True, width=10_000)
    return f"# {' '.join(shown(command).split())}\n{text}"

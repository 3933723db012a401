"""Axolotl's rows of segments (type `input_output`): finished
text, each piece with whether the loss counts it.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from cotpress.lm.capabilities import Rendering
from cotpress.records import CompressedTrace, Record, TrainingExample
from cotpress.training.formats import Drawing, Format, examples
from cotpress.training.formats._settings import (
    OPTIONS,
    as_yaml,
    held_at_once,
    shared,
    stem,
    weights_of,
)
from cotpress.training.formats._text import Finished, alike, texts


class Segment(Record, frozen=True, kw_only=True):
    """A piece of an Axolotl row; the loss counts it or not."""

    label: bool
    text: str


class AxolotlRow(Record, frozen=True, kw_only=True, omit_defaults=True):
    """A row of Axolotl's type `input_output`."""

    segments: list[Segment]
    id: str
    ratio: float | None
    budget: int | None = None


class Axolotl(Finished):
    """Rows and settings."""

    record = AxolotlRow

    def rows(
        self,
        cuts: Iterable[CompressedTrace],
        how: Drawing,
        dropped: Counter[str],
        noted: Counter[str],
    ) -> Iterator[AxolotlRow]:
        """One row per example that it would read as training does."""
        return axolotl_rows(
            self.measured(examples(cuts, how, dropped, noted)), self.rendering, dropped
        )

    def settings(self, data: Path, n_rows: int, longest: int) -> dict[str, bytes]:
        """`NAME.axolotl.yaml`."""
        text = settings(weights_of(self.model), data.name, str(data.parent), longest=longest)
        return {f"{stem(data.name)}.axolotl.yaml": text.encode()}


def load(target: str = "") -> Format:
    """Rows for the model to be taught."""
    return Axolotl("axolotl", target)


def axolotl_rows(
    examples: Iterable[TrainingExample], model: Rendering, dropped: Counter[str] | None = None
) -> Iterator[AxolotlRow]:
    """Rows for Axolotl.

    Args:
        examples: What `build` gives.
        model: The model to be taught; its chat template and tokenizer are used.
        dropped: Gets the number of examples left out because Axolotl would not read their text as
            the tokens of training.

    Yields:
        Rows of its `input_output` format: `segments`, the prompt without and the completion with
        label, the problem's `id`, and the `ratio` or `budget` that is asked for.

    Raises:
        CotpressError: As in `tokenize_example`.
    """
    for one in examples:
        prompt, completion = texts(one, model)
        if alike(one, model, [prompt, completion], dropped):
            segments = [Segment(label=False, text=prompt), Segment(label=True, text=completion)]
            yield AxolotlRow(
                segments=segments,
                id=one.problem.id,
                ratio=one.ratio,
                budget=one.asked.budget,
            )


def settings(model: str, data: str, folder: str, *, longest: int = 0) -> str:
    """YAML that trains `model` on the rows of `folder/data` as `cotpress
    train` would; `longest`: tokens of the longest.
    """
    micro, accumulation = held_at_once(longest)
    own: dict[str, Any] = {
        "base_model": model,
        "datasets": [{"path": f"{folder}/{data}", "ds_type": "json", "type": "input_output"}],
        "train_on_inputs": False,
        "sequence_len": longest,
        "sample_packing": False,
        "adapter": "lora",
        "lora_r": OPTIONS.lora_rank,
        "lora_alpha": OPTIONS.lora_alpha,
        "lora_dropout": OPTIONS.lora_dropout,
        "lora_target_linear": True,
        "micro_batch_size": micro,
        "gradient_accumulation_steps": accumulation,
        "gradient_checkpointing": True,
        "bf16": "auto",
        "num_epochs": OPTIONS.epochs,
        "lr_scheduler": OPTIONS.scheduler,
        "optimizer": "adamw_torch_fused",
        "warmup_ratio": OPTIONS.warmup,
    }
    return as_yaml(f"axolotl train {stem(data)}.axolotl.yaml", own | shared(data))

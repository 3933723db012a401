"""LLaMA-Factory's rows of finished text, for its template `empty`,
which adds nothing but the beginning of the text.
"""

import math
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from cotpress.errors import CotpressError
from cotpress.lm.capabilities import Rendering
from cotpress.records import CompressedTrace, Record, TrainingExample
from cotpress.training.formats import Drawing, Format, examples
from cotpress.training.formats._settings import (
    OPTIONS,
    as_yaml,
    shared,
    stem,
    transformers_steps,
    weights_of,
)
from cotpress.training.formats._text import Finished, alike, texts


class LlamaFactoryRow(Record, frozen=True, kw_only=True, omit_defaults=True):
    """A row for its template `empty`, which adds nothing but the beginning of the text."""

    prompt: str
    completion: str
    id: str
    ratio: float | None
    budget: int | None = None


class LlamaFactory(Finished):
    """Rows, settings, and the description of the rows that LLaMA-Factory asks for."""

    record = LlamaFactoryRow

    def rows(
        self,
        cuts: Iterable[CompressedTrace],
        how: Drawing,
        dropped: Counter[str],
        noted: Counter[str],
    ) -> Iterator[LlamaFactoryRow]:
        """One row per example that it would read as training does."""
        return llamafactory_rows(
            self.measured(examples(cuts, how, dropped, noted)), self.rendering, dropped
        )

    def settings(self, data: Path, n_rows: int, longest: int) -> dict[str, bytes]:
        """`NAME.llamafactory.yaml`, and `dataset_info.json` with what it held before."""
        info = data.with_name("dataset_info.json")
        known = (
            msgspec.json.decode(info.read_bytes(), type=dict[str, Any]) if info.is_file() else {}
        )
        known |= {stem(data.name): dataset_info(data.name)}
        text = settings(
            weights_of(self.model), data.name, str(data.parent), n_rows=n_rows, longest=longest
        )
        return {
            f"{stem(data.name)}.llamafactory.yaml": text.encode(),
            info.name: msgspec.json.format(msgspec.json.encode(known), indent=2) + b"\n",
        }


def load(target: str = "") -> Format:
    """Rows for the model to be taught."""
    return LlamaFactory("llamafactory", target)


def llamafactory_rows(
    examples: Iterable[TrainingExample], model: Rendering, dropped: Counter[str] | None = None
) -> Iterator[LlamaFactoryRow]:
    """Rows for LLaMA-Factory; `CotpressError` if it would
    begin prompts as the model's template does not.

    Args:
        examples: What `build` gives.
        model: The model to be taught; its chat template and tokenizer are used.
        dropped: Gets the number of examples left out because LLaMA-Factory would not read their
            text as the tokens of training.

    Yields:
        Rows for its template `empty`: `prompt` and `completion` as finished text, the problem's
        `id`, and the `ratio` or `budget` that is asked for.

    Raises:
        CotpressError: The template begins a prompt without the token that LLaMA-Factory puts
            there, or as in `tokenize_example`.
    """
    bos = model.bos_text
    for one in examples:
        prompt, completion = texts(one, model)
        if not prompt.startswith(bos):
            raise CotpressError(
                f"LLaMA-Factory begins every prompt with {bos}, and the chat "
                "template of this model does not: "
                "write build --format pretokenized, and give it to LLaMA-Factory as tokenized_path."
            )
        if alike(one, model, [prompt, completion], dropped):
            yield LlamaFactoryRow(
                prompt=prompt.removeprefix(bos),
                completion=completion,
                id=one.problem.id,
                ratio=one.ratio,
                budget=one.asked.budget,
            )


def settings(model: str, data: str, folder: str, *, n_rows: int, longest: int = 0) -> str:
    """YAML that trains `model` on the rows of `folder/data` as `cotpress
    train` would; `longest`: tokens of the longest.
    """
    # warmup_ratio is gone in later versions of transformers
    n_steps = math.ceil(n_rows / OPTIONS.batch) * OPTIONS.epochs
    own: dict[str, Any] = {
        "model_name_or_path": model,
        "stage": "sft",
        "do_train": True,
        "dataset_dir": folder,
        "dataset": stem(data),
        "template": "empty",
        "cutoff_len": longest + 1,
        "finetuning_type": "lora",
        "lora_rank": OPTIONS.lora_rank,
        "lora_alpha": OPTIONS.lora_alpha,
        "lora_dropout": OPTIONS.lora_dropout,
        "lora_target": "all",
        "warmup_steps": math.ceil(OPTIONS.warmup * n_steps),
    }
    return as_yaml(
        f"llamafactory-cli train {stem(data)}.llamafactory.yaml",
        own | transformers_steps(longest) | shared(data),
    )


def dataset_info(data: str) -> dict[str, Any]:
    """The entry of LLaMA-Factory's `dataset_info.json` for a file of our rows."""
    return {
        "file_name": data,
        "formatting": "alpaca",
        "columns": {"prompt": "prompt", "response": "completion"},
    }

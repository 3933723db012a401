"""`TrainingExample -> rows and settings of other trainers`: TRL, LLaMA-Factory and Axolotl train on what `cotpress train` does.

LLaMA-Factory renders chats with templates of its own and Axolotl with options of its own, and either may add a system turn,
trim, or rewrite `<think>`. So both get finished text: the prompt as the model's chat template writes it, and the assistant's
turn with its end. A row whose text would not become the ids of training in that trainer is left out and counted. TRL applies
the model's own template and gets messages. The settings are `cotpress train`'s: TokenSkip's.
"""

import json
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal, Protocol, runtime_checkable

from cotpress.errors import CotpressError
from cotpress.pipeline.build import Tokenizing, tokenize_example, unopened
from cotpress.records import Message, Record, TrainingExample
from cotpress.training.options import TrainOptions

Trainer = Literal["trl", "llamafactory", "axolotl"]

UNLIKE = "text that the trainer would not read as the tokens of training"

UNNAMED = "CHANGE-ME"
"""In the settings where no model was named."""


@runtime_checkable
class Rendering(Tokenizing, Protocol):
    """A model whose chats can be had as text; `cotpress.models.hf.HFModel` is one."""

    @property
    def end_text(self) -> str:
        """The token that ends the assistant's turn, as text."""
        ...

    @property
    def bos_text(self) -> str:
        """The token that the tokenizer calls the beginning of a text; empty if there is none."""
        ...

    def prompt_text(self, messages: Sequence[Message]) -> str:
        """The chat up to where the assistant goes on."""
        ...


class LlamaFactoryRow(Record, frozen=True, kw_only=True):
    """A row for its template `empty`, which adds nothing but the beginning of the text."""

    prompt: str
    completion: str
    id: str
    ratio: float | None


class Segment(Record, frozen=True, kw_only=True):
    """A piece of an Axolotl row; the loss counts it or not."""

    label: bool
    text: str


class AxolotlRow(Record, frozen=True, kw_only=True):
    """A row of Axolotl's type `input_output`."""

    segments: list[Segment]
    id: str
    ratio: float | None


def llamafactory_rows(
    examples: Iterable[TrainingExample], model: Rendering, dropped: Counter[str] | None = None
) -> Iterator[LlamaFactoryRow]:
    """Rows for LLaMA-Factory; `CotpressError` if it would begin prompts as the model's template does not."""
    bos = model.bos_text
    for one in examples:
        prompt, completion = _texts(one, model)
        if not prompt.startswith(bos):
            raise CotpressError(
                f"LLaMA-Factory begins every prompt with {bos}, and the chat template of this model does not: "
                "write build --format pretokenized, and give it to LLaMA-Factory as tokenized_path."
            )
        if _alike(one, model, [prompt, completion], dropped):
            yield LlamaFactoryRow(prompt=prompt.removeprefix(bos), completion=completion, id=one.problem.id, ratio=one.ratio)


def axolotl_rows(
    examples: Iterable[TrainingExample], model: Rendering, dropped: Counter[str] | None = None
) -> Iterator[AxolotlRow]:
    """Rows for Axolotl."""
    for one in examples:
        prompt, completion = _texts(one, model)
        if _alike(one, model, [prompt, completion], dropped):
            segments = [Segment(label=False, text=prompt), Segment(label=True, text=completion)]
            yield AxolotlRow(segments=segments, id=one.problem.id, ratio=one.ratio)


def settings(trainer: Trainer, model: str, data: str, folder: str, *, n_rows: int, longest: int = 0) -> str:
    """YAML that trains `model` on the rows of `folder/data` as `cotpress train` would; `longest`: tokens of the longest."""
    o = TrainOptions()
    shared: dict[str, Any] = {"learning_rate": o.lr, "output_dir": f"runs/{data.partition('.')[0]}", "seed": o.seed}
    steps = {"per_device_train_batch_size": o.batch, "num_train_epochs": o.epochs, "lr_scheduler_type": "cosine"}
    if trainer == "trl":
        rows = [{"path": "json", "data_files": f"{folder}/{data}", "split": "train"}]
        lora = {"use_peft": True, "lora_r": o.lora_rank, "lora_alpha": o.lora_alpha, "lora_dropout": 0.0}
        own: dict[str, Any] = {"model_name_or_path": model, "datasets": rows, "completion_only_loss": True}
        own |= {"max_length": None, "packing": False, "warmup_steps": o.warmup, **lora, "lora_target_modules": "all-linear"}
        return f"# trl sft --config {data.partition('.')[0]}.trl.yaml\n" + as_yaml(own | steps | shared)
    if trainer == "llamafactory":
        own = {"model_name_or_path": model, "stage": "sft", "do_train": True, "dataset_dir": folder}
        own |= {"dataset": data.partition(".")[0], "template": "empty", "cutoff_len": longest + 1}
        own |= {"finetuning_type": "lora", "lora_rank": o.lora_rank, "lora_alpha": o.lora_alpha, "lora_dropout": 0.0}
        n_steps = math.ceil(n_rows / o.batch) * o.epochs  # warmup_ratio is gone in later versions of transformers
        own |= {"lora_target": "all", "warmup_steps": math.ceil(o.warmup * n_steps)}
        return f"# llamafactory-cli train {data.partition('.')[0]}.llamafactory.yaml\n" + as_yaml(own | steps | shared)
    rows = [{"path": f"{folder}/{data}", "ds_type": "json", "type": "input_output"}]
    own = {"base_model": model, "datasets": rows, "train_on_inputs": False, "sequence_len": longest, "sample_packing": False}
    own |= {
        "adapter": "lora",
        "lora_r": o.lora_rank,
        "lora_alpha": o.lora_alpha,
        "lora_dropout": 0.0,
        "lora_target_linear": True,
    }
    own |= {"micro_batch_size": o.batch, "gradient_accumulation_steps": 1, "num_epochs": o.epochs, "lr_scheduler": "cosine"}
    own |= {"optimizer": "adamw_torch", "warmup_ratio": o.warmup}
    return f"# axolotl train {data.partition('.')[0]}.axolotl.yaml\n" + as_yaml(own | shared)


def dataset_info(data: str) -> dict[str, Any]:
    """The entry of LLaMA-Factory's `dataset_info.json` for a file of our rows."""
    return {"file_name": data, "formatting": "alpaca", "columns": {"prompt": "prompt", "response": "completion"}}


def as_yaml(values: Mapping[str, Any]) -> str:
    """One level of settings, and lists of such; every scalar as JSON, which YAML reads, but for its floats."""
    return "".join(f"{name}:{_scalar(value)}\n" for name, value in values.items())


def _scalar(value: Any) -> str:
    """What stands after the colon."""
    if isinstance(value, list):
        return "".join(
            f"\n  {'-' if first else ' '} {name}:{_scalar(inner)}"
            for one in value
            for first, (name, inner) in ((place == 0, pair) for place, pair in enumerate(one.items()))
        )
    if isinstance(value, float):
        return f" {value:.1e}" if value and abs(value) < 1e-3 else f" {value}"  # PyYAML takes 5e-05 for text
    return f" {json.dumps(value, ensure_ascii=False)}"


def _texts(one: TrainingExample, model: Rendering) -> tuple[str, str]:
    """Prompt and assistant's turn with its end."""
    said = unopened(model.prompt_ids(one.prompt), one.completion, model)
    return model.prompt_text(one.prompt), said + model.end_text


def _alike(one: TrainingExample, model: Rendering, texts: Sequence[str], dropped: Counter[str] | None) -> bool:
    """Whether the texts, tokenised one by one, are the ids of training, with one end of turn; counts those that are not."""
    tokens = tokenize_example(one, model)
    alike = [i for text in texts for i in model.text_ids(text)] == tokens.ids and model.end_id not in tokens.labels[:-1]
    if not alike and dropped is not None:
        dropped[UNLIKE] += 1
    return alike

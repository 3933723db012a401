"""Serving without merging: an adapter's folder with the tokenizer and the wrapped chat template,
for a vLLM that holds the base once and any number of adapters beside it.
"""

import json
import shlex
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from cotpress import storage
from cotpress.errors import CotpressError
from cotpress.lm.adapters import CONFIG, USUAL_RANK, WEIGHTS, Lora
from cotpress.shown import shown

if TYPE_CHECKING:
    from cotpress.models.hf import HFModel

GENERATION = "generation_config.json"


def of(model: "HFModel") -> Lora:
    """The adapter of a model; `CotpressError` where it has none that vLLM puts on its base."""
    from transformers.utils import cached_file

    from cotpress.models.hf import servable

    if model.latent_ids:
        raise CotpressError(
            f"model {model.name} knows latent tokens, and vLLM takes no adapter with rows of its "
            "own: leave out --adapter."
        )
    there = None
    if model.weights != model.path:
        there = cached_file(model.path, CONFIG, _raise_exceptions_for_missing_entries=False)
    if there is None:
        raise CotpressError(
            f"model {model.name} is not an adapter: leave out --adapter, or train one with "
            "--method lora."
        )
    return servable(model.path, model.weights, model)


def save(model: "HFModel", found: Lora, folder: Path) -> None:
    """The adapter's two files, and a generation config that ends an answer with the turn."""
    from transformers.utils import cached_file

    for name in (CONFIG, WEIGHTS):
        there = cached_file(model.path, name)
        assert there is not None  # cached_file raises where there is none
        shutil.copyfile(there, folder / name)
    config = model.generation_config
    config = config | {"eos_token_id": model.ends(config.get("eos_token_id"))}
    storage.write_atomic(folder / GENERATION, json.dumps(config, indent=2).encode() + b"\n")


def command(found: Lora, name: str, folder: str, base: str = "") -> str:
    """The shell command that serves `folder` under `name`, on `base` (that of the adapter).

    The base's own chat template knows no ratio, and its generation config may not know the end of
    the turn: both are given.
    """
    words = ["vllm", "serve", base or found.base, "--enable-lora"]
    words += ["--lora-modules", f"{name}={folder}"]
    words += ["--chat-template", f"{folder}/chat_template.jinja", "--generation-config", folder]
    words += ["--max-lora-rank", str(found.rank)] if found.rank > USUAL_RANK else []
    return shlex.join(shown(word) for word in words)

"""A transformers causal language model: hub id or local folder, full model or LoRA adapter, or what
`cotpress train` wrote.

The tokenizer is loaded at once, the weights only when they are needed: `score` counts a target
model's tokens without them. Prompts are the chat template's text, tokenised once; everything of the
assistant's turn (a prefill, a training completion) is tokenised on its own by `text_ids` and
appended, so that training and generation see the same ids.
"""

import json
import sys
from pathlib import Path
from typing import Literal

import torch
from transformers import (
    MODEL_FOR_CAUSAL_LM_MAPPING,
    AutoModelForCausalLM,
    PreTrainedModel,
)
from transformers.utils import cached_file, logging

from cotpress import models, plugins
from cotpress.errors import CotpressError
from cotpress.lm import devices
from cotpress.lm.checkpoint import FINISHED
from cotpress.models._hf_files import OFFLINE as OFFLINE
from cotpress.models._hf_files import cannot_reach as cannot_reach
from cotpress.models._hf_files import first_line, read_config
from cotpress.models._hf_files import load_tokenizer as load_tokenizer
from cotpress.models._hf_files import revision_of as revision_of
from cotpress.models._hf_files import tokenizer_hash as tokenizer_hash
from cotpress.models._hf_files import weights_hash as weights_hash
from cotpress.models._hf_model import HFModel as HFModel
from cotpress.models._lora import servable as servable
from cotpress.models._template import NO_ARGUMENTS, template_of, told
from cotpress.plugins import Arguments

Dtype = Literal["auto", "float32", "tf32", "bfloat16", "float16"]
"""tf32: weights in float32, products in TensorFloat-32; auto: bfloat16 on CUDA, else float32."""

if not sys.stderr.isatty():
    logging.disable_progress_bar()  # hundreds of half lines in a log


def load(
    target: str,
    *,
    adapter: str = "",
    dtype: Dtype = "auto",
    device: str = "",
    batch_tokens: int = 0,
    template: Arguments = NO_ARGUMENTS,
) -> HFModel:
    """The model at `target`, a hub id or folder; `adapter` is a PEFT adapter to merge into it.

    `device=auto` spreads a model that is larger than one card over all of them. `batch_tokens` is
    how many tokens (prompts and answers) one batch may hold; 0: as many as fit.
    `template` are arguments of its chat template, as `template.enable_thinking=false`; they belong
    to its name.
    """
    if not target:
        raise CotpressError(
            "model hf needs a hub id or a folder: hf:Qwen/Qwen2.5-0.5B-Instruct, say."
        )
    name = (f"hf:{target},adapter={adapter}" if adapter else f"hf:{target}") + told(template)
    folder = Path(target)
    if adapter or (folder / "adapter_config.json").is_file():
        _refuse_circle(folder)
        base = f"hf:{target}" if adapter else base_of(folder)
        usual = {"device": device} if device else {}
        usual |= {"dtype": dtype} if dtype != "auto" else {}
        return _adapted(name, adapter or target, base, usual, batch_tokens, template)
    config = read_config(target)
    if type(config) not in MODEL_FOR_CAUSAL_LM_MAPPING:
        raise CotpressError(
            f"model {target} is not a causal language model but a "
            f"{config.model_type}: choose one that writes."
        )
    spread = device == "auto"
    where = devices.checked(device, f"model {target}") if device and not spread else devices.usual()
    on_cuda = where.startswith("cuda")
    if dtype == "tf32" and not on_cuda:
        raise CotpressError(f"model {target}: dtype=tf32 is for CUDA GPUs: leave it out here.")
    precision = ("bfloat16" if on_cuda else "float32") if dtype == "auto" else dtype
    kind = "float32" if precision == "tf32" else precision

    def make() -> PreTrainedModel:
        try:
            model = AutoModelForCausalLM.from_pretrained(
                target,
                dtype=getattr(torch, kind),
                trust_remote_code=False,
                use_safetensors=True,
                **({"device_map": "auto"} if spread else {}),
            )
        except OSError as error:
            raise CotpressError(
                f"cannot load the weights of {target}: {first_line(error)}"
            ) from error
        if precision == "tf32":
            devices.in_tf32(model.get_decoder())
        return model if spread else devices.placed(model, where, f"model {target}")

    return HFModel(
        name,
        target,
        load_tokenizer(target),
        make,
        revision=revision_of(target, config),
        batch_tokens=batch_tokens,
        template=_trained_with(folder) | template,
        precision=precision,
    )


def _trained_with(folder: Path) -> Arguments:
    """The arguments of the chat template that a folder of `cotpress train` was trained with: they
    stand in the spec of its base.
    """
    try:
        about = json.loads((folder / FINISHED).read_bytes())
        return template_of(plugins.parse_spec(about["base"]))
    except (OSError, ValueError, RecursionError, LookupError, TypeError, CotpressError):
        return {}  # no such folder, or one that says nothing of the kind


def tokenizer_only(target: str, template: Arguments = NO_ARGUMENTS) -> HFModel:
    """The half of a model that needs no weights: its token counts and
    prompts, for an engine that holds the weights itself.
    """

    def no_weights() -> PreTrainedModel:
        raise AssertionError(f"the weights of {target} are elsewhere")

    given = _trained_with(Path(target)) | template
    return HFModel(f"hf:{target}", target, load_tokenizer(target), no_weights, template=given)


def _adapted(
    name: str,
    folder: str,
    base_spec: str,
    usual: dict[str, str],
    batch_tokens: int,
    template: Arguments,
) -> HFModel:
    """The adapter in `folder` (or on the hub), merged into the model that `base_spec` names, under
    the `usual` options where that says nothing else.
    """
    peft = plugins.require("peft", f"the adapter {folder}")
    try:
        base = models.load(base_spec, **usual)
    except CotpressError as error:
        cure = f"put it back, or name the base: hf:BASE,adapter={folder}"
        raise CotpressError(
            f"the base of the adapter {folder} cannot be loaded, {base_spec}: {cure} ({error})"
        ) from error
    if not isinstance(base, HFModel):
        raise CotpressError(
            f"the adapter {folder} cannot be put on {base_spec}, which is not a transformers model."
        )

    def make() -> PreTrainedModel:
        try:
            cached_file(folder, "adapter_model.safetensors")  # without it PEFT would take a pickle
            return peft.PeftModel.from_pretrained(base.torch_model, folder).merge_and_unload()
        except (
            OSError,
            ValueError,
            RuntimeError,
        ) as error:  # torch reports shapes that do not fit as a RuntimeError
            raise CotpressError(
                f"cannot put the adapter {folder} on {base_spec}: {first_line(error)}"
            ) from error

    own = (Path(folder) / "tokenizer_config.json").is_file()
    tokenizer = load_tokenizer(folder) if own else base.tokenizer
    revision = f"{base.revision}+{weights_hash(Path(folder))}"
    return HFModel(
        name,
        folder,
        tokenizer,
        make,
        revision=revision,
        batch_tokens=batch_tokens,
        weights=base.weights,
        template=base.template | template,
        precision=base.precision,
    )


def base_of(folder: Path) -> str:
    """The spec of the model that an adapter was trained on: from `cotpress.json`, else from PEFT's
    own file.

    `CotpressError` where that is not a model which a file may name.
    """
    ours = folder / FINISHED
    about = ours if ours.is_file() else folder / "adapter_config.json"
    try:
        found = json.loads(about.read_bytes())
    except (ValueError, RecursionError) as error:
        raise CotpressError(
            f"{about} is not JSON ({error}): train the adapter again, or copy it again."
        ) from error
    base = (
        found.get("base" if about is ours else "base_model_name_or_path")
        if isinstance(found, dict)
        else None
    )
    if not base or not isinstance(base, str):
        raise CotpressError(
            f"{about} does not name the base model: load the adapter with hf:BASE,adapter={folder}."
        )
    cure = f"name the base yourself, as hf:BASE,adapter={folder} with its folder or hub id as BASE"
    return models.check_recorded(base if about is ours else f"hf:{base}", about, cure)


def _refuse_circle(folder: Path) -> None:
    """`CotpressError` where an adapter is its own base, be it through others."""
    seen: list[Path] = []
    while (folder / "adapter_config.json").is_file():
        if folder.resolve() in seen:
            raise CotpressError(
                f"the adapter {folder} leads back to itself by its base: load "
                f"it with hf:BASE,adapter={folder}."
            )
        seen.append(folder.resolve())
        spec = plugins.parse_spec(base_of(folder))
        folder = Path(spec.target or spec.name)

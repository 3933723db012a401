"""A transformers causal language model: hub id or local folder, full model or LoRA adapter, or what `cotpress train` wrote.

The tokenizer is loaded at once, the weights only when they are needed: `score` counts a target model's tokens without them.
Prompts are the chat template's text, tokenised once; everything of the assistant's turn (a prefill, a training completion)
is tokenised on its own by `text_ids` and appended, so that training and generation see the same ids.
"""

import hashlib
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from itertools import accumulate, islice
from pathlib import Path
from time import perf_counter
from typing import Any, Literal

import torch
from transformers import (
    MODEL_FOR_CAUSAL_LM_MAPPING,
    AutoConfig,
    AutoModelForCausalLM,
    AutoTokenizer,
    PreTrainedModel,
    PreTrainedTokenizerFast,
)
from transformers.utils import cached_file, logging

from cotpress import models, plugins
from cotpress.errors import CotpressError
from cotpress.lm.checkpoint import FINISHED
from cotpress.lm.decoding import decode
from cotpress.lm.latent_grammar import LatentIds, grammar, latent_ids
from cotpress.models import Completion, Request, Sampling
from cotpress.records import Message

Dtype = Literal["auto", "float32", "bfloat16", "float16"]

WINDOW = 4
"""Batches of requests that are sorted by length together: more would save padding, and lose more work to a kill."""

ROWS = 128
"""Rows of a batch at most: the tiny model on a CPU is no faster with more."""

CACHE_BYTES = 2**30
"""What keys and values of a batch may take on a CPU; on a GPU it is half of the free memory."""

if not sys.stderr.isatty():
    logging.disable_progress_bar()  # hundreds of half lines in a log


class HFModel:
    """A causal language model and its tokenizer; `make` loads the weights when they are first asked for."""

    def __init__(
        self,
        name: str,
        path: str,
        tokenizer: PreTrainedTokenizerFast,
        make: Callable[[], PreTrainedModel],
        *,
        revision: str = "",
        batch_tokens: int = 0,
        weights: str = "",
    ) -> None:
        self.name = name
        self.path = path
        self.weights = weights or path
        """Where the full weights are: for an adapter those of its base."""
        self.tokenizer = tokenizer
        self.revision = revision
        """Hub commit, or a hash of the folder's weight files: another one is another model."""
        self._make = make
        self._batch_tokens = batch_tokens

    @cached_property
    def torch_model(self) -> PreTrainedModel:
        """The weights, in evaluation mode."""
        return self._make().eval()

    @property
    def stored_dtype(self) -> torch.dtype | None:
        """The precision that the weights are stored in; None where the folder does not say."""
        return AutoConfig.from_pretrained(self.weights, trust_remote_code=False).dtype if self.weights else None

    def stop_at_end_of_turn(self, net: PreTrainedModel) -> None:
        """Write into the generation config that the chat template's end of a turn ends a completion, for every library."""
        if (config := net.generation_config) is not None:
            stops = config.eos_token_id if isinstance(config.eos_token_id, list) else [config.eos_token_id]
            config.eos_token_id = sorted({self.end_id, *(i for i in stops if i is not None)})

    @property
    def identity(self) -> str:
        """Its name, the revision of its weights, and the hash of its tokenizer."""
        return f"{self.name}@{self.revision}+{self.tokenizer_hash}"

    @cached_property
    def tokenizer_hash(self) -> str:
        """A short hash of the tokenizer and the chat template."""
        return self.tokenizer_hash_with(self.tokenizer.chat_template)

    def tokenizer_hash_with(self, template: str | None) -> str:
        """The hash that this tokenizer would have with another chat template."""
        return tokenizer_hash(self.tokenizer, template)

    @cached_property
    def latent_ids(self) -> LatentIds | None:
        """The latent tokens it was taught; None where it was taught none."""
        return latent_ids(self.tokenizer)

    @cached_property
    def end_id(self) -> int:
        """The token that ends the assistant's turn in the chat template: a training completion must end with it."""
        said = "answer"
        turns: list[Message] = [{"role": "user", "content": "?"}, {"role": "assistant", "content": said}]
        after = self._render(turns, False).rpartition(said)[2]
        ends = [i for i in self.text_ids(after) if i in self.tokenizer.added_tokens_decoder]
        if not ends and self.tokenizer.eos_token_id is None:
            raise CotpressError(f"model {self.name}: neither chat template nor tokenizer names an end token: set eos_token.")
        return int(ends[0] if ends else self.tokenizer.eos_token_id)

    @property
    def end_text(self) -> str:
        """The token that ends the assistant's turn, as text."""
        return str(self.tokenizer.convert_ids_to_tokens(self.end_id))

    @property
    def bos_text(self) -> str:
        """The token that the tokenizer calls the beginning of a text; empty if there is none."""
        return str(self.tokenizer.bos_token or "")

    def prompt_text(self, messages: Sequence[Message]) -> str:
        """The chat up to where the assistant goes on, as the chat template writes it."""
        return self._render(messages, True)

    def prompt_ids(self, messages: Sequence[Message], prefill: str = "") -> list[int]:
        """Token ids of the chat up to where the assistant goes on; `prefill` is the beginning of its turn.

        Special tokens spelled out in a message are text here, not control tokens.
        """
        text = self._render(messages, True)
        encoded = self.tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
        ids: list[int] = encoded["input_ids"]
        special = {i: token.content for i, token in self.tokenizer.added_tokens_decoder.items() if token.special}
        if any(token in message["content"] for message in messages for token in special.values()):
            said = _spans(text, [message["content"].strip() for message in messages])
            ids = []
            for token, (start, end) in zip(encoded["input_ids"], encoded["offset_mapping"], strict=True):
                inside = token in special and any(a <= start and end <= b for a, b in said)
                ids += self._plain_ids(text[start:end]) if inside else [token]
        return ids + (self.text_ids(prefill) if prefill else [])

    def text_ids(self, text: str) -> list[int]:
        """Token ids of a piece of the assistant's turn; markup such as `<think>` becomes its token where there is one."""
        return list(self.tokenizer(text, add_special_tokens=False)["input_ids"])

    def token_ends(self, texts: Sequence[str]) -> list[list[int]]:
        """For each text the end offset of each token, as `text_ids` makes them; tokens of one character share its end."""
        if not texts:
            return []
        offsets = self.tokenizer(list(texts), add_special_tokens=False, return_offsets_mapping=True)["offset_mapping"]
        rising = ([*accumulate((end for _, end in spans), max)] for spans in offsets)
        # some tokenizers have no token for a rare byte and leave it out: the last token then ends before the text does
        return [ends[:-1] + [len(text)] * bool(ends) for ends, text in zip(rising, texts, strict=True)]

    def generate(self, requests: Iterable[Request], sampling: Sampling) -> Iterator[Completion]:
        """One completion per request, in order; batches are made by prompt length inside windows of `WINDOW` batches."""
        requests = iter(requests)
        first = next(requests, None)
        if first is None:
            return
        n_rows = self._n_rows(len(self.prompt_ids(first.messages, first.prefill)), sampling)
        window = [first, *islice(requests, WINDOW * n_rows - 1)]
        while window:
            yield from self._window(window, sampling)
            window = list(islice(requests, WINDOW * n_rows))

    def _window(self, requests: list[Request], sampling: Sampling) -> list[Completion]:
        prompts = [self.prompt_ids(request.messages, request.prefill) for request in requests]
        order = sorted(range(len(prompts)), key=lambda i: -len(prompts[i]))
        done: dict[int, Completion] = {}
        while order:
            batch = order[: self._n_rows(len(prompts[order[0]]), sampling)]
            order = order[len(batch) :]
            began = perf_counter()
            keys = [requests[i].key for i in batch]
            rows, width = len(batch), self.torch_model.get_output_embeddings().weight.shape[0]
            allowed = grammar(self.name, self.latent_ids, sampling, rows, width, self.torch_model.device)
            answers = decode(self.torch_model, [prompts[i] for i in batch], keys, self._stops, sampling, allowed)
            seconds = (perf_counter() - began) / len(batch)
            done |= {i: self._completion(ids, seconds) for i, ids in zip(batch, answers, strict=True)}
        return [done[i] for i in range(len(requests))]

    def _completion(self, ids: list[int], seconds: float) -> Completion:
        finished = bool(ids) and ids[-1] in self._stops
        said = ids[:-1] if finished else ids
        text = self.tokenizer.decode(said, skip_special_tokens=False, clean_up_tokenization_spaces=False)
        return Completion(text=text, n_tokens=len(said), finished=finished, seconds=seconds)

    def _n_rows(self, n_prompt: int, sampling: Sampling) -> int:
        """How many prompts of this length share a batch."""
        batch_tokens = self._batch_tokens or self._room
        return max(1, min(ROWS, batch_tokens // (n_prompt + sampling.max_tokens)))

    @cached_property
    def _room(self) -> int:
        """How many tokens' keys and values fit in memory."""
        model, config = self.torch_model, self.torch_model.config.get_text_config()
        heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
        width = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
        on_gpu = model.device.type == "cuda"
        room = torch.cuda.mem_get_info(model.device)[0] // 2 if on_gpu else CACHE_BYTES
        return int(room // (2 * config.num_hidden_layers * heads * width * model.dtype.itemsize))

    @cached_property
    def _stops(self) -> frozenset[int]:
        """Tokens that end a completion: the chat template's, the tokenizer's and the model's own."""
        own = self.torch_model.generation_config.eos_token_id if self.torch_model.generation_config else None
        listed = own if isinstance(own, list) else [own]
        return frozenset({self.end_id, *(i for i in [*listed, self.tokenizer.eos_token_id] if i is not None)})

    def _render(self, messages: Sequence[Message], add_generation_prompt: bool) -> str:
        if not self.tokenizer.chat_template:
            raise CotpressError(
                f"model {self.name} has no chat template: take its instruct version, "
                "or put a chat_template.jinja into the model's folder."
            )
        text = self.tokenizer.apply_chat_template(list(messages), add_generation_prompt=add_generation_prompt, tokenize=False)
        return str(text)

    def _plain_ids(self, text: str) -> list[int]:
        return list(self.tokenizer(text, add_special_tokens=False, split_special_tokens=True)["input_ids"])


def load(target: str, *, adapter: str = "", dtype: Dtype = "auto", device: str = "", batch_tokens: int = 0) -> HFModel:
    """The model at `target`, a hub id or folder; `adapter` is a PEFT adapter to merge into it.

    `batch_tokens` is how many tokens (prompts and answers) one batch may hold; 0: as many as fit.
    """
    if not target:
        raise CotpressError("model hf needs a hub id or a folder: hf:Qwen/Qwen2.5-0.5B-Instruct, say.")
    name = f"hf:{target},adapter={adapter}" if adapter else f"hf:{target}"
    folder = Path(target)
    if adapter or (folder / "adapter_config.json").is_file():
        _refuse_circle(folder)
        base = f"hf:{target}" if adapter else _base_of(folder)
        placed = [f",device={device}"] * bool(device) + [f",dtype={dtype}"] * (dtype != "auto")
        return _adapted(name, adapter or target, "".join([base, *placed]), batch_tokens)
    config = _config(target)
    if type(config) not in MODEL_FOR_CAUSAL_LM_MAPPING:
        raise CotpressError(f"model {target} is no causal language model but a {config.model_type}: choose one that writes.")
    where = device or ("cuda" if torch.cuda.is_available() else "cpu")
    if where.startswith("cuda") and not torch.cuda.is_available():
        raise CotpressError(f"model {target}: PyTorch finds no CUDA device here: write device=cpu.")
    kind = ("bfloat16" if where.startswith("cuda") else "float32") if dtype == "auto" else dtype

    def make() -> PreTrainedModel:
        try:
            model = AutoModelForCausalLM.from_pretrained(
                target, dtype=getattr(torch, kind), trust_remote_code=False, use_safetensors=True
            )
        except OSError as error:
            raise CotpressError(f"cannot load the weights of {target}: {_first(error)}") from error
        return model.to(where)

    return HFModel(name, target, load_tokenizer(target), make, revision=revision_of(target, config), batch_tokens=batch_tokens)


def load_tokenizer(target: str, **where: str) -> PreTrainedTokenizerFast:
    """The fast tokenizer of a hub id or folder."""
    _check_path(target)
    try:
        tokenizer = AutoTokenizer.from_pretrained(target, trust_remote_code=False, **where)
    except (OSError, ValueError) as error:
        raise CotpressError(f"cannot load the tokenizer of {target}: {_first(error)}") from error
    if not tokenizer.is_fast:
        raise CotpressError(f"the tokenizer of {target} has no fast version, which knows where tokens end: convert it.")
    tokenizer.deprecation_warnings["sequence-length-is-longer-than-the-specified-maximum"] = True  # ours is to cut in chunks
    return tokenizer


def tokenizer_only(target: str) -> HFModel:
    """The half of a model that needs no weights: its token counts and prompts, for an engine that holds the weights itself."""

    def no_weights() -> PreTrainedModel:
        raise AssertionError(f"the weights of {target} are elsewhere")

    return HFModel(f"hf:{target}", target, load_tokenizer(target), no_weights)


def tokenizer_hash(tokenizer: PreTrainedTokenizerFast, template: str | None) -> str:
    """A short hash of a tokenizer with a chat template."""
    parts = json.loads(tokenizer.backend_tokenizer.to_str()) | {"padding": None, "truncation": None}
    text = json.dumps([parts, template], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def revision_of(target: str, config: Any) -> str:
    """What tells the weights at `target` from later ones: a hash of a folder's, or the hub's commit in its `config`."""
    return weights_hash(Path(target)) if Path(target).is_dir() else str(getattr(config, "_commit_hash", None) or "")


def weights_hash(folder: Path) -> str:
    """A short hash over the ends of each weight file: cheap for many gigabytes, and another model differs there."""
    digest = hashlib.sha256()
    for path in sorted(folder.glob("*.safetensors")):
        with path.open("rb") as file:
            digest.update(f"{path.name} {path.stat().st_size}".encode() + file.read(2**20))
            file.seek(max(0, path.stat().st_size - 2**20))
            digest.update(file.read())
    return digest.hexdigest()[:16]


def _adapted(name: str, folder: str, base_spec: str, batch_tokens: int) -> HFModel:
    """The adapter in `folder` (or on the hub), merged into the model that `base_spec` names."""
    peft = plugins.require("peft", f"the adapter {folder}")
    try:
        base = models.load(base_spec)
    except CotpressError as error:
        cure = f"put it back, or name the base: hf:BASE,adapter={folder}"
        raise CotpressError(f"the base of the adapter {folder} cannot be loaded, {base_spec}: {cure} ({error})") from error
    if not isinstance(base, HFModel):
        raise CotpressError(f"the adapter {folder} cannot be put on {base_spec}, which is no transformers model.")

    def make() -> PreTrainedModel:
        try:
            cached_file(folder, "adapter_model.safetensors")  # without it PEFT would take a pickle
            return peft.PeftModel.from_pretrained(base.torch_model, folder).merge_and_unload()
        except (OSError, ValueError, RuntimeError) as error:  # torch reports shapes that do not fit as a RuntimeError
            raise CotpressError(f"cannot put the adapter {folder} on {base_spec}: {_first(error)}") from error

    own = (Path(folder) / "tokenizer_config.json").is_file()
    tokenizer = load_tokenizer(folder) if own else base.tokenizer
    revision = f"{base.revision}+{weights_hash(Path(folder))}"
    return HFModel(name, folder, tokenizer, make, revision=revision, batch_tokens=batch_tokens, weights=base.weights)


def _base_of(folder: Path) -> str:
    """The spec of the model that an adapter was trained on: from `cotpress.json`, else from PEFT's own file.

    `CotpressError` where that is not a model which a file may name.
    """
    ours = folder / FINISHED
    about = ours if ours.is_file() else folder / "adapter_config.json"
    try:
        found = json.loads(about.read_bytes())
    except (ValueError, RecursionError) as error:
        raise CotpressError(f"{about} is not JSON ({error}): train the adapter again, or copy it again.") from error
    base = found.get("base" if about is ours else "base_model_name_or_path") if isinstance(found, dict) else None
    if not base or not isinstance(base, str):
        raise CotpressError(f"{about} does not name the base model: load the adapter with hf:BASE,adapter={folder}.")
    cure = f"name the base yourself, as hf:BASE,adapter={folder} with its folder or hub id as BASE"
    return models.check_recorded(base if about is ours else f"hf:{base}", about, cure)


def _refuse_circle(folder: Path) -> None:
    """`CotpressError` where an adapter is its own base, be it through others."""
    seen: list[Path] = []
    while (folder / "adapter_config.json").is_file():
        if folder.resolve() in seen:
            raise CotpressError(
                f"the adapter {folder} leads back to itself by its base: load it with hf:BASE,adapter={folder}."
            )
        seen.append(folder.resolve())
        spec = plugins.parse_spec(_base_of(folder))
        folder = Path(spec.target or spec.name)


def _check_path(target: str) -> None:
    """Complain of a path that leads nowhere, which transformers would take for a misspelt name of the Hub."""
    if target.startswith(("/", "./", "../", "~")) and not Path(target).exists():
        raise CotpressError(f"there is no folder {target}: check the path.")


def _config(target: str) -> Any:
    _check_path(target)
    if Path(target).is_dir() and not (Path(target) / "config.json").is_file():
        raise CotpressError(f"{target} is not a model folder: it holds no config.json (and no adapter_config.json).")
    try:
        return AutoConfig.from_pretrained(target, trust_remote_code=False)
    except (OSError, ValueError) as error:
        cure = f"check the name; an adapter on the hub is hf:BASE,adapter={target}"
        raise CotpressError(f"cannot load model {target}: {_first(error)} ({cure})") from error


def _first(error: Exception) -> str:
    """The first sentence of a library's many-lined message."""
    return str(error).strip().split("\n")[0]


def _spans(text: str, contents: Sequence[str]) -> list[tuple[int, int]]:
    """Where each content stands in the rendered chat, one after the other; those a template changed are left out."""
    spans, at = [], 0
    for content in contents:
        found = text.find(content, at)
        if found >= 0:
            at = found + len(content)
            spans.append((found, at))
    return spans

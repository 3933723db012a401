"""vLLM in this process: the fastest way to answer many problems on a GPU, with the very prompts of
`hf`.

Prompts are token ids made by `HFModel.prompt_ids`, so that training, `hf` and `vllm` ask with the
same ids; `LLM.chat` would render and tokenise once more. Every sampling field is set here, nothing
is taken from the model's generation_config but its end tokens. The engine starts when the first
request comes, and one at a time is in memory: where another model is asked, the one before ends.
All samples of a problem are requests of their own, each with its seed, and go to the engine in one
call, which reads their common prompt once. To ask a running server, take `http`.
"""

import gc
import importlib
import inspect
import os
import weakref
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from itertools import islice
from pathlib import Path
from time import perf_counter
from typing import Any, Literal, cast

import torch
import vllm
from transformers import AutoConfig

from cotpress import models
from cotpress.errors import CotpressError
from cotpress.lm.adapters import CONFIG, Lora
from cotpress.lm.latent_grammar import NO_GRAMMAR, LatentIds, required
from cotpress.lm.markup import Markup
from cotpress.models import Completion, Request, Sampling, hf
from cotpress.models._chat_fields import seed_of
from cotpress.models._template import NO_ARGUMENTS, told
from cotpress.plugins import Arguments

WINDOW = 512
"""Requests handed to the engine at once, which batches them itself; a kill loses at most these."""


class VLLMModel:
    """An engine, and the tokenizer half of `HFModel`."""

    def __init__(
        self,
        name: str,
        revision: str,
        tokens: hf.HFModel,
        engine: dict[str, Any],
        lora: Lora | None = None,
    ) -> None:
        self.name = name
        self.revision = revision
        self._tokens = tokens
        self._engine = engine
        self._lora = lora
        self._llm: Any = None

    @property
    def identity(self) -> str:
        """Its name, the revision of its weights, the hash of its tokenizer, and its precision where
        one other than float32 was named.
        """
        named = self._engine["dtype"]
        other = "" if named in ("auto", "float32") else f"+{named}"
        return f"{self.name}@{self.revision}+{self._tokens.tokenizer_hash}{other}"

    @property
    def markup(self) -> Markup:
        """How its chat template marks thinking."""
        return self._tokens.markup

    @property
    def generation_config(self) -> dict[str, Any]:
        """What its generation_config.json says; empty where there is none."""
        return self._tokens.generation_config

    @property
    def context(self) -> int | None:
        """Tokens of prompt and answer at most, where it was told; None: what the engine allows."""
        return cast(int | None, self._engine.get("max_model_len"))

    @property
    def engine(self) -> dict[str, Any]:
        """The arguments that an engine is started with, `model` among them."""
        return self._engine | _marks(self.markup)

    @property
    def adapter(self) -> str:
        """The folder of the adapter that the engine puts on the weights; empty without one."""
        return self._lora.folder if self._lora else ""

    @cached_property
    def end_ids(self) -> frozenset[int]:
        """The tokens with which an answer ends, for an engine that does not say why one ended."""
        found = [self._tokens.end_id, self._tokens.tokenizer.eos_token_id]
        config = AutoConfig.from_pretrained(self._engine["model"], trust_remote_code=False)
        for own in (self.generation_config.get("eos_token_id"), config.eos_token_id):
            found += own if isinstance(own, list) else [own]
        return frozenset(one for one in found if one is not None)

    @property
    def llm(self) -> Any:
        """The engine (`vllm.LLM`), which knows the marks of thinking where it takes a budget; it is
        started where it does not run, and any other ends before.
        """
        if self._llm is None:
            end_engine()
            # a fork of a process that has looked for GPUs cannot use them
            os.environ.setdefault("VLLM_WORKER_MULTIPROCESSING_METHOD", "spawn")
            try:
                self._llm = vllm.LLM(**self.engine)
            except (ValueError, RuntimeError) as error:
                said = str(error).strip().partition("\n")[0]
                raise CotpressError(
                    f"vLLM does not start with {self.name} ({said}): give it less memory, as "
                    "memory=0.5, or a shorter context, as max_len=4096, or take --backend hf."
                ) from error
            # also where the model is dropped: the engine may be a process of its own
            self._end = weakref.finalize(self, self._llm.llm_engine.engine_core.shutdown)
            _running.add(self)
        return self._llm

    def end(self) -> None:
        """End the engine and give its memory back; the next request starts it anew."""
        _running.discard(self)
        if self._llm is not None:
            self._end()
            self._llm = None

    def prompt_ids(self, request: Request) -> list[int]:
        """What the engine is asked with: the token ids that training and `hf` use."""
        return self._tokens.prompt_ids(request.messages, request.prefill)

    def token_ends(self, texts: Sequence[str]) -> list[list[int]]:
        """For each text the end offset of each token."""
        return self._tokens.token_ends(texts)

    def generate(self, requests: Iterable[Request], sampling: Sampling) -> Iterator[Completion]:
        """One completion per request, in order, `WINDOW` requests at a time.

        A forced number of latent tokens takes two calls: the codes, of which alone the engine may
        choose, and the text, which may hold none.
        """
        if sampling.legal_latents:
            raise CotpressError(NO_GRAMMAR.format(self.name))
        requests = iter(requests)
        while window := list(islice(requests, WINDOW)):
            began = perf_counter()
            said = self._say(window, sampling)
            seconds = (perf_counter() - began) / len(window)
            for ids, finished in said:
                yield self.completion(ids, finished, seconds)

    def _say(self, window: Sequence[Request], sampling: Sampling) -> list[tuple[list[int], bool]]:
        """The token ids that each request is answered with, and whether the answer ended."""
        prompts = [self.prompt_ids(request) for request in window]
        if sampling.latents is None:
            return self._ask(window, prompts, sampling)
        known = self._latents
        begun: list[list[int]] = [[] for _ in window]
        if sampling.latents:
            forced = [[*prompt, known.begin] for prompt in prompts]
            just = {"max_tokens": sampling.latents, "allowed_token_ids": known.codes}
            codes = self._ask(window, forced, sampling, **just)
            begun = [[known.begin, *ids, known.end] for ids, _ in codes]
        left = sampling.max_tokens - len(begun[0])
        if left < 1:
            return [(ids[: sampling.max_tokens], False) for ids in begun]
        never = dict.fromkeys([known.begin, known.end, *known.codes], float("-inf"))
        both = [prompt + ids for prompt, ids in zip(prompts, begun, strict=True)]
        rest = self._ask(window, both, sampling, max_tokens=left, logit_bias=never)
        return [(ids + text, done) for ids, (text, done) in zip(begun, rest, strict=True)]

    def _ask(
        self,
        window: Sequence[Request],
        prompts: Sequence[list[int]],
        sampling: Sampling,
        **own: Any,
    ) -> list[tuple[list[int], bool]]:
        """What the engine goes on with behind `prompts`, without end tokens, and whether it ended;
        `own` are further fields of its sampling.
        """
        answers = self.llm.generate(
            [{"prompt_token_ids": ids} for ids in prompts],
            [vllm.SamplingParams(**self.sampling_fields(one, sampling) | own) for one in window],
            use_tqdm=False,
            **self._put_on,
        )
        outputs = [answer.outputs[0] for answer in answers]
        ended = [one.finish_reason == "stop" for one in outputs]
        return [
            (list(one.token_ids)[: -1 if done else None], done)
            for one, done in zip(outputs, ended, strict=True)
        ]

    @cached_property
    def _put_on(self) -> dict[str, Any]:
        """The adapter that the engine puts on the weights it holds."""
        if self._lora is None:
            return {}
        request = importlib.import_module("vllm.lora.request")
        return {"lora_request": request.LoRARequest(self.name, 1, self._lora.folder)}

    @cached_property
    def _latents(self) -> LatentIds:
        """Its latent tokens; `CotpressError` where it has none."""
        return required(self.name, self._tokens.latent_ids)

    def sampling_fields(self, request: Request, sampling: Sampling) -> dict[str, Any]:
        """The fields of `vllm.SamplingParams` for one request, its seed among them."""
        budget = (
            {}
            if sampling.thinking_budget is None
            else {"thinking_token_budget": sampling.thinking_budget}
        )
        return {
            "max_tokens": sampling.max_tokens,
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "top_k": sampling.top_k or -1,
            "min_p": sampling.min_p,
            "seed": seed_of(request.key, sampling),
            "stop_token_ids": [self._tokens.end_id],
            "detokenize": False,
        } | budget

    def completion(self, ids: list[int], finished: bool, seconds: float) -> Completion:
        """What token ids say, without those that end a turn."""
        text = self._tokens.tokenizer.decode(
            ids, skip_special_tokens=False, clean_up_tokenization_spaces=False
        )
        return Completion(text=text, n_tokens=len(ids), finished=finished, seconds=seconds)


_running: "weakref.WeakSet[VLLMModel]" = weakref.WeakSet()
"""The model whose engine runs, if one does."""


def end_engine() -> None:
    """End the engine that runs in this process, if one does, and give the memory back that nothing
    uses.
    """
    for one in list(_running):
        one.end()
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def _marks(markup: Markup) -> dict[str, Any]:
    """What tells the engine how the model thinks."""
    if not markup.family:
        return {}
    engine = importlib.import_module("vllm.engine.arg_utils")
    if "reasoning_config" not in inspect.signature(engine.EngineArgs).parameters:
        return {}
    ends = {"reasoning_end_str": markup.closing.strip()}
    config = importlib.import_module("vllm.config.reasoning")
    return {
        "reasoning_config": config.ReasoningConfig(
            reasoning_start_str=markup.opening.strip(), **ends
        )
    }


def load(
    target: str,
    *,
    adapter: str = "",
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto",
    max_len: int = 0,
    memory: float = 0.9,
    parallel: int = 1,
    eager: bool = False,
    template: Arguments = NO_ARGUMENTS,
) -> VLLMModel:
    """The model at `target`, a hub id or folder; a LoRA adapter (that, or `adapter`) is put on its
    base by the engine, unmerged.

    `max_len`: tokens of prompt and answer at most (0: what the model allows); `memory`: share of
    the GPU's memory to take; `parallel`: GPUs to spread one model over; `eager`: start sooner and
    answer slower; `template`: arguments of the chat template, as `template.enable_thinking=false`.
    """
    if not target:
        raise CotpressError(
            "model vllm needs a hub id or a folder: vllm:Qwen/Qwen2.5-7B-Instruct, say."
        )
    engine = {
        "model": target,
        "dtype": dtype,
        "max_model_len": max_len or None,
        "gpu_memory_utilization": memory,
        "tensor_parallel_size": parallel,
        "enforce_eager": eager,
        "trust_remote_code": False,
        "load_format": "safetensors",  # of itself vLLM would fall back on pickled weights
    }
    if adapter or (Path(target) / CONFIG).is_file():
        return _on_its_base(target, adapter, engine, template)
    revision = hf.weights_hash(Path(target)) if Path(target).is_dir() else ""
    tokens = hf.tokenizer_only(target, template)
    return VLLMModel(f"vllm:{target}{told(template)}", revision, tokens, engine)


def _on_its_base(
    target: str, adapter: str, engine: dict[str, Any], template: Arguments
) -> VLLMModel:
    """The adapter `adapter` on `target`, or where it is not named `target` on its own base."""
    folder = adapter or target
    base = models.load(f"hf:{target}" if adapter else hf.base_of(Path(target)))
    if not isinstance(base, hf.HFModel):
        raise CotpressError(f"the adapter {folder} stands on no transformers model: {base.name}.")
    own = (Path(folder) / "tokenizer_config.json").is_file()
    tokens = hf.tokenizer_only(folder if own else base.path, base.template | template)
    lora = hf.servable(folder, base.path, tokens)
    engine |= {"model": base.path, "enable_lora": True, "max_lora_rank": lora.rank}
    name = f"vllm:{target}" + (f",adapter={adapter}" if adapter else "") + told(template)
    revision = f"{base.revision}+{hf.weights_hash(Path(lora.folder))}"
    return VLLMModel(name, revision, tokens, engine, lora)

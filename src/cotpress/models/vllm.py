"""vLLM in this process: the fastest way to answer many problems on a GPU, with the very prompts of
`hf`.

Prompts are token ids made by `HFModel.prompt_ids`, so that training, `hf` and `vllm` ask with the
same ids; `LLM.chat` would render and tokenise once more. Every sampling field is set here, nothing
is taken from the model's generation_config but its end tokens. The engine starts when the first
request comes. To ask a running server, take `http`.
"""

import importlib
import inspect
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from itertools import islice
from pathlib import Path
from time import perf_counter
from typing import Any, cast

import vllm

from cotpress.errors import CotpressError
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
        self, target: str, engine: dict[str, Any], template: Arguments = NO_ARGUMENTS
    ) -> None:
        self.name = f"vllm:{target}{told(template)}"
        self.revision = hf.weights_hash(Path(target)) if Path(target).is_dir() else ""
        self._tokens = hf.tokenizer_only(target, template)
        self._engine = engine | {"model": target}

    @property
    def identity(self) -> str:
        """Its name, the revision of its weights, and the hash of its tokenizer."""
        return f"{self.name}@{self.revision}+{self._tokens.tokenizer_hash}"

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

    @cached_property
    def llm(self) -> Any:
        """The engine (`vllm.LLM`), which knows the marks of thinking where it takes a budget."""
        return vllm.LLM(**self._engine, **_marks(self.markup))

    def prompt_ids(self, request: Request) -> list[int]:
        """What the engine is asked with: the token ids that training and `hf` use."""
        return self._tokens.prompt_ids(request.messages, request.prefill)

    def token_ends(self, texts: Sequence[str]) -> list[list[int]]:
        """For each text the end offset of each token."""
        return self._tokens.token_ends(texts)

    def generate(self, requests: Iterable[Request], sampling: Sampling) -> Iterator[Completion]:
        """One completion per request, in order, `WINDOW` requests at a time."""
        requests = iter(requests)
        while window := list(islice(requests, WINDOW)):
            began = perf_counter()
            prompts = [{"prompt_token_ids": self.prompt_ids(request)} for request in window]
            answers = self.llm.generate(
                prompts, [self._params(one, sampling) for one in window], use_tqdm=False
            )
            seconds = (perf_counter() - began) / len(window)
            for answer in answers:
                yield self._completion(answer.outputs[0], seconds)

    def _params(self, request: Request, sampling: Sampling) -> Any:
        budget = (
            {}
            if sampling.thinking_budget is None
            else {"thinking_token_budget": sampling.thinking_budget}
        )
        return vllm.SamplingParams(
            max_tokens=sampling.max_tokens,
            temperature=sampling.temperature,
            top_p=sampling.top_p,
            top_k=sampling.top_k or -1,
            min_p=sampling.min_p,
            seed=seed_of(request.key, sampling),
            stop_token_ids=[self._tokens.end_id],
            detokenize=False,
            **budget,
        )

    def _completion(self, output: Any, seconds: float) -> Completion:
        finished = output.finish_reason == "stop"
        ids = list(output.token_ids)[: -1 if finished else None]
        text = self._tokens.tokenizer.decode(
            ids, skip_special_tokens=False, clean_up_tokenization_spaces=False
        )
        return Completion(text=text, n_tokens=len(ids), finished=finished, seconds=seconds)


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
    dtype: hf.Dtype = "auto",
    max_len: int = 0,
    memory: float = 0.9,
    parallel: int = 1,
    eager: bool = False,
    template: Arguments = NO_ARGUMENTS,
) -> VLLMModel:
    """The merged model at `target`, a hub id or folder.

    `max_len`: tokens of prompt and answer at most (0: what the model allows); `memory`: share of
    the GPU's memory to take; `parallel`: GPUs to spread one model over; `eager`: start sooner and
    answer slower; `template`: arguments of the chat template, as `template.enable_thinking=false`.
    """
    if not target:
        raise CotpressError(
            "model vllm needs a hub id or a folder: vllm:Qwen/Qwen2.5-7B-Instruct, say."
        )
    if (Path(target) / "adapter_config.json").is_file():
        raise CotpressError(
            f"{target} holds an adapter: merge it with `cotpress export "
            f"{target} --out DIR`, and take vllm:DIR."
        )
    engine = {
        "dtype": dtype,
        "max_model_len": max_len or None,
        "gpu_memory_utilization": memory,
        "tensor_parallel_size": parallel,
        "enforce_eager": eager,
        "trust_remote_code": False,
        "load_format": "safetensors",  # of itself vLLM would fall back on pickled weights
    }
    return VLLMModel(target, engine, template)

"""What an OpenAI-compatible chat server is sent, and what it answers: pure functions over bytes and
records.

All sampling fields are always sent: a server fills in those that are missing from its own defaults
(llama-server: temperature 0.8, top_k 40, min_p 0.05) or from the model's `generation_config.json`
(vLLM), and two servers would then compare nothing.
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from typing import Any, Literal

import msgspec

from cotpress.errors import CotpressError
from cotpress.lm.chat import ChatMessage, is_same_model, text_of
from cotpress.lm.contract import Completion, Request, Sampling
from cotpress.lm.markup import NONE, Markup
from cotpress.models._template import NO_ARGUMENTS
from cotpress.plugins import Arguments
from cotpress.prompts import Message, untagged
from cotpress.records import Record

STOPS = ("stop", "eos", "eos_token", "end_turn", "stop_sequence")
"""What servers call an answer that the model ended."""

LIMITS = ("length", "max_tokens", "max_length", "max_output_tokens")
"""What they call one that the limit of tokens ended."""

SHOWN = 1000
"""Bytes of an answer that is none that are shown."""

UNSAID = "no reason given"

Fields = Literal["open", "openai", "transformers"]
"""Which sampling fields a server knows: vLLM, SGLang, llama-server and
Ollama; hosted services; `transformers serve`.
"""


NO_BUDGET = (
    "model {} has no budget of its own for thinking (native-budget): take vllm: or a server that "
    "has one, as http:…, or the baseline budget-forcing."
)


class BadAnswer(Exception):
    """The server answered, but not with a chat completion; asking again
    may help. `cure` is what to do if it does not.
    """

    def __init__(self, said: str, cure: str = "check the URL, which mostly ends in /v1") -> None:
        super().__init__(said)
        self.cure = cure


class Choice(Record, frozen=True, kw_only=True):
    """One completion of a response."""

    message: ChatMessage
    finish_reason: str | None = None


class Usage(Record, frozen=True, kw_only=True):
    """Tokens, as the server counts them."""

    prompt_tokens: int = 0
    completion_tokens: int = 0


class Response(Record, frozen=True, kw_only=True):
    """The part of a response that is read; its `id` is not:
    answers belong to requests by their connection.
    """

    choices: list[Choice]
    model: str = ""
    usage: Usage | None = None


def body(
    request: Request,
    model: str,
    sampling: Sampling,
    fields: Fields,
    *,
    in_template: bool,
    template: Arguments = NO_ARGUMENTS,
) -> dict[str, Any]:
    """The fields of one request. A prefill is the beginning of a last assistant message, which the
    server is to continue.

    `in_template`: the ratio or budget is taken out of the text and given to the served template as
    `compression_ratio` or `thinking_budget`, always, with null for the other, so that the server's
    own default cannot add one. Otherwise the text has the tag and the template is given nothing of
    it. `template` are other arguments for it.
    """
    messages, extra = list(request.messages), sampling_fields(sampling, fields)
    told: Arguments = dict(template)
    if in_template:
        messages, ratio, budget = untagged(messages)
        told["compression_ratio"] = ratio if budget is None else None
        told["thinking_budget"] = budget
    if told:
        extra["chat_template_kwargs"] = told
    if request.prefill:
        messages.append(Message(role="assistant", content=request.prefill))
        extra |= {"add_generation_prompt": False, "continue_final_message": True}
    limit = "max_completion_tokens" if fields == "openai" else "max_tokens"
    return {
        "model": model,
        "messages": messages,
        "seed": seed_of(request.key, sampling),
        limit: sampling.max_tokens,
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "frequency_penalty": 0.0,
        "extra_body": extra,
    }


def sampling_fields(sampling: Sampling, fields: Fields) -> dict[str, Any]:
    """What decides the next token beside OpenAI's own fields: nothing that cuts or reshapes the
    distribution but the top-k and min-p that were asked for.

    `CotpressError` where the server has no field for them.
    """
    if sampling.latents is not None or sampling.legal_latents:
        raise CotpressError(
            "a server cannot be made to write latent tokens: take hf: or vllm:, or leave out "
            "--latents and --legal-latents."
        )
    if sampling.thinking_budget is not None and fields != "open":
        raise CotpressError(NO_BUDGET.format(f"behind a server with fields={fields}"))
    if fields == "openai":
        if sampling.top_k or sampling.min_p:
            raise CotpressError(
                "a server with the fields of OpenAI alone takes neither top-k nor min-p: leave out "
                "--top-k and --min-p, or write fields=open for vLLM, SGLang, llama-server or "
                "Ollama."
            )
        return {"presence_penalty": 0.0}
    # it refuses fields it does not know, and takes `do_sample` and `top_k` from the model
    if fields == "transformers":
        draws = sampling.temperature > 0
        known = {
            "do_sample": draws,
            "top_k": sampling.top_k,
            "repetition_penalty": 1.0,
            "max_new_tokens": sampling.max_tokens,
            **({"min_p": sampling.min_p} if sampling.min_p else {}),
        }
        return {"generation_config": json.dumps(known)}
    limits = {
        "top_k": sampling.top_k or -1,
        "min_p": sampling.min_p,
        "repetition_penalty": 1.0,
        "repeat_penalty": 1.0,
        "presence_penalty": 0.0,
    }
    budget = sampling.thinking_budget  # by vLLM's name, and by llama-server's
    if budget is not None:
        limits |= {"thinking_token_budget": budget, "thinking_budget_tokens": budget}
    return {**limits, "skip_special_tokens": False}


def seed_of(key: str, sampling: Sampling) -> int:
    """31 bits from the seed and the request's key, so that order and restarts change no draw."""
    return (
        int.from_bytes(hashlib.sha256(f"{sampling.seed}|{key}".encode()).digest()[:4], "big") >> 1
    )


def read(content: bytes, model: str) -> Response:
    """The response in the server's bytes; `BadAnswer` if it is
    none, `CotpressError` if another model gave it.
    """
    try:
        response = msgspec.json.decode(content, type=Response)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadAnswer(
            f"no chat completion ({error}): {content[:SHOWN].decode(errors='replace')}"
        ) from error
    return checked(response, model)


def checked(response: Response, model: str) -> Response:
    """The response; `BadAnswer` if it says nothing that can be used, `CotpressError` if another
    model gave it.
    """
    try:
        for choice in response.choices:
            text_of(choice.message).encode()
    except UnicodeEncodeError as error:
        raise BadAnswer("half a character (a lone surrogate)", "see its log") from error
    if not response.choices:
        raise BadAnswer(
            "a chat completion without a choice",
            "see its log, the model or a filter has answered nothing",
        )
    if response.choices[0].finish_reason == "error":
        raise BadAnswer("an error in place of an answer", "see its log, or that of its gateway")
    if response.model and not is_same_model(model, response.model):
        raise CotpressError(
            f"model {model} was asked, but the server answers as {response.model}: "
            f"write model={response.model} if it is meant."
        )
    return response


def completion(
    response: Response,
    request: Request,
    seconds: float,
    *,
    token_ends: Callable[[Sequence[str]], list[list[int]]],
    echoes: bool,
    markup: Markup = NONE,
) -> Completion:
    """What the model said, as it is even where that is nothing. `echoes`: the server repeats a
    prefill before going on.

    Servers count the end-of-turn token, which is taken off again (held against vLLM, llama.cpp and
    `transformers serve` in tests/serving). Where a server counts nothing, the text's tokens are
    counted.
    """
    choice, usage = response.choices[0], response.usage
    text = text_of(choice.message, continued=bool(request.prefill), markup=markup).removeprefix(
        request.prefill if echoes else ""
    )
    reason = choice.finish_reason or UNSAID
    finished = reason in STOPS
    n_tokens = max(0, usage.completion_tokens - finished) if usage else len(token_ends([text])[0])
    return Completion(
        text=text,
        n_tokens=n_tokens,
        finished=finished,
        finish="" if reason in (*STOPS, *LIMITS) else reason,
        seconds=seconds,
    )

"""A causal language model of transformers with its tokenizer:
prompts, token ids, token ends and batched answers.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import accumulate, chain, islice
from time import perf_counter
from typing import Any, cast

import msgspec
import torch
from jinja2 import TemplateError
from transformers import (
    AutoConfig,
    PreTrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerFast,
)

from cotpress.errors import CotpressError, TemplateRefusal
from cotpress.lm import templates
from cotpress.lm.batch import Row
from cotpress.lm.contract import Answers, in_order
from cotpress.lm.control import Hiding, Span, spelled, without_latents
from cotpress.lm.decoding import decode, tokens
from cotpress.lm.latent_grammar import Grammar, LatentIds, grammar, latent_ids
from cotpress.lm.markup import Markup, find
from cotpress.models import Completion, Request, Sampling
from cotpress.models._chat_fields import NO_BUDGET
from cotpress.models._hf_files import generation_config, tokenizer_hash
from cotpress.prompts import Message

ROWS = 128
"""Rows of a batch at most: the tiny model on a CPU is no faster with more."""

CACHE_BYTES = 2**30
"""What keys and values of a batch may take on a CPU; on a GPU it is half of the free memory."""


WRITTEN = ("content", "reasoning_content")
"""The parts of a message that a user wrote, as text."""

REPLACEMENT = "\ufffd"
"""What a tokenizer writes for bytes that are not a character, or not yet."""


class HFModel:
    """A causal language model and its tokenizer; `make` loads
    the weights when they are first asked for.
    """

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
        template: Mapping[str, Any] | None = None,
        precision: str = "float32",
    ) -> None:
        self.name = name
        self.path = path
        self.weights = weights or path
        """Where the full weights are: for an adapter those of its base."""
        self.tokenizer = tokenizer
        self.revision = revision
        """Hub commit, or a hash of the folder's weight files: another one is another model."""
        self.template = dict(template or {})
        """Arguments of its chat template, such as `enable_thinking`; a part of `name`."""
        self.precision = precision
        """What it computes in: another one gives other answers and scores."""
        self._markups: dict[str, Markup] = {}
        self._make = make
        self._batch_tokens = batch_tokens

    @cached_property
    def torch_model(self) -> PreTrainedModel:
        """The weights, in evaluation mode."""
        return self._make().eval()

    @cached_property
    def config(self) -> PreTrainedConfig:
        """Its configuration: of the folder or hub id, where the weights need not be loaded."""
        if not self.weights:
            return self.torch_model.config
        return AutoConfig.from_pretrained(self.weights, trust_remote_code=False)

    @property
    def stored_dtype(self) -> torch.dtype | None:
        """The precision that the weights are stored in; None where the folder does not say."""
        return (
            AutoConfig.from_pretrained(self.weights, trust_remote_code=False).dtype
            if self.weights
            else None
        )

    def stop_at_end_of_turn(self, net: PreTrainedModel) -> None:
        """Write into the generation config that the chat template's end
        of a turn ends a completion, for every library.
        """
        if (config := net.generation_config) is not None:
            config.eos_token_id = self.ends(config.eos_token_id)

    def ends(self, own: list[int] | int | None) -> list[int]:
        """The chat template's end of a turn, and the `own` ends of a generation config."""
        listed = own if isinstance(own, list) else [own]
        return sorted({self.end_id, *(i for i in listed if i is not None)})

    @cached_property
    def generation_config(self) -> dict[str, Any]:
        """What its generation_config.json says, or that of its
        base; empty where there is none.
        """
        return generation_config(self.path) or generation_config(self.weights)

    @property
    def identity(self) -> str:
        """Its name, the revision of its weights, the hash of its tokenizer, and its precision where
        that is not float32.
        """
        other = "" if self.precision == "float32" else f"+{self.precision}"
        return f"{self.name}@{self.revision}+{self.tokenizer_hash}{other}"

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
        """The token that ends the assistant's turn in the chat
        template: a training completion must end with it.
        """
        said = "answer"
        turns: list[Message] = [
            {"role": "user", "content": "?"},
            {"role": "assistant", "content": said},
        ]
        after = self._render(turns, False).rpartition(said)[2].removeprefix(self.markup.ending)
        ends = [i for i in self.text_ids(after) if i in self.tokenizer.added_tokens_decoder]
        if not ends and self.tokenizer.eos_token_id is None:
            raise CotpressError(
                f"model {self.name}: neither chat template nor tokenizer "
                "names an end token: set eos_token."
            )
        return int(ends[0] if ends else self.tokenizer.eos_token_id)

    @property
    def end_text(self) -> str:
        """The token that ends the assistant's turn, as text."""
        return str(self.tokenizer.convert_ids_to_tokens(self.end_id))

    @property
    def bos_text(self) -> str:
        """The token that the tokenizer calls the beginning of a text; empty if there is none."""
        return str(self.tokenizer.bos_token or "")

    @property
    def markup(self) -> Markup:
        """How its chat template marks thinking."""
        own = self.chat_template
        if own not in self._markups:
            self._markups[own] = find(self._render, own)
        return self._markups[own]

    @property
    def chat_template(self) -> str:
        """The template that its prompts are written with, the date pinned; `CotpressError` where
        there is none, or none that can be used.
        """
        try:
            own = self.tokenizer.get_chat_template() if self.tokenizer.chat_template else ""
        except ValueError as error:
            raise CotpressError(f"model {self.name}: {error}") from error
        if not own:
            raise CotpressError(
                f"model {self.name} has no chat template: take its instruct version, "
                "or put a chat_template.jinja into the model's folder."
            )
        return templates.checked(own, self.tokenizer.special_tokens_map, f"model {self.name}")

    def prompt_text(self, messages: Sequence[Message]) -> str:
        """The chat up to where the assistant goes on, as the chat template writes it."""
        return self._render(messages, True)

    def chat_text(self, messages: Sequence[Message]) -> str:
        """A whole chat, the assistant's last turn included, as the chat template writes it."""
        return self._render(messages, False)

    def prompt_ids(self, messages: Sequence[Message], prefill: str = "") -> list[int]:
        """Token ids of the chat up to where the assistant goes on; `prefill` is the beginning of
        its turn, of which the prompt may hold a part already.

        Special tokens spelled out in a message are text here, not control tokens.
        """
        contents = [
            text for one in messages for name in WRITTEN if (text := one.get(name)) is not None
        ]
        texts = [text for text in contents if isinstance(text, str)]
        spans: list[Span] = []
        if spelled(texts, self._special.values()):
            hiding = Hiding(self._special.values(), texts)
            own = self.markup  # of an earlier answer, whose thinking the template may take out
            marks = own.opening + own.closing + own.ending
            hidden = [
                {
                    name: hiding.hide(said, marks if one["role"] == "assistant" else "")
                    if name in WRITTEN and isinstance(said, str)
                    else said
                    for name, said in one.items()
                }
                for one in messages
            ]
            text, spans = hiding.shown(self._render(cast(Sequence[Message], hidden), True))
        else:
            text = self._render(messages, True)
        rest = self.text_ids(self.markup.rest(prefill)) if prefill else []
        return self.text_ids(text, spans) + rest

    @cached_property
    def _special(self) -> dict[int, str]:
        """Its special tokens, latent ones included."""
        known = self.tokenizer.added_tokens_decoder.items()
        return {i: token.content for i, token in known if token.special}

    @cached_property
    def control_tokens(self) -> frozenset[str]:
        """Its special tokens that are not latent tokens: spelled out in a trace they are text."""
        return without_latents(self._special.values())

    def text_ids(self, text: str, spelled_out: Sequence[Span] = ()) -> list[int]:
        """Token ids of a piece of the assistant's turn; markup such as
        `<think>` becomes its token where there is one, but for what is `spelled_out` there.
        """
        if not spelled_out:
            return list(self.tokenizer(text, add_special_tokens=False)["input_ids"])
        encoded = self.tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
        ids: list[int] = []
        for token, (start, end) in zip(
            encoded["input_ids"], encoded["offset_mapping"], strict=True
        ):
            is_text = token in self._special and any(a < end and start < b for a, b in spelled_out)
            ids += self._plain_ids(text[start:end]) if is_text else [token]
        return ids

    def token_ends(self, texts: Sequence[str]) -> list[list[int]]:
        """For each text the end offset of each token, as `text_ids`
        makes them; tokens of one character share its end.
        """
        if not texts:
            return []
        offsets = self.tokenizer(
            list(texts), add_special_tokens=False, return_offsets_mapping=True
        )["offset_mapping"]
        rising = ([*accumulate((end for _, end in spans), max)] for spans in offsets)
        # some tokenizers have no token for a rare byte and leave it out: the last token then ends
        # before the text does
        return [
            ends[:-1] + [len(text)] * bool(ends) for ends, text in zip(rising, texts, strict=True)
        ]

    def generate(self, requests: Iterable[Request], sampling: Sampling) -> Iterator[Completion]:
        """One completion per request, in order, each as soon as those before it are there."""
        return in_order(self.as_ready(requests, sampling))

    def as_ready(self, requests: Iterable[Request], sampling: Sampling) -> Answers:
        """The completions as they end, each with the number of its request."""
        for row in self._ended(requests, sampling):
            yield row.index, self.completion(row.said, row.seconds)

    def growing(self, request: Request, sampling: Sampling) -> Iterator[Completion]:
        """The answer to one request as it grows, token by token; its seconds are those in which
        this model worked.
        """
        self._refuse_budget(sampling)
        row, said, seconds = self._row(0, request, sampling), list[int](), 0.0
        chosen = tokens(self.torch_model, row, self._stops, sampling, self._grammar(sampling))
        began = perf_counter()
        for token in chosen:
            said.append(token)
            seconds += perf_counter() - began
            now = self.completion(said, seconds)
            if not now.finished and len(said) < row.limit:  # a character may still lack bytes
                yield msgspec.structs.replace(now, text=now.text.rstrip(REPLACEMENT))
            began = perf_counter()
        yield self.completion(said, seconds)

    def answers(self, requests: Iterable[Request], sampling: Sampling) -> Iterator[Row]:
        """The same in order as token ids, that of the end included, with those of the prompts."""
        return in_order((row.index, row) for row in self._ended(requests, sampling))

    def _ended(self, requests: Iterable[Request], sampling: Sampling) -> Iterator[Row]:
        self._refuse_budget(sampling)
        unread = enumerate(requests)
        if (first := next(unread, None)) is None:
            return  # and no weights are loaded
        todo = chain([first], unread)
        n_read = n_given = 0

        def more(n: int) -> list[Row]:
            """Further requests, until `n` have been read that have no answer yet."""
            nonlocal n_read
            wanted = islice(todo, max(0, n_given + n - n_read))
            rows = [self._row(i, request, sampling) for i, request in wanted]
            n_read += len(rows)
            return rows

        model, room = self.torch_model, self._batch_tokens or self._room
        allowed = self._grammar(sampling)
        for row in decode(
            model, more, self._stops, sampling, room=room, most=ROWS, grammar=allowed
        ):
            n_given += 1
            yield row

    def _refuse_budget(self, sampling: Sampling) -> None:
        if sampling.thinking_budget is not None:
            raise CotpressError(NO_BUDGET.format(self.name))

    def _grammar(self, sampling: Sampling) -> Grammar | None:
        """Which latent tokens may come when; None where any may."""
        model = self.torch_model
        width = model.get_output_embeddings().weight.shape[0]
        return grammar(self.name, self.latent_ids, sampling, width, model.device)

    def _row(self, index: int, request: Request, sampling: Sampling) -> Row:
        """What is asked, and how much may be answered within the model's context."""
        prompt = self.prompt_ids(request.messages, request.prefill)
        left = sampling.max_tokens if self.context is None else self.context - len(prompt)
        return Row(index, request.key, prompt, min(sampling.max_tokens, left))

    @cached_property
    def context(self) -> int | None:
        """Tokens of prompt and answer that the model reads at most; None where it does not say."""
        text = self.config.get_text_config()
        said: int | None = getattr(text, "max_position_embeddings", None)
        rope = getattr(text, "rope_parameters", None) or {}
        stretched = (rope.get("factor") or 1) * rope.get("original_max_position_embeddings", 0)
        return max(said, int(stretched)) if said else None

    def completion(self, ids: list[int], seconds: float = 0.0) -> Completion:
        """What these token ids of an answer say."""
        finished = bool(ids) and ids[-1] in self._stops
        said = ids[:-1] if finished else ids
        text = self.tokenizer.decode(
            said, skip_special_tokens=False, clean_up_tokenization_spaces=False
        )
        return Completion(text=text, n_tokens=len(said), finished=finished, seconds=seconds)

    @cached_property
    def _room(self) -> int:
        """How many tokens' keys and values fit in memory."""
        model, config = self.torch_model, self.torch_model.config.get_text_config()
        heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
        width = (
            getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
        )
        on_gpu = model.device.type == "cuda"
        room = torch.cuda.mem_get_info(model.device)[0] // 2 if on_gpu else CACHE_BYTES
        return int(room // (2 * config.num_hidden_layers * heads * width * model.dtype.itemsize))

    @cached_property
    def _stops(self) -> frozenset[int]:
        """Tokens that end a completion: the chat template's, the tokenizer's and the model's
        own.
        """
        own = (
            self.torch_model.generation_config.eos_token_id
            if self.torch_model.generation_config
            else None
        )
        listed = own if isinstance(own, list) else [own]
        return frozenset(
            {self.end_id, *(i for i in [*listed, self.tokenizer.eos_token_id] if i is not None)}
        )

    def _render(self, messages: Sequence[Message], add_generation_prompt: bool) -> str:
        try:
            text = self.tokenizer.apply_chat_template(
                [_thinking(message) for message in messages],
                chat_template=self.chat_template,
                add_generation_prompt=add_generation_prompt,
                tokenize=False,
                **self.template,
            )
        except (TemplateError, TypeError, ValueError, LookupError) as error:
            said = " ".join(str(error).split())
            raise TemplateRefusal(
                f"the chat template of model {self.name} refuses such a chat ({said}): leave out "
                "what it does not know, or change the template."
            ) from error
        return str(text)

    def _plain_ids(self, text: str) -> list[int]:
        return list(
            self.tokenizer(text, add_special_tokens=False, split_special_tokens=True)["input_ids"]
        )


def _thinking(message: Message) -> dict[str, Any]:
    """A message with its thinking under every name that templates read."""
    thought = message.get("reasoning_content")
    named = {} if thought is None else dict.fromkeys(("reasoning", "thinking"), thought)
    return {**message, **named}

"""What some models can do beside answering, and the one sentence that says a model cannot."""

import inspect
from collections.abc import Sequence
from typing import Any, Protocol, TypeVar, cast

from cotpress.errors import CotpressError
from cotpress.lm.contract import Model
from cotpress.prompts import Message

T = TypeVar("T")


class Tokenizing(Protocol):
    """What of a model is needed to make token ids; `cotpress.models.hf.HFModel` has it."""

    @property
    def end_id(self) -> int:
        """The token that ends the assistant's turn."""
        ...

    def prompt_ids(self, messages: Sequence[Message]) -> list[int]:
        """The chat up to where the assistant goes on: also what is served."""
        ...

    def text_ids(self, text: str) -> list[int]:
        """A piece of the assistant's turn."""
        ...


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


class Chatting(Rendering, Protocol):
    """A model that also writes whole chats; `cotpress.models.hf.HFModel` is one."""

    def chat_text(self, messages: Sequence[Message]) -> str:
        """A whole chat, the assistant's last turn included."""
        ...


class CausalLM(Protocol):
    """A model that gives probabilities of tokens; `models.hf.HFModel` is one."""

    name: str
    tokenizer: Any
    """A fast transformers tokenizer."""

    @property
    def identity(self) -> str:
        """Its name and whatever else decides its probabilities."""
        ...

    @property
    def torch_model(self) -> Any:
        """The transformers model, in evaluation mode."""
        ...

    def prompt_ids(self, messages: Sequence[Message], prefill: str = "") -> list[int]:
        """Token ids of the chat up to where the assistant goes on, after the words `prefill`."""
        ...

    def text_ids(self, text: str) -> list[int]:
        """Token ids of a piece of the assistant's turn, markup as its tokens."""
        ...


WHAT: dict[type[Any], str] = {
    Tokenizing: "its token ids",
    Rendering: "its chats as text",
    CausalLM: "probabilities",
}
"""What a model of each kind gives, in the middle of a sentence."""


def able(model: Model, kind: type[T], who: str) -> T:
    """`model`, if it is of that kind; `CotpressError` tells what
    `who` needs, and where such models come from.
    """
    if not gives(model, kind):
        what = WHAT.get(kind, "its weights and tokenizer")
        raise CotpressError(
            f"{who} needs a model that gives {what}, which {model.name} does not: "
            "name a folder or hub id, as hf:…, or smollm2."
        )
    return cast(T, model)


def gives(model: Model, kind: type[Any]) -> bool:
    """Whether the model has the members of a protocol, none of which is
    called: that might load weights; or is of a class.
    """
    if not getattr(kind, "_is_protocol", False):
        return isinstance(model, kind)
    members = {
        name
        for one in kind.__mro__[:-1]
        for name in (*vars(one), *vars(one).get("__annotations__", {}))
        if name[0] != "_"
    }
    return all(inspect.getattr_static(model, name, None) is not None for name in members)


def context_of(model: Model) -> int | None:
    """How many tokens of prompt and answer the model reads at most (its member `context`); None
    where it does not say.
    """
    return cast(int | None, getattr(model, "context", None))

"""A model that gives probabilities of tokens: what log-probabilities, scorers and `verify` ask for."""

from collections.abc import Sequence
from typing import Any, Protocol, cast

from cotpress.errors import CotpressError
from cotpress.lm.contract import Model
from cotpress.records import Message


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


def causal(model: Model, who: str) -> CausalLM:
    """`model`, if it gives probabilities; `CotpressError` says `who` needs one that does."""
    if not (hasattr(model, "tokenizer") and hasattr(model, "prompt_ids")):
        raise CotpressError(f"{who} needs a model that gives probabilities, which {model.name} does not: try smollm2.")
    return cast(CausalLM, model)

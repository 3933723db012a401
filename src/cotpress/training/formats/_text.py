"""Finished text for trainers that render chats with templates or options of their own.

They may add a system turn, trim, or rewrite `<think>`. So they get the prompt as the model's chat template writes it, and the
assistant's turn with its end. A row whose text would not become the ids of training in that trainer is left out and counted.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol, runtime_checkable

from cotpress.errors import CotpressError
from cotpress.pipeline.build import Tokenizing, tokenize_example, unopened
from cotpress.records import Message, TrainingExample
from cotpress.training.formats import Format, wanted

UNLIKE = "text that the trainer would not read as the tokens of training"


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


class Finished(Format):
    """A format of finished text, which counts the tokens of its longest row."""

    def __init__(self, name: str, target: str) -> None:
        model = wanted(name, target, "whose chat template writes the text")
        if not isinstance(model, Rendering):
            raise CotpressError(
                f"model {target} has no chat template here: name a local folder or hub id, such as hf:{target}."
            )
        self.model = model
        self.rendering: Rendering = model

    def measured(self, examples: Iterable[TrainingExample]) -> Iterator[TrainingExample]:
        """Pass the examples on and note the longest."""
        for one in examples:
            self.longest = max(self.longest, len(tokenize_example(one, self.rendering).ids))
            yield one


def texts(one: TrainingExample, model: Rendering) -> tuple[str, str]:
    """Prompt and assistant's turn with its end."""
    said = unopened(model.prompt_ids(one.prompt), one.completion, model)
    return model.prompt_text(one.prompt), said + model.end_text


def alike(one: TrainingExample, model: Rendering, texts: Sequence[str], dropped: Counter[str] | None) -> bool:
    """Whether the texts, tokenised one by one, are the ids of training, with one end of turn; counts those that are not."""
    tokens = tokenize_example(one, model)
    alike = [i for text in texts for i in model.text_ids(text)] == tokens.ids and model.end_id not in tokens.labels[:-1]
    if not alike and dropped is not None:
        dropped[UNLIKE] += 1
    return alike

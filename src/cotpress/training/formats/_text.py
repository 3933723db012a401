"""Finished text for trainers that render chats with templates or options of their own.

They may add a system turn, trim, or rewrite `<think>`. So they get the prompt as the model's chat
template writes it, and the assistant's turn with its end. A row whose text would not become the ids
of training in that trainer is left out and counted.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from cotpress.lm.capabilities import Rendering
from cotpress.pipeline.build import taught, tokenize_example
from cotpress.records import TrainingExample
from cotpress.training.formats import Format, wanted

UNLIKE = "text that the trainer would not read as the tokens of training"


class Finished(Format):
    """A format of finished text, which counts the tokens of its longest row."""

    def __init__(self, name: str, target: str) -> None:
        self.model, self.rendering = wanted(name, target, Rendering)

    def measured(self, examples: Iterable[TrainingExample]) -> Iterator[TrainingExample]:
        """Pass the examples on and note the longest."""
        for one in examples:
            self.longest = max(self.longest, len(tokenize_example(one, self.rendering).ids))
            yield one


def texts(one: TrainingExample, model: Rendering) -> tuple[str, str]:
    """Prompt and assistant's turn with its end."""
    return model.prompt_text(one.prompt), taught(one, model) + model.end_text


def alike(
    one: TrainingExample, model: Rendering, texts: Sequence[str], dropped: Counter[str] | None
) -> bool:
    """Whether the texts, tokenised one by one, are the ids of training,
    with one end of turn; counts those that are not.
    """
    tokens = tokenize_example(one, model)
    alike = [
        i for text in texts for i in model.text_ids(text)
    ] == tokens.ids and model.end_id not in tokens.labels[:-1]
    if not alike and dropped is not None:
        dropped[UNLIKE] += 1
    return alike

"""What the message of a chat server says, and whose name it answers under:
read by backends, harnesses and `doctor` alike.
"""

import re

from cotpress.lm.marks import thought_in
from cotpress.lm.markup import NONE, Markup
from cotpress.records import Record

USUAL = Markup(family="think", opening="<think>\n", closing="\n</think>\n\n")
"""The marks of a model of which nothing is known."""

VERSION = re.compile(r"-\d{4}[\d-]*|@.+|:latest")
"""What a server adds to the name it was asked for: hosted services a date,
`transformers serve` a revision, Ollama a tag.
"""


class ChatMessage(Record, frozen=True, kw_only=True):
    """What the model said; servers with a reasoning parser take the reasoning out of `content`."""

    content: str | None = None
    reasoning: str | None = None
    """vLLM's name for it."""
    reasoning_content: str | None = None
    """That of SGLang, llama-server, `transformers serve` and DeepSeek."""


def is_same_model(asked: str, answers: str) -> bool:
    """Whether a server that was asked for one name means the same model
    by the other: `gpt-4o-2024-08-06` for `gpt-4o`.
    """
    rest = answers.removeprefix(asked)
    return not rest or (rest != answers and VERSION.fullmatch(rest) is not None)


def text_of(message: ChatMessage, *, continued: bool = False, markup: Markup = NONE) -> str:
    """The whole turn, in the marks of the model (`<think>` where they are not known) around a
    reasoning that the server took out.

    Some servers leave the reasoning, or the mark that closes it, in the content as well: it is
    taken once. Where a prefill was `continued` the marks, if any, are in the prefill, and what the
    server takes for reasoning is not.
    """
    thought, said = message.reasoning or message.reasoning_content or "", message.content or ""
    if not thought or continued:
        return thought + said
    marks = markup if markup.family else USUAL
    if (inside := thought_in(said)) and inside.closed:
        if said[inside.begin : inside.end].strip() == thought.strip():
            return said
        if not said[inside.begin : inside.end].strip():
            said = said[inside.answer :]
    closing = marks.closing if said else ""
    return f"{marks.opening}{thought.strip()}{closing}{said.lstrip()}"

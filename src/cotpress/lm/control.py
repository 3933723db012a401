"""Control tokens spelled out in what people and models wrote: they are text, never control.

A tokenizer makes `<|im_end|>` its control token wherever it stands. So before a chat is rendered
each one is hidden behind a word that no template touches, and afterwards its places are known: what
the template itself wrote, and what a user spelled out, cannot be mistaken for each other, even
where a question is nothing but markup.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Protocol

from cotpress import latent_tokens

Span = tuple[int, int]

SPELLED = "control token spelled out in the text, which the trainer would take for its own"
"""Why a row is left out of a format whose trainer makes the tokens."""

COMMON = re.compile(
    r"<\|(?!latent_\d)[A-Za-z][\w .:/-]{0,40}\|>|<｜[^｜<>\n]{1,40}｜>|<\|turn>|<turn\|>|</?s>"
    r"|\[/?(?:INST|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_RESULTS|TOOL_CALLS)\]"
    r"|</?(?:start_of_turn|end_of_turn|bos|eos|pad|unk|seed:bos|seed:eos)>|\[e~\[|\]~[bd]\]"
)
"""How control tokens are spelled, for where no tokenizer says; latent tokens are none."""


def spelled(texts: Iterable[str], tokens: Iterable[str] | None = None) -> bool:
    """Whether a text spells out one of the `tokens`; of the common ones where none are known."""
    if tokens is None:
        return any(COMMON.search(text) for text in texts)
    known = tuple(tokens)
    return any(token in text for text in texts for token in known)


class Plain(Protocol):
    """A model that can be told which control tokens of a text are text."""

    def text_ids(self, text: str, spelled_out: Sequence[Span] = ()) -> list[int]:
        """A piece of the assistant's turn; what is `spelled_out` becomes no control token."""
        ...


def of(model: object) -> frozenset[str] | None:
    """The control tokens of a model as text, without latent ones; None where it does not say."""
    found: frozenset[str] | None = getattr(model, "control_tokens", None)
    return found


class Hiding:
    """Hides the `tokens` in texts, and finds them again in what is made of those texts."""

    def __init__(self, tokens: Iterable[str], texts: Sequence[str]) -> None:
        self.tokens = sorted(tokens, key=len, reverse=True)
        stem = "xspelled"
        while any(stem in text for text in texts):
            stem += "x"
        self._words = [f"{stem}{number}x" for number in range(len(self.tokens))]
        self._find = re.compile("|".join(map(re.escape, self.tokens)))
        self._back = re.compile(rf"{stem}(\d+)x")

    def hide(self, text: str, but: str = "") -> str:
        """The text with a word in place of each token that does not stand in `but`."""
        place = {token: number for number, token in enumerate(self.tokens)}
        return self._find.sub(
            lambda found: found[0] if found[0] in but else self._words[place[found[0]]], text
        )

    def shown(self, text: str) -> tuple[str, list[Span]]:
        """The text with its tokens again, and where they stand."""
        pieces, spans, at, n = [], list[Span](), 0, 0
        for found in self._back.finditer(text):
            token = self.tokens[int(found[1])]
            pieces += [text[at : found.start()], token]
            n += found.start() - at + len(token)
            spans.append((n - len(token), n))
            at = found.end()
        return "".join([*pieces, text[at:]]), spans


def without_latents(tokens: Iterable[str]) -> frozenset[str]:
    """The tokens that are not latent tokens."""
    return frozenset(one for one in tokens if not latent_tokens.SPELLED.fullmatch(one))

r"""How one model marks its thinking: found by rendering its own chat template.

A trace keeps the marks that it came with; what is *written* is those of the model that reads it, in
training, prefilled controls and scoring contexts alike. What is looked at, in this order:

1. the prompt: does it end with a mark that opens the thinking (R1, QwQ, Qwen3-Thinking), or with an
   empty thinking (Qwen3 with `enable_thinking=false`)?
2. an assistant's turn whose reasoning stands in a field of its own: what does the template write
   around it?
3. the template's text: a template that takes thinking out of earlier turns names the mark that
   closes it.
"""

import re
from collections.abc import Callable, Sequence

from cotpress.errors import CotpressError
from cotpress.lm.marks import ENDING, FAMILIES, OPENS, Family, family_of, marked, thought_in
from cotpress.prompts import Message
from cotpress.records import Record, Think

Render = Callable[[Sequence[Message], bool], str]
"""A chat, and whether the assistant is to go on, as the chat template writes it; `CotpressError`
where it refuses.
"""

QUESTION, REASONING, ANSWER = "Cotpress asks.", "Cotpress thinks.", "Cotpress says so."
ASKED: list[Message] = [{"role": "user", "content": QUESTION}]


class Markup(Record, frozen=True, kw_only=True):
    """What stands around the reasoning in a model's turn."""

    family: str = ""
    """Of `lm.marks.FAMILIES`; empty: the model marks nothing."""
    opening: str = ""
    closing: str = ""
    """Between reasoning and conclusion."""
    ending: str = ""
    """After the conclusion."""
    opened: str = ""
    """How much of `opening` the prompt holds; empty: the model writes it."""

    def begin(self, opening: str) -> str:
        """What stands before the reasoning where a model reads a trace that came with this
        `opening`: a model that marks nothing reads what the trace has.
        """
        return self.opening if self.family else opening

    def between(self, closing: str) -> str:
        """What stands between reasoning and conclusion, for a trace that came with this
        `closing`.
        """
        return self.closing if self.family else closing

    def rest(self, turn: str) -> str:
        """What is still to be written of a turn, or of its beginning, after the prompt."""
        mark, bare = self.opened.strip(), turn.lstrip()
        if not mark or not bare.startswith(mark):
            return turn
        blanks = self.opened[len(self.opened.rstrip()) :]
        return bare.removeprefix(mark).removeprefix(blanks)

    def whole(self, text: str) -> str:
        """A turn of which the model wrote `text` after the prompt."""
        mark = self.opened.strip()
        return text if not mark or text.lstrip().startswith(mark) else self.opened + text

    def closes(self, text: str) -> bool:
        """Whether what follows the prompt closes the thinking that the prompt opens."""
        if not self.opened:
            return True
        thought = thought_in(self.opened + text)
        return thought is not None and thought.closed


NONE = Markup()
"""Of a model that marks nothing, or of which nothing is known."""


def markup_of(model: object) -> Markup:
    """How a model marks its thinking; `NONE` for a model that does not say."""
    found = getattr(model, "markup", NONE)
    return found if isinstance(found, Markup) else NONE


def turn(
    markup: Markup,
    think: Think,
    *,
    opening: str,
    reasoning: str,
    closing: str,
    conclusion: str,
    ending: str,
) -> str:
    """What a model with this markup is taught to write after its prompt, from the parts of a trace;
    `CotpressError` where the prompt opens a thinking that the turn would not close.
    """
    if think == "target" and markup.family:
        opening, closing, ending = markup.opening, markup.closing, markup.ending
    elif think != "keep" and marked(opening + closing):
        opening, closing, ending = "", "\n\n", ""
    said = markup.rest(opening + reasoning + closing + conclusion + ending)
    if conclusion and not markup.closes(said):
        raise CotpressError(
            f"the model's prompt ends with {markup.opened.strip()}, and with --think {think} the "
            "answer would never close it: build with --think target, or switch the thinking off, "
            "as hf:MODEL,template.enable_thinking=false."
        )
    return said


def find(render: Render, template: str) -> Markup:
    """The markup that a chat template writes; `CotpressError` where it does not render a plain
    question.
    """
    prompt = render(ASKED, True)
    begun = prompt.rpartition(QUESTION)[2]
    thought = thought_in(begun)
    if thought and thought.closed and not begun[thought.answer :].strip():
        return NONE  # the prompt holds an empty thinking: the answer is plain text
    opened = _opened(begun)
    found = _rendered(render, prompt.removesuffix(opened)) or _named(template)
    if not opened:
        return found or NONE
    family = family_of(opened)
    assert family is not None
    usual = found if found and found.family == family.name else _markup(family)
    opening = usual.opening if usual.opening.startswith(opened) else opened
    return Markup(
        family=family.name,
        opening=opening,
        closing=usual.closing,
        ending=usual.ending,
        opened=opened,
    )


def _opened(begun: str) -> str:
    """The mark at the end of a prompt that opens the thinking, blanks included; else empty."""
    marks = [one for one in OPENS.finditer(begun) if not begun[one.end() :].strip()]
    return begun[marks[-1].start() :] if marks and family_of(begun) else ""


def _rendered(render: Render, prompt: str) -> Markup | None:
    """What the template writes around a reasoning that stands in a field of its own."""
    said: Message = {"role": "assistant", "content": ANSWER, "reasoning_content": REASONING}
    try:
        text = render([*ASKED, said], False)
    except CotpressError:
        return None
    before, found, after = text.rpartition(REASONING)
    between, answered, end = after.partition(ANSWER)
    if not found or not answered:
        return None
    turn = before.removeprefix(prompt) if before.startswith(prompt) else before
    family = family_of(turn)
    if family is None:
        return None
    mark = turn.rstrip().rfind(family.opening.strip())
    ending = re.match(ENDING, end, re.IGNORECASE)
    return Markup(
        family=family.name,
        opening=turn[mark:],
        closing=between,
        ending=ending.group() if ending else "",
    )


def _named(template: str) -> Markup | None:
    """The family whose closing mark the template's text names."""
    for family in FAMILIES:
        if family.closing.split()[0] in template and family.name != "granite":  # words, no mark
            return _markup(family)
    return None


def _markup(family: Family) -> Markup:
    return Markup(
        family=family.name, opening=family.opening, closing=family.closing, ending=family.ending
    )

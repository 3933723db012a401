"""How a ratio or a budget becomes words at the end of a question, and is read off again: the one
place that knows the tags.
"""

import re
from collections.abc import Sequence
from typing import Any, NamedTuple, NotRequired, TypedDict

from cotpress.errors import CotpressError

RATIO_TAG = "\n<ratio>{}</ratio>"
"""What a ratio below 1 looks like at the end of the user turn. At
1.0 there is no tag (TokenSkip, section 2.2).
"""

BUDGET_TAG = "\n<budget>{}</budget>"
"""What a budget, in reasoning tokens, looks like in the same place."""

BOXED = r"Please reason step by step, and put your final answer within \boxed{}."
"""The instruction of TokenSkip and of DeepSeek-Math's evaluation
(specification section 2.2), where none is named.
"""

TAGGED = re.compile(re.escape(RATIO_TAG).replace(r"\{\}", r"(0\.\d{1,2})") + r"\Z")
"""The tag at the end of a turn, as `ratio_tag` writes it."""

BUDGETED = re.compile(re.escape(BUDGET_TAG).replace(r"\{\}", r"([1-9][0-9]*)") + r"\Z")
"""The same for `budget_tag`."""

TAGS = ("ratio", "budget")
"""Names of the tags that ask for a length: reserved at the end of a question."""

RESERVED = re.compile(rf"</({'|'.join(TAGS)})>(?=\s*\Z)")


class Message(TypedDict):
    """One turn of a chat, as every chat template takes it."""

    role: str
    content: str
    tool_calls: NotRequired[list[Any]]
    """What an assistant's turn calls, as OpenAI writes it."""
    tool_call_id: NotRequired[str]
    """Which call a tool's turn answers."""
    name: NotRequired[str]
    reasoning_content: NotRequired[str]
    """An assistant's thinking, where it stands apart from what it says."""


def check_ratio(ratio: float) -> float:
    """Return `ratio`, the fraction of reasoning tokens kept,
    if 0 < ratio <= 1; `CotpressError` otherwise.
    """
    if not 0 < ratio <= 1:
        raise CotpressError(
            f"ratio {ratio:g} is not a fraction of kept tokens: choose 0 < ratio <= 1, such as 0.6."
        )
    if round(ratio, 2) != ratio:
        raise CotpressError(
            f"ratio {ratio!r} has more than two decimals, which the "
            "prompt does not carry: round it."
        )
    return ratio


def ratio_tag(ratio: float | None) -> str:
    """The text that asks for `ratio`; empty for None and 1.0. At most two
    decimals, as `{{ x|float|round(2) }}` in Jinja.
    """
    if ratio is None or check_ratio(ratio) == 1.0:
        return ""
    return RATIO_TAG.format(round(float(ratio), 2))


def check_budget(budget: int) -> int:
    """Return `budget`, in reasoning tokens, if it is at least 1; `CotpressError` otherwise."""
    if budget < 1:
        raise CotpressError(
            f"a budget of {budget} tokens leaves none to reason in: choose 1 or more."
        )
    return budget


def budget_tag(budget: int | None) -> str:
    """The text that asks for `budget` reasoning tokens; empty for None."""
    return "" if budget is None else BUDGET_TAG.format(check_budget(budget))


def as_text(question: str) -> str:
    r"""A question that ends in a reserved tag of its own asks for nothing by it: the tag's end is
    written `<\/ratio>`.
    """
    return RESERVED.sub(r"<\\/\1>", question)


class Untagged(NamedTuple):
    """A chat, and what the tag at the end of its last user turn asked for."""

    messages: list[Message]
    """Without the tag."""
    ratio: float = 1.0
    """1.0 without a tag of a ratio."""
    budget: int | None = None

    @property
    def tagged(self) -> bool:
        """Whether there was a tag."""
        return self.ratio < 1 or self.budget is not None


def untagged(messages: Sequence[Message]) -> Untagged:
    """The messages without the tag at the end of the last user turn, and what it asked for."""
    turns = list(messages)
    for place, turn in reversed(list(enumerate(turns))):
        if turn["role"] == "user":
            if tag := TAGGED.search(turn["content"]) or BUDGETED.search(turn["content"]):
                turns[place] = {"role": "user", "content": turn["content"][: tag.start()]}
                if tag.re is BUDGETED:
                    return Untagged(turns, budget=int(tag[1]))
                return Untagged(turns, ratio=check_ratio(float(tag[1])))
            break
    return Untagged(turns)

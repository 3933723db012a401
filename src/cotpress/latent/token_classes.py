"""Which tokens of a reasoning are words, which belong to a number that the question gives, and
which to one that it does not.

A number is what is written: digits of any script, in English groups of thousands, with a decimal
point. It stands in the question if it is written there in the same way, whole: 16 is not in 160,
and 1,000 is not 1000. Signs, units and percent signs do not belong to it: a minus may be an
operator.
"""

import re
from collections.abc import Sequence
from typing import Literal, get_args

TokenClass = Literal["words", "given_numbers", "new_numbers"]

CLASSES: tuple[TokenClass, ...] = get_args(TokenClass)
"""A token of several classes belongs to the last of them."""

NUMBER = re.compile(r"(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d+)?|(?<![\w.])\.\d+")
"""A number as it is written; every digit is in one."""


def token_classes(text: str, token_ends: Sequence[int], question: str) -> list[TokenClass]:
    """The class of every token of a reasoning.

    Args:
        text: The reasoning.
        token_ends: The end offset of each of its tokens; tokens of one character share its end.
        question: What is asked.

    Returns:
        One class per token: words if it has no character of a number, else the class of its number;
        a token of several numbers is new if one of them is.
    """
    given = set(NUMBER.findall(question))
    rank = [0] * len(text)  # of each character: place in `CLASSES`
    for number in NUMBER.finditer(text):
        start, end = number.span()
        rank[start:end] = [1 if number[0] in given else 2] * (end - start)
    found: list[TokenClass] = []
    start = end = 0
    for token_end in token_ends:
        if token_end > end:
            start, end = end, token_end
        found.append(CLASSES[max(rank[start:end], default=0)])
    return found

"""Which pieces of a reasoning are worded alike: numbers count as alike, and so do the words of a
question that few questions have. Pure; no model.
"""

import re
from collections import Counter
from collections.abc import Collection, Iterable

COMMON = 0.3
"""A word that stands in so large a share of the questions belongs to the wording."""

NUMBER = re.compile(r"\d+(?:\.\d+)?")
WORD = re.compile(r"[^\W\d_]+")


def common_words(questions: Iterable[str]) -> frozenset[str]:
    """The words that a share `COMMON` of the questions have."""
    counts, n = Counter[str](), 0
    for n, question in enumerate(questions, start=1):  # noqa: B007
        counts.update({*WORD.findall(question)})
    return frozenset(word for word, found in counts.items() if found >= COMMON * n)


def own_words(question: str, common: Collection[str]) -> set[str]:
    """The words of a question that few of the questions have."""
    return {*WORD.findall(question)}.difference(common)


def worded(text: str, own: Collection[str], words: int | None = None) -> str:
    """A text, or its first `words` words, whose numbers, and words that are its question's `own`,
    are as any other's.
    """
    alike = NUMBER.sub("#", text.strip())
    found = WORD.sub(lambda word: "_" if word[0] in own else word[0], alike)
    return found if words is None else " ".join(found.split(maxsplit=words)[:words])

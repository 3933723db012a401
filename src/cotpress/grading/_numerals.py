"""Whole numbers that are written in words: "twelve", "one hundred and five"."""

import re

_TO_NINETEEN = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
    "fifteen sixteen seventeen eighteen nineteen"
)
_SMALL = {word: value for value, word in enumerate(_TO_NINETEEN.split())}
_DECADES = "twenty thirty forty fifty sixty seventy eighty ninety"
_TENS = {word: 10 * value for value, word in enumerate(_DECADES.split(), 2)}
_LARGE = {"thousand": 10**3, "million": 10**6, "billion": 10**9}
_WORDS = re.compile(r"[A-Za-z]+(?:[\s-]+[A-Za-z]+){0,20}")


def in_digits(text: str) -> str | None:
    """`twenty-four` -> `24`; None for anything that is not one whole number in words."""
    if not _WORDS.fullmatch(text):
        return None
    words = text.lower().replace("-", " ").split()
    if words[0] not in _SMALL and words[0] not in _TENS:
        return None
    if words == ["zero"]:
        return "0"
    total, group, largest = 0, 0, 10**12
    for before, word in zip(["", *words], words, strict=False):
        if word in _LARGE and group and _LARGE[word] < largest:
            largest = _LARGE[word]
            total, group = total + group * largest, 0
        elif (more := _added(before, word, group)) is not None:
            group = more
        else:
            return None
    return None if words[-1] == "and" else str(total + group)


def _added(before: str, word: str, group: int) -> int | None:
    """The number below a thousand that `word` makes of `group`; None where it cannot follow."""
    if word == "and":
        return group if before == "hundred" or before in _LARGE else None
    if word == "hundred":
        return 100 * group if 0 < group < 10 else None
    if word in _TENS:
        return group + _TENS[word] if group % 100 == 0 else None
    value = _SMALL.get(word, 0)
    after_tens = before in _TENS and value < 10
    return group + value if value and (after_tens or group % 100 == 0) else None

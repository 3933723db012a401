"""Options of multiple choice, and which of them a text decides for."""

import re

from cotpress.grading._answer import REASON, boxed, in_answer_tags, last_line, sentence
from cotpress.grading._plain import MAX_ANSWER, plain

_OPTION = re.compile(r"(?i:(?:option|choice|answer)\s+)?(?:\(([A-Za-z])\)|([A-Za-z])(?=$|[.:)]))")
_SEVERAL = re.compile(
    r"[*\s(]*\(?([A-Z])\)?[*\s)]*(?:(?:,|;|/|\bor\b|\band\b|&)\s*(?:and|or)?[\s(]*([A-Z])\b\)?\s*)+"
)
_OPTION_IN_TEXT = re.compile(
    r"(?<![A-Za-z])\(([A-Za-z])\)|\b[Oo]ption\s+\(?([A-Za-z])\b|\b(?:[Oo]ption|[Cc]hoice)(?:\s+is\s+|\s*:\s*)[*(]*([A-Z])\b"
    r"|\b([A-Z])\b\W{0,3}\s+is\s+(?:the\s+)?(?:correct|right)\b"
)


def letter(text: str) -> str | None:
    """The option a text decides for, as a capital letter; of
    several all, in the order of the alphabet: `AC`.
    """
    text = in_answer_tags(text)
    for place in (boxed(text), sentence(text), last_line(text)):
        if place and (
            found := several(place) or option(place) or option(REASON.split(place, maxsplit=1)[0])
        ):
            return found
    named = ["".join(groups) for groups in _OPTION_IN_TEXT.findall(text)]
    return named[-1].upper() if named else None


def several(text: str) -> str | None:
    """`(A), (B)` and `A or C` -> `AB`, `AC`; None where fewer
    than two options are all that the text says.
    """
    bare = re.sub(r"\\(?:text|textbf|mathbf|mathrm)\{([^{}]*)\}", r"\1", text[:MAX_ANSWER]).strip(
        " $.*"
    )
    return (
        "".join(sorted(set(re.findall(r"\b([A-Z])\b", bare)))) if _SEVERAL.fullmatch(bare) else None
    )


def option(text: str) -> str | None:
    """`(a) five` -> `A`; None where the text does not begin with an option's letter."""
    bare = re.sub(
        r"\\(?:text|textbf|mathbf|mathrm)\{([^{}]*)\}", r"\1", plain(text[:MAX_ANSWER])
    ).strip(" *\"'[]")
    match = _OPTION.match(bare)
    return next(filter(None, match.groups())).upper() if match else None

"""Options of multiple choice, and which of them a text decides for."""

import re

from cotpress.grading._answer import REASON, boxed, in_answer_tags, last_line, sentence
from cotpress.grading._plain import MAX_ANSWER, plain

_OPTION = re.compile(
    r"(?i:(?:option|choice|answer)\s+)?"
    r"(?:\(([A-Za-z])\)|([A-Za-z])(?=$|[.:)])|([A-Z])(?=\s+\([^()]*\)?$))"
)
_SEVERAL = re.compile(
    r"(?:(?:both|either)\s+)?[*\s(]*\(?([A-Z])\)?[*\s)]*(?:(?:,|;|/|\bor\b|\band\b|&)\s*(?:and|or)?[\s(]*([A-Z])\b\)?\s*)+"
)
_OPTION_IN_TEXT = re.compile(
    r"(?<![A-Za-z])\(([A-Za-z])\)|\b[Oo]ption\s+\(?([A-Za-z])\b\)?"
    r"|\b(?:[Oo]ption|[Cc]hoice)(?:\s+is\s+|\s*:\s*)[*(]*([A-Z])\b"
    r"|\b([A-Z])\b\W{0,3}\s+is\s+(?:the\s+)?(?:correct|right)\b"
)
_SET_APART = re.compile(
    r"(?<![\w(])(?:\$\s*\\(?:text|math)(?:bf|rm|sf|tt)?\{\s*(?:\(([A-Za-z])\)|([A-Z]))\s*\}\s*\$"
    r"|`(?:\(([A-Za-z])\)|([A-Z]))`)"
)
_NOT_BUT = re.compile(
    r"(?:\bnot|n't)\s+(?:option\s+|choice\s+)?\(?[A-Z]\)?\s*[,;:]?\s*"
    r"(?:but(?:\s+rather)?|it\s+is|it's|rather)\s+(.+)"
)
_REJECTED = re.compile(
    r"(?:(?!\b(?:because|since|so|as)\b)[^.;,:\n]){0,200}"
    r"(?:\b(?:wrong|incorrect|false|impossible|fails?|contradicts|cannot|ruled\s+out|excluded)\b"
    r"|\b(?:is|are|was)(?:\s+not|n't)\b|\bdo(?:es)?(?:\s+not|n't)\s+(?:fit|work|hold|match)\b"
    r"|:\s*no\b)"
)
_SUPPOSED = re.compile(r"\b[Ii]f\b[^.,;:\n]*$")
_JOINED = re.compile(r"[\s,;*]*(?:\bor\b|\band\b)?[\s,*]*(?:\bor\b|\band\b)?[\s*]*")
_ONE_MORE = re.compile(r"[\s*]*\b(?:or|and)\s+\(?[A-Z]\b")

_WITH_OPTION = re.compile(
    r"(?:\\text(?:bf)?\{\s*\(([A-J])\)\s*\}|\(([A-J])\)|([A-J])\)(?=\s*\S)|([A-J])$)\s*"
)
"""A reference answer that is an option, alone or with what it says."""


def letter(text: str) -> str | None:
    """The option a text decides for, as a capital letter; of
    several all, in the order of the alphabet: `AC`.
    """
    text = _SET_APART.sub(lambda found: f"({''.join(filter(None, found.groups()))})", text)
    text = in_answer_tags(text)
    line = last_line(text)
    for place in (boxed(text), sentence(text), None if _names_two(line) else line):
        if place and (
            found := several(place) or option(place) or option(REASON.split(place, maxsplit=1)[0])
        ):
            return found
    return _last_named(text)


def _names_two(line: str) -> bool:
    return len(_OPTION_IN_TEXT.findall(line)) > 1


def _last_named(text: str) -> str | None:
    """The last option that a text names and does not reject; None where it names two in a row."""
    named = reversed(list(_OPTION_IN_TEXT.finditer(text)))
    held = (
        one
        for one in named
        if not _REJECTED.match(text, one.end())
        and not _SUPPOSED.search(text[max(0, one.start() - 80) : one.start()])
    )
    if not (last := next(held, None)):
        return None
    before = next(held, None)
    joined = before and _JOINED.fullmatch(text, before.end(), last.start())
    if joined or _ONE_MORE.match(text, last.end()):
        return None
    return "".join(filter(None, last.groups())).upper()


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
    ).strip(" *\"'`[]")
    if meant := _NOT_BUT.search(bare):
        bare = meant[1].strip(" *\"'`[]")
    match = _OPTION.match(bare)
    if not match or _REJECTED.match(bare, match.end()):
        return None
    return "".join(filter(None, match.groups())).upper()


def same_options(reference: str, said: str) -> bool | None:
    """Whether an answer names the options of a reference; None where one of the two names none."""
    wanted, chosen = several(reference), several(said)
    if wanted and chosen and not re.match(r"[(\[]\s*[A-Z]\s*[,;]", reference):
        return wanted == chosen
    named = _WITH_OPTION.match(reference)
    chosen = option(said) if named else None
    return chosen in (named.groups()) if named and chosen else None


def without_option(reference: str) -> str:
    r"""`\textbf{(C)} 12` -> `12`: what an option says; the whole text where it says nothing."""
    named = _WITH_OPTION.match(reference)
    return (reference[named.end() :] if named else "") or reference

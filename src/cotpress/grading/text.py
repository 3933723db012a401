"""Free text: the same words but for case, punctuation, articles and extra white space.

The normalised exact match of SQuAD (Rajpurkar et al. 2016, section 6.1). A reference may be
several accepted answers: one a line, or a JSON list. The answer is what the last `<answer>` tags,
box, or "the answer is" say; else the last line.

Kept, where SQuAD's script drops it, is what makes another answer: a point, sign or other mark in
or before a number (3.5 is not 35, -3 not 3, 1/2 not 12), `+`, `-` and `#` after one or two letters
(C++, A-), and an article that is the last word or stands before one letter (vitamin A). Commas
between thousands are dropped.
"""

import json
import re
import unicodedata

from cotpress.answers import ANNOUNCED
from cotpress.grading import NO_ANSWER, Grader, decided
from cotpress.grading._announced import announced
from cotpress.grading._answer import boxed, in_answer_tags, last_line, sentence
from cotpress.grading._plain import MAX_ANSWER
from cotpress.records import Grade

_DRESS = re.compile(r"\\(?:text|textbf|textit|mathrm|mathbf|mbox|emph)\{([^{}]*)\}")
_DASHES = str.maketrans(dict.fromkeys("−‐‑‒–—﹣－", "-"))
_THOUSANDS = re.compile(r"(?<![\d.,])\d{1,3}(?:,\d{3})+(?![\d,])")
_ARTICLE = re.compile(r"\b(?:a|an|the)\s+(?=[\"'“‘*_]*(?:\w{2}|\d))", re.IGNORECASE)
_KEPT = re.compile(
    r"(?<=\d)[^\w\s](?=\d)"
    r"|(?<![^\s(\[*\"'$€£¥,;:=])[-<>](?=[$€£¥]?\.?\d)"
    r"|(?<![\w.])\.(?=\d)"
    r"|(?:(?<=\b[^\W\d_])|(?<=\b[^\W\d_]{2}))[-+#]{1,2}(?!\w)"
)
_BETWEEN_NUMBERS = re.compile(r"(?<=\d)\0+(?=[-.<>]?\d)")
"""Dropped marks without which two numbers would run together."""


def load(target: str = "") -> Grader:
    """The grader of free text."""
    return Grader(quick)


def quick(text: str, answer: str) -> Grade:
    """Whether a text answers with one of the accepted texts."""
    found = _readings(text)
    if not found:
        return NO_ANSWER
    accepted = references(answer)
    longest = 2 * max(map(len, accepted)) + MAX_ANSWER
    wanted = {normalised(one) for one in accepted}
    right = found[0] == answer.strip() or any(
        len(one) <= longest and normalised(one) in wanted for one in found
    )
    return decided(found[-1], right)


def references(answer: str) -> list[str]:
    """The accepted answers: the items of a JSON list, else the lines."""
    whole = answer.strip()
    if whole.startswith("["):
        try:
            listed = json.loads(whole)
        except (ValueError, RecursionError):
            listed = None
        if listed and all(isinstance(one, (str, int, float)) for one in listed):
            return list(map(str, listed))
    return [line for line in whole.split("\n") if line.strip()] or [whole]


def normalised(text: str) -> str:
    """The text as it is compared; a text of nothing but marks as it stands."""
    bare = unicodedata.normalize("NFC", _DRESS.sub(r"\1", text)).translate(_DASHES).casefold()
    bare = _THOUSANDS.sub(lambda match: match[0].replace(",", ""), bare)
    bare = _ARTICLE.sub("", bare)
    kept = {n for match in _KEPT.finditer(bare) for n in range(*match.span())}
    gaps = "".join(
        "\0" if n not in kept and _is_mark(letter) else letter for n, letter in enumerate(bare)
    )
    words = _BETWEEN_NUMBERS.sub(" ", gaps).replace("\0", "")
    return " ".join(words.split()) or " ".join(bare.split())


def _is_mark(letter: str) -> bool:
    """Whether a letter is punctuation, an ASCII symbol or a currency."""
    kind = unicodedata.category(letter)
    return kind[0] == "P" or kind == "Sc" or (kind[0] == "S" and letter.isascii())


def _readings(text: str) -> list[str]:
    """What the text may give as its answer: the whole line, and the first sentence of it."""
    inside = in_answer_tags(text)
    if box := boxed(inside):
        return [box]
    line = announced(inside, ANNOUNCED)
    if line is None:
        whole = inside if inside is not text else last_line(text)
        return [whole.strip()] if whole.strip() else []
    first = sentence(inside)
    starts = first and line.lstrip(" \t*_:\n").startswith(first)
    return [line.strip(), first] if first and starts else [line.strip()]

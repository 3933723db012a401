"""Where in a text its answer stands: the last box, else the
last "the answer is …", else the last number.
"""

import re
from collections import deque
from itertools import pairwise

from cotpress.answers import ANNOUNCED
from cotpress.grading._numbers import DECIMAL, number
from cotpress.grading._plain import MAX_ANSWER
from cotpress.grading._units import NO_UNITS

_BRACES = re.compile(r"(?P<box>\\(?:boxed|fbox)\s*\{)|\\.|(?P<open>\{)|(?P<close>\})", re.DOTALL)
_BARE_BOX = re.compile(r"\\boxed\s+([^\s${}\\]+)")
_OF_OTHERS = re.compile(
    r"(?:\bThat\s+$|(?i:\b(?:wrong|incorrect|mistaken|naive|tempting)\s+$"
    r"|\b(?:people|students|many|some|others|you|they)\s+(?:\w+\s+){0,2}"
    r"(?:say|said|think|thought|believe|guess|claim|answer)\w*\s+(?:that\s+)?(?:the\s+|my\s+)?$"
    r"|\b(?:if|whether|unless)\b(?:(?!\bthen\b)[^.,;:!?\n]){0,50}$))"
)
"""What stands before an answer that is somebody else's, or not given."""

_DISPLAY = re.compile(r"\s*(?:\$\$|\\\[)\s*(.+?)\s*(?:\$\$|\\\])", re.DOTALL)
_STOP = re.compile(r"(?<!\\)[.!?]+(?=\s|$)|[。！？]")
_END = re.compile(r"[ \t*_:.]+$|^\.(?!\d)[ \t*_:.]*")
_ABBREVIATED = re.compile(r"\b(?:St|Dr|Mr|Mrs|Ms|Prof|Mt|Ft|Jr|Sr|vs|Gen|Col|Capt|Sgt|Rev)$")
_COUNTED = re.compile(
    r"\b(?:Nos?|Figs?|Eq|Ch|Vol|[Aa]pprox|[Cc]a|Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec)$"
)
_NUMBER_FOLLOWS = re.compile(r"\s*[$\\]*\d")
_INITIAL = re.compile(r"\b[A-Z]$")
_NAME = re.compile(
    r"\s(?:[A-Z]\.|[a-z]{3,}|[A-Z][a-z]+\s*(?:[.,;:!?]|$|\s(?:because|since|who|which|as|and)\b))"
)
_DOTTED = re.compile(r",\s+(?:(?:[A-Z][A-Za-z]*\.)+[A-Z]?|Jr|Sr|Inc|Ltd)\.?$")
"""A part of a name behind a comma: `Washington, D.C.`"""

_CONDITION = re.compile(
    r"\b(?:if|when|whenever|for|where|with|from|provided|given|at|unless|not|rather|instead|out\s+of)\b",
    re.IGNORECASE,
)
_OF = re.compile(r"\s*of\b")
_LIMIT = re.compile(r"\b(?:between|from)\s*$", re.IGNORECASE)
_UP_TO = re.compile(r"\s*(?:[A-Za-z]+\s+)?(?:to|and|[-–])\s*")
_OF_ALL = re.compile(
    r"\s+(?:out\s+of|of\s+(?:the|all|these|those|his|her|its|their))\s+(?:the\s+)?"
)
_RANGE = re.compile(r"\s*(?:\bto\b|–)\s*")
_JOINED = re.compile(r"[\s,;]*(?:\band\b|\bor\b)?[\s,;]*", re.IGNORECASE)
_TWO_NUMBERS = re.compile(
    r"(?:either\s+)?(-?\d[\d.,]*)\s*(?:,?\s*\b(?:or|and)\b\s*)(-?\d[\d.,]*)", re.IGNORECASE
)
REASON = re.compile(
    r"[,;]\s+(?!(?:and|or)\s+[\d$\\-])(?=[A-Za-z])|\s+(?:because|since|so|which|as)\b"
)
_NUMBERS = re.compile(
    rf"(?:(?<![\w)}}\]])(?<![\d)}}\]]\s)[-−]\s?)?(?:\\?[$€£¥]\s?)?{DECIMAL}(?:/{DECIMAL}|(?:\s?\\?%))?"
)
_MATHS = re.compile(r"(?<!\\)\$((?:[^$\\]|\\.)+)\$|\\\((.+?)\\\)|\\\[(.+?)\\\]", re.DOTALL)


def found_answer(text: str) -> str | None:
    """The answer as the text words it: last box, else last "the answer
    is …", else last number; None if there is none.
    """
    text = in_answer_tags(text)
    return boxed(text) or _numeric_sentence(text) or _last_number(text)


def in_answer_tags(text: str) -> str:
    """What stands in the last `<answer>…</answer>`, with which R1-Zero's
    prompt has answers given; else the whole text.
    """
    end = text.rfind("</answer>")
    begin = text.rfind("<answer>", 0, max(0, end))
    return text[begin + len("<answer>") : end].strip() or text if begin >= 0 else text


def boxed(text: str) -> str | None:
    r"""The content of the last `\boxed{…}` that is closed and not empty;
    of boxes in boxes the innermost. Linear time.
    """
    open_at: list[int | None] = []
    last: tuple[int, int] | None = None
    for brace in _BRACES.finditer(text):
        if brace["box"]:
            open_at.append(brace.end())
        elif brace["open"]:
            open_at.append(None)
        elif brace["close"] and open_at:
            start = open_at.pop()
            if (
                start is not None
                and (last is None or start > last[0])
                and text[start : brace.start()].strip()
            ):
                last = (start, brace.start())
    if last:
        return text[last[0] : last[1]].strip()
    bare = deque(_BARE_BOX.finditer(text), maxlen=1)
    return str(bare[0][1]) if bare else None


def sentence(text: str) -> str | None:
    """What follows the last "the answer is" or "####": the formula
    on the next lines, or the rest of the sentence.
    """
    said = [
        match.end()
        for match in ANNOUNCED.finditer(text)
        if not _OF_OTHERS.search(text[max(0, match.start() - 80) : match.start()])
    ]
    for end in reversed(said):
        rest = text[end : end + 4 * MAX_ANSWER]
        if display := _DISPLAY.match(rest):
            return display[1]
        line = rest.lstrip(" \t*:\n").partition("\n")[0]
        first = _first_sentence(line).strip(" \t*_:")
        if bare := _END.sub("", first):
            return bare
    return None


def _first_sentence(line: str) -> str:
    """The line up to its first full stop that ends a sentence: not that
    of `St.`, `Dr.`, `No. 7`, or an initial before a name.
    """
    for stop in _STOP.finditer(line):
        before, after = line[: stop.start()], line[stop.end() :]
        if _ABBREVIATED.search(before) or (_INITIAL.search(before) and _NAME.match(after)):
            continue
        if _COUNTED.search(before) and _NUMBER_FOLLOWS.match(after):
            continue
        return before
    return line


def _numeric_sentence(text: str) -> str | None:
    """The sentence with the answer, or in a wordy one ("that Mia has 18
    apples") the formula or the last number in it.
    """
    said = sentence(text)
    if said is None or number(said) or len(said) > MAX_ANSWER:
        return said
    cut = said if _DOTTED.search(said) else REASON.split(said, maxsplit=1)[0]
    said = cut if _NUMBERS.search(cut) or not _NUMBERS.search(said) else said
    if formulas := list(_MATHS.finditer(said)):
        return _meant(said, formulas)
    if two := _TWO_NUMBERS.fullmatch(said.strip()):
        return f"{two[1]}, {two[2]}"
    formula, _, result = said.rpartition("=")
    if number(result) and not (result.strip() == "0" and re.search(r"[a-z]\s*[-+]", formula)):
        return result.strip()
    first = re.match(r"([A-Za-z]{2,})[,:]?\s", said)
    wordy = first and first[1].lower() not in NO_UNITS
    return (_last_number(said) if wordy else None) or said


def _meant(sentence: str, formulas: list[re.Match[str]]) -> str:
    """The formula that is the answer: the last one, but not one behind a
    condition; several joined by "and" are a list, and two ends are a range.
    """
    texts = [str(next(filter(None, match.groups()))).strip() for match in formulas]
    between = [sentence[one.end() : other.start()] for one, other in pairwise(formulas)]
    if between and _LIMIT.search(sentence[: formulas[0].start()]) and _UP_TO.fullmatch(between[0]):
        return f"{texts[0]} to {texts[1]}"
    for n, words in enumerate(between):
        if _CONDITION.search(words) or (_OF.match(words) and number(texts[n])):
            texts, between = texts[: n + 1], between[:n]
            break
    if between and all(_JOINED.fullmatch(words) for words in between):
        bare = [re.sub(r"^[a-zA-Z]\s*=\s*(?=[^=]+$)", "", text) for text in texts]
        return ", ".join(bare)
    return texts[-1]


def _last_number(text: str) -> str | None:
    """The last number; of "17 of the 20" the first, of "4 to 5" both."""
    found = deque(_NUMBERS.finditer(text), maxlen=2)
    if len(found) == 2:
        start, between = found[0].start(), text[found[0].end() : found[1].start()]
        if _OF_ALL.fullmatch(between):
            return found[0][0].strip()
        limits = _UP_TO if _LIMIT.search(text[max(0, start - 20) : start]) else _RANGE
        if limits.fullmatch(between):
            return text[start : found[1].end()].strip()
    return found[-1][0].strip() if found else None


def last_line(text: str) -> str:
    return text.rstrip().rpartition("\n")[2].lstrip("#").strip()

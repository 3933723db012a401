"""Where in a text its answer stands: the last box, else the
last "the answer is …", else the last number.
"""

import re
from collections import deque
from itertools import pairwise

from cotpress.answers import announcements
from cotpress.grading._numbers import DECIMAL, number
from cotpress.grading._plain import MAX_ANSWER
from cotpress.grading._units import NO_UNITS

_BRACES = re.compile(r"(?P<box>\\(?:boxed|fbox)\s*\{)|\\.|(?P<open>\{)|(?P<close>\})", re.DOTALL)
_AND = re.compile(
    r"(?:[\s,;$]|\\q?quad|\\[,;: ]|\\[()\[\]]|\\text\{\s*(?:and|or)?\s*\}|\b(?:and|or)\b)+"
)
"""What may stand between two boxes of one answer."""

_BARE_BOX = re.compile(r"\\boxed\s+([^\s${}\\]+)")
_OF_OTHERS = re.compile(
    r"(?:\bThat\s+$|(?i:\b(?:wrong|incorrect|mistaken|naive|tempting)\s+$"
    r"|\b(?:people|students|many|some|others|you|they)\s+(?:\w+\s+){0,2}"
    r"(?:say|said|think|thought|believe|guess|claim|answer)\w*\s+(?:that\s+)?(?:the\s+|my\s+)?$"
    r"|\b(?:if|whether|unless)\b(?:(?!\bthen\b)[^.,;:!?\n]){0,50}$))"
)
"""What stands before an answer of another person, or one that is withheld."""

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
    rf"(?:(?<![\w)}}\]])(?<![\d)}}\]]\s)[-−]\s?)?(?:\\?[$€£¥]\s?)?(?:(?<![A-Za-z])|(?=\d+(?:[.,]\d+)*(?![A-Za-z\d]))){DECIMAL}(?:/{DECIMAL}|(?:\s?\\?%))?"
)
_IS = re.compile(
    r"\s*(?:is|are|equals|will be|would be|must be)\s+(\\?[$€£¥]?\s?-?\d[\d.,]*(?:/\d+)?\s?%?)"
    r"(?=\s*(?:[A-Za-z ]*)[.!]?\s*$)"
)
"""What a formula is said to be: `the largest $n$ is 34`."""

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
    of boxes in boxes the innermost; of several that only "and" or commas part, all as a list.
    Linear time.
    """
    open_at: list[tuple[int, int] | None] = []
    found: list[tuple[int, int, int]] = []  # where a box begins, its content begins and ends
    for brace in _BRACES.finditer(text):
        if brace["box"]:
            open_at.append((brace.start(), brace.end()))
        elif brace["open"]:
            open_at.append(None)
        elif brace["close"] and open_at:
            place = open_at.pop()
            if (
                place
                and (not found or place[1] > found[-1][1])
                and text[place[1] : brace.start()].strip()
            ):
                found.append((*place, brace.start()))
    if found:
        together = [found.pop()]
        while found and _AND.fullmatch(text, found[-1][2] + 1, together[0][0]):
            together.insert(0, found.pop())
        return ", ".join(dict.fromkeys(text[begin:end].strip() for _, begin, end in together))
    bare = deque(_BARE_BOX.finditer(text), maxlen=1)
    return str(bare[0][1]) if bare else None


def sentence(text: str) -> str | None:
    """What follows the last "the answer is" or "####": the formula
    on the next lines, or the rest of the sentence.
    """
    said = [
        match.end()
        for match in announcements(text)
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
        if value := _IS.match(said, formulas[-1].end()):
            return value[1]
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
    """The last number; of "17 of the 20" the first, of "4 to 5" both, and of a formula that it is a
    part of the whole.
    """
    found = deque(_NUMBERS.finditer(text), maxlen=2)
    if not found:
        return None
    if len(found) == 2:
        between = text[found[0].end() : found[1].start()]
        if _OF_ALL.fullmatch(between):
            return found[0][0].strip()
        limits = _UP_TO if _LIMIT.search(text[: found[0].start()][-20:]) else _RANGE
        if limits.fullmatch(between):
            return text[found[0].start() : found[1].end()].strip()
    return _around(text, found[-1].start()) or found[-1][0].strip()


def _around(text: str, at: int) -> str | None:
    """The formula that the number at a place is a part of, or its result behind the last `=`."""
    for match in deque(_MATHS.finditer(text), maxlen=1):
        formula = next(group for group in match.groups() if group is not None).strip()
        if match.start() <= at < match.end() and not _WORDY.search(formula):
            result = formula.rpartition("=")[2].strip()
            return result if number(result) and not _RELATED.search(formula) else formula
    return None


_WORDY = re.compile(r"(?<![\\A-Za-z{])[A-Za-z]{2,}(?![A-Za-z}])")
"""Words: what stands between two dollar signs is not a formula but lies between two prices."""
_RELATED = re.compile(r"[<>!]=|\\(?:le|ge|ne)q?(?![A-Za-z])|<=|>=")


def last_line(text: str) -> str:
    return text.rstrip().rpartition("\n")[2].lstrip("#").strip()

r"""How a text names its answer: the words before it, the box around it. One vocabulary for
splitting a completion, grading it, importing a worked solution and prefilling a control's
conclusion.
"""

import re
from collections.abc import Iterator

FINAL = "####"
"""What the last line of a worked solution begins with, as in GSM8K."""

_ENGLISH = (
    r"(?<!\bto )(?<!\bthis )(?<!\bif )(?<!\bhope )(?<!\bwhether )"
    r"(?:\b(?:the|my|our)\s+(?:\w+\s+){0,2}?)?"
    r"(?<!\bif the )(?<!\bif my )(?<!\bhope the )(?<!\bhope my )(?<!\bwhether the )\banswers?\b"
    r"(?:[^.,;\n:=]{0,60}?(?:\b(?:is|are|(?:would|must|should|will)\s+(?:then\s+)?be)\b|[:=：])"
    r"|(?=\s*(?:\*\*|__)\s*[:：]))(?:\s*(?:\*\*|__))?\s*[:：]?"
    r"|\b(?:the\s+|my\s+)?final\s+answer\b(?!\s+(?:depends|requires|needs|can|may|might)\b)"
    r"|^\#{2,6}\s+(?:\w+\s+)?answer\b"
)
_OTHERS = (
    r"(?:答案|故选|应选|选择|答え)(?:是|为|為|は|[:：])+|故选|정답(?:은|[:：])"
    r"|\bla\s+respuesta(?:\s+\w+)?\s+es\b:?|\bla\s+réponse(?:\s+\w+)?\s+est\b\s*:?"
    r"|\bdie\s+antwort(?:\s+\w+)?\s+(?:ist|lautet)\b:?|\bответ\b\s*[:—–-]"
)
ANNOUNCED = re.compile(
    rf"(?<!#){FINAL}(?!#)(?=\s*\S)|{_ENGLISH}|<answer>(?=\s*[^\s<])|{_OTHERS}",
    re.IGNORECASE | re.MULTILINE,
)
"""The words that announce an answer: "the answer is", "**Answer:**", "####", "答案是". What they
announce begins where they end.
"""

_NEEDED = (
    *(FINAL, "answer", "答案", "故选", "应选", "选择", "答え", "정답"),
    *("respuesta", "réponse", "antwort", "ответ"),
)
"""Of which an announcement has one, in small letters."""


def announcements(text: str, begin: int = 0) -> Iterator[re.Match[str]]:
    """Every announcement from `begin` on. The pattern is slow, and most sentences have no word of
    it.
    """
    small = text[begin:].casefold()
    if any(word in small for word in _NEEDED):
        yield from ANNOUNCED.finditer(text, begin)


BOX = re.compile(r"\\f?boxed\s*(?=[{\s\d])")
"""Where a box around an answer begins."""


def stated(answer: object) -> str:
    r"""The sentence for an answer that was not stated: `The final answer is \boxed{…}.`"""
    return rf"The final answer is \boxed{{{answer}}}."

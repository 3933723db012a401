r"""Where the reasoning ends and the conclusion begins: a completion in four parts that join to
exactly its text.

TokenSkip's release splits on one English phrase and so keeps 847 of about 6,800 correct LLaMA
answers (specification section 2.4, hemingkx/TokenSkip#6). Here the first of these that is found
decides: marks of thinking (lm/marks.py); the task's own marker; the last sentence that names the
answer ("The final answer is: $\boxed{18}$", "**Answer:** 18", "#### 18"); the sentence with the
last `\boxed{…}`. The last two must stand near the end and must not be taken back ("Wait, …"): a
mention in the middle of the reasoning is none. What cannot be split is all reasoning, and counted.
"""

import re
from typing import NamedTuple

from cotpress.answers import BOX, announcements
from cotpress.lm.marks import ENDS, thinks_again, thought_in

TAIL = 400
"""Characters from the end within which a conclusion must begin; think
tags and the task's marker may stand anywhere.
"""

LEAD = 150
"""Characters of its sentence that a conclusion may have before the words that announce the
answer.
"""

TAKEN_BACK = re.compile(
    r"\b(?:wait|hmm|however|let me(?!\s+know)|let's|alternatively"
    r"|but(?!\s+(?:let\s+me\s+know|please|feel|if\s+you)\b))\b|等等|不对",
    re.IGNORECASE,
)
"""After an answer these words say that the model is still thinking."""

BREAK = re.compile(r"[.!?]['\")\]*_$]*\s+|[。！？]\s*|(?<![:,=\s])[ \t]*(?:\r?\n)\s*")
"""Where a sentence ends; a line that ends in a colon, comma or equals sign goes on in the next."""

LIST_NUMBER = re.compile(r"\s*\d+[.)]\s+\Z")


class Parts(NamedTuple):
    """`opening + reasoning + closing + conclusion + ending` is the
    text; the reasoning has no white space around it.
    """

    opening: str
    """Markup before the reasoning."""
    reasoning: str
    closing: str
    """Markup and white space between reasoning and conclusion."""
    conclusion: str
    """Empty where no conclusion could be separated from the reasoning."""
    ending: str = ""
    """Markup after the conclusion, such as `</answer>`."""


def split(text: str, marker: str = "") -> Parts:
    """Take a completion apart; `marker` is the text with
    which the task asks the conclusion to begin.
    """
    thought = thought_in(text)
    if thought and text[thought.begin : thought.end].strip():
        ending = ENDS.search(text, thought.answer) if thought.closed else None
        end = ending.start() if ending else len(text)
        if not text[thought.answer : end].strip():
            end = len(text)
        return _cut(text, thought.begin, thought.end, thought.answer, end)
    # an empty think block, as hybrid models write it in front of visible reasoning
    begin = thought.answer if thought else 0
    begin += len(text) - begin - len(text[begin:].lstrip())
    start = begin + _conclusion_start(text[begin:], marker)
    return _cut(text, begin, start, start, len(text))


def several_thoughts(parts: Parts) -> bool:
    """Whether a completion thinks again after it has thought: it has no reasoning that could be
    shortened as one.
    """
    marks = bool(parts.opening.strip() or parts.closing.strip())
    return thinks_again(parts.reasoning, after=False) or thinks_again(parts.conclusion, after=marks)


def _cut(text: str, begin: int, end: int, answer: int, last: int) -> Parts:
    """The parts of a text whose reasoning stands at `begin:end` and whose conclusion at
    `answer:last`, both with blanks around them.
    """
    reasoning, conclusion = text[begin:end], text[answer:last].lstrip()
    begin += len(reasoning) - len(reasoning.lstrip())
    end, answer = begin + len(reasoning.strip()), last - len(conclusion)
    return Parts(text[:begin], text[begin:end], text[end:answer], conclusion, text[last:])


def _conclusion_start(text: str, marker: str) -> int:
    """Offset of the conclusion; the length of the text where there is none."""
    if marker and (at := text.rfind(marker)) >= 0:
        return at
    text = text.rstrip()
    tail = max(0, len(text) - TAIL)
    answers, boxes = list(announcements(text, tail)), list(BOX.finditer(text, tail))
    last = (answers or boxes)[-1:]
    if not last or TAKEN_BACK.search(text, last[0].end()):
        return len(text)
    if not answers:
        at = _math_start(text, boxes[-1].start())
        # a long derivation around the box is reasoning
        return _sentence_start(text, at) if at >= tail else len(text)
    start = len(text)
    for match in reversed(answers):
        if start < len(text) and re.search(r"\w", text[match.end() : start]):
            break
        # a heading, "**Final Answer**", goes along
        start = _sentence_start(text, match.start() + _blank(match.group()))
    return start


def _sentence_start(text: str, at: int) -> int:
    """Where the sentence at offset `at` begins; `at` itself if
    that is far away or would leave no reasoning.
    """
    line = text[:at]
    ends = [match.end() for match in BREAK.finditer(line, max(0, at - TAIL)) if match.end() <= at]
    while ends and LIST_NUMBER.match(line[line.rfind("\n", 0, ends[-1] - 1) + 1 : ends[-1]]):
        ends.pop()
    return ends[-1] if ends and at - ends[-1] <= LEAD else at


def _math_start(text: str, at: int) -> int:
    """Where the formula around offset `at` begins: its display, its inline delimiter, or `at`."""
    for left, right in ((r"\[", r"\]"), (r"\(", r"\)"), (r"\begin{", r"\end{")):
        begin = text.rfind(left, 0, at)
        if begin >= 0 and right not in text[begin:at]:
            return begin
    begin = text.rfind("$", 0, at)
    line_end = (text.find("\n", at) + 1 or len(text) + 1) - 1
    if text[begin - 1 : begin + 1] == "$$":
        return begin - 1 if text.count("$$", 0, at) % 2 else at
    inline = begin >= 0 and "\n" not in text[begin:at] and "$" in text[at:line_end]
    return begin if inline else at


def _blank(text: str) -> int:
    return len(text) - len(text.lstrip())

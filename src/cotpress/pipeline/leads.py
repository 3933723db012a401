"""How a conclusion begins: what is put behind a reasoning that was cut, so that the model
concludes.
"""

import re
from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from cotpress.answers import ANNOUNCED
from cotpress.lm.markup import NONE, Markup
from cotpress.records import Trace

ANSWER = re.compile(r"[-+−.$\\(]*\d|(?<=\\boxed\{)")
"""Where an answer begins in a conclusion: at its first number,
sign and currency included, or inside the box.
"""


class Lead(NamedTuple):
    """How a conclusion begins."""

    closing: str
    stem: str
    """First words of the conclusion, in front of the answer; empty
    where markup such as `</think>` announces it.
    """


def lead(trace: Trace) -> Lead:
    """How this trace's conclusion begins, without its answer; no
    trailing blanks, which would split the next token.
    """
    stem = ""
    if not trace.closing.strip():
        answer = trace.grade.answer if trace.grade else None
        begins = [ANSWER] + ([re.compile(rf"(?<!\w){re.escape(answer)}(?!\w)")] if answer else [])
        found = [match.start() for pattern in begins if (match := pattern.search(trace.conclusion))]
        announced = ANNOUNCED.search(trace.conclusion)
        found = found or ([announced.end()] if announced else [])
        stem = trace.conclusion[: min(found, default=0)]
    text = (trace.closing + stem).rstrip(" ")
    return Lead(text[: len(trace.closing)], text[len(trace.closing) :])


def usual_lead(traces: Iterable[Trace], markup: Markup = NONE) -> Lead:
    """The most frequent lead, for traces without a conclusion of their own (cut off, not to be
    split); where there is none, the mark that closes the thinking of the model.
    """
    leads = Counter(lead(trace) for trace in traces if trace.conclusion)
    return leads.most_common(1)[0][0] if leads else Lead(markup.closing, "")

"""Where a reasoning first states the right answer: what comes after it is overthinking (measured
with a judge by Chen et al. 2024, arXiv 2412.21187, section 2; here by the grader's reading).

The text of the reference, or of the right answer that the model gave, is searched for; a long trace
costs one search. A formula is a statement wherever it stands. A number may stand anywhere, so the
sentence states it only if the `math` grader, reading that sentence alone, takes it for the answer.
Even so a number can be the answer by chance, as one of the question: the share after it is an upper
bound.
"""

import re
from functools import cache, lru_cache

from cotpress import grading
from cotpress.records import Grade, Trace

GRADER = "math"
"""The grader whose answers are read; of others, an answer is not text that a sentence can state."""

MAX_CHARACTERS = 100
"""A longer answer is not searched for."""

_SHORT = re.compile(r"[-+]?[\d.]+\\?%?|.{1,3}")
"""What may stand in a text for something else than the answer: a number, or a few letters."""

_END = re.compile(r"[.!?](?=\s)|\n|$")
_MARKS = (". ", "! ", "? ", "\n")
"""After which a sentence begins."""


def first_right(trace: Trace) -> float | None:
    """The share of the reasoning, in characters, up to the end of the first sentence that states
    the right answer; None where none does.
    """
    text, known = trace.reasoning, trace.grade
    candidates = {trace.problem.answer}
    if known and known.correct and known.answer:
        candidates.add(known.answer)
    patterns = [found for found in map(_pattern, sorted(candidates)) if found]
    if not text or not patterns:
        return None
    done = 0
    for match in re.finditer("|".join(patterns), text):
        if match.start() < done:
            continue
        begin = _begin(text, match.start(), done)
        end = _END.search(text, match.end())
        done = end.end() if end else len(text)
        formula = not _SHORT.fullmatch(_bare(match[0]))
        if formula or _states(text[begin:done], trace.problem.answer, candidates):
            return done / len(text)
    return None


def _states(sentence: str, answer: str, candidates: set[str]) -> bool:
    """Whether the grader reads the right answer in a sentence."""
    found = _grader().quick(sentence, answer)
    if isinstance(found, Grade):
        return found.correct
    return _bare(found) in map(_bare, candidates)


@cache
def _grader() -> grading.Grader:
    return grading.load(GRADER)


def _begin(text: str, at: int, after: int) -> int:
    """Where the sentence begins that a place stands in."""
    ends = [text.rfind(mark, after, at) + len(mark) for mark in _MARKS if mark in text[after:at]]
    return max(ends, default=after)


@lru_cache(maxsize=4096)
def _pattern(answer: str) -> str:
    """How an answer may be spelt within a text: with other blanks and commas, but not as a part of
    another number or word. Empty where there is nothing to search for.
    """
    letters = _bare(answer)
    if not letters or len(letters) > MAX_CHARACTERS:
        return ""
    spelt = r"[\s,]*".join(map(re.escape, letters))
    return rf"(?<![\w.]){spelt}(?!\w|[.,]\d)"


def _bare(answer: str) -> str:
    return re.sub(r"[\s,$]", "", answer)

"""Where a reasoning first states the right answer: what comes after it is overthinking (measured
with a judge by Chen et al. 2024, arXiv 2412.21187, section 2; here by the grader's reading).

The text of the reference, or of the right answer that the model gave, is searched for; a long trace
costs one search. A formula is a statement wherever it stands. A number may stand anywhere, so the
sentence states it only if the `math` grader, reading that sentence alone, takes it for the answer.
Even so a number can be the answer by chance, as one of the question: the share after it is an upper
bound.
"""

import re
from collections.abc import Iterator, Sequence
from functools import cache
from operator import itemgetter

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
    done = 0
    for start, stop in _spelt(text, list(map(_bare, sorted(candidates)))):
        if start < done:
            continue
        begin = _begin(text, start, done)
        end = _END.search(text, stop)
        done = end.end() if end else len(text)
        formula = not _SHORT.fullmatch(_bare(text[start:stop]))
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


def _spelt(text: str, answers: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Where one of the answers stands within a text, spelt with other blanks and commas, but not as
    a part of another number or word: start and end, one after the other.

    By hand: almost every trace has an answer of its own, and to compile a pattern for it takes
    longer than to search.
    """
    searched = [letters for letters in answers if 0 < len(letters) <= MAX_CHARACTERS]
    at = 0
    while found := [place for one in searched if (place := _next_spelt(text, one, at))]:
        start, at = min(found, key=itemgetter(0))
        yield start, at


def _next_spelt(text: str, letters: str, at: int) -> tuple[int, int] | None:
    """The first place from `at` on where these letters stand; None where they do not."""
    while (at := text.find(letters[0], at)) >= 0:
        if end := _end_of(text, letters, at):
            return at, end
        at += 1
    return None


def _end_of(text: str, letters: str, at: int) -> int:
    """Where the letters end that begin at `at`; 0 where others stand there, or more of them."""
    if at and (_is_word(text[at - 1]) or text[at - 1] == "."):
        return 0
    for letter in letters[1:]:
        at += 1
        while text[at : at + 1] == "," or text[at : at + 1].isspace():
            at += 1
        if text[at : at + 1] != letter:
            return 0
    after = text[at + 1 : at + 3]
    goes_on = after and (_is_word(after[0]) or (after[0] in ".," and after[1:].isdecimal()))
    return 0 if goes_on else at + 1


def _is_word(character: str) -> bool:
    return character.isalnum() or character == "_"


def _bare(answer: str) -> str:
    return re.sub(r"[\s,$]", "", answer)

"""The same words: case, white space, markup around them and a full stop at the end do not count."""

from cotpress.grading import NO_ANSWER, Grader, decided
from cotpress.grading._answer import boxed, in_answer_tags, last_line, sentence
from cotpress.grading._plain import MAX_ANSWER, plain
from cotpress.records import Grade


def load(target: str = "") -> Grader:
    """The grader of words."""
    return Grader(quick)


def quick(text: str, answer: str) -> Grade:
    """Whether a text ends with the words of the reference."""
    text = in_answer_tags(text)
    found = boxed(text) or sentence(text) or last_line(text)
    if len(found) > 2 * len(answer) + MAX_ANSWER:
        return decided(found, False)
    said = plain(found)
    return decided(said, said.casefold() == plain(answer).casefold()) if said else NO_ANSWER

"""The letter of an option: `(A)`, `A.`, `option a`, `\\text{(A)}`, `A: five` are one answer."""

from cotpress.grading import NO_ANSWER, Grader, decided, undecided
from cotpress.grading._options import letter, option, several
from cotpress.records import Grade


def load(target: str = "") -> Grader:
    """The grader of multiple choice."""
    return Grader(quick)


def quick(text: str, answer: str) -> Grade:
    """Whether a text decides for the option that the reference names."""
    said, wanted = letter(text), several(answer) or option(answer)
    if not wanted:
        return undecided(answer, "error")
    return decided(said, said == wanted) if said else NO_ANSWER

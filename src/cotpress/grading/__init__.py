"""Is the answer in this text right? One file per grader, each with `load(target) -> Grader`.

A whole grader::

    def quick(text: str, answer: str) -> Grade:
        said = text.rpartition(":")[2].strip()
        return decided(said, said == answer) if said else NO_ANSWER

    def load(target: str = "") -> Grader:
        return Grader(quick)

A text that cannot be read is a `status`, never an exception. What may take long, such as computer
algebra on hostile text, or code that is run, is the slow part of a grader: `pipeline.grade` runs it
in a process that can be killed.
"""

from collections.abc import Callable
from typing import Literal, NamedTuple, cast

from cotpress import plugins
from cotpress.grading._answer import boxed as boxed
from cotpress.grading._answer import found_answer as found_answer
from cotpress.grading._plain import SHOWN
from cotpress.records import Grade, Problem

Check = Callable[[str, Problem], Grade]
"""Is the answer in this text right for that problem? For tasks whose
answers cannot be compared as text, such as plans.
"""

NO_ANSWER = Grade(answer=None, correct=False, status="no_answer")


class Grader(NamedTuple):
    """How an answer is judged."""

    quick: Callable[[str, str], Grade | str]
    """(text, reference answer) -> the grade; or, where only
    `slow` can tell, the answer that was read.
    """
    slow: Callable[[str, str], Grade] | None = None
    """(that answer, reference answer) -> the grade: a function
    of a module, for it is run in another process.
    """
    needs: str = ""
    """The package that `slow` imports late: a worker has it before
    the time of its first answer runs.
    """

    def __call__(self, text: str, answer: str) -> Grade:
        """The grade of a text, however long it takes."""
        found = self.quick(text, answer)
        if isinstance(found, Grade):
            return found
        return self.slow(found, answer) if self.slow else undecided(found, "error")


def load(spec: str) -> Grader:
    """The grader that `spec` names: a file of this folder, or a dotted name of the user's own."""
    return cast(Grader, plugins.load("grading", spec, offers=("quick",)))


def undecided(said: str, status: Literal["timeout", "error"]) -> Grade:
    """The grade of an answer that was read but could not be judged."""
    return Grade(answer=_shown(said), correct=False, status=status)


def decided(said: str, correct: bool) -> Grade:
    """The grade of an answer that was read and judged."""
    return Grade(answer=_shown(said), correct=correct, status="ok")


def _shown(said: str) -> str:
    """What a record can hold of an answer: no lone surrogates, and no megabyte."""
    short = said if len(said) <= SHOWN else f"{said[:SHOWN]}… ({len(said)} characters)"
    return short.encode("utf-8", "replace").decode("utf-8")

"""The reference answer of a row, as data sets write one: bare, boxed in a worked solution, a truth
value, a list of one, or a word that says there is none.
"""

import re
from collections.abc import Callable
from typing import Any

from cotpress.answers import BOX, FINAL
from cotpress.grading import boxed
from cotpress.pipeline.importing import names
from cotpress.pipeline.importing.names import plain
from cotpress.pipeline.importing.values import Unusable, named, text

CALCULATOR = re.compile(r"<<[-+*/().0-9]+=[-+*/().0-9]*>>")
"""GSM8K's annotations, `<<48/2=24>>`: no part of the text
(7,378 of the 7,473 training rows have them).
"""

NONE = {"proof", "notfound", "null", "nan", "n/a"}
"""What stands in the place of an answer where there is none (NuminaMath's `proof`, `notfound`)."""

BARE = 60
"""Characters of a solution that is nothing but the answer, at most."""


def reference(value: Any, path: str, note: Callable[[str], None]) -> str:
    """The reference answer in a column's value; empty, and noted, where it says none."""
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if isinstance(value, bool):
        return str(value)
    try:
        said = text(value, "answer", optional=True).strip()
    except Unusable as why:
        if isinstance(value, str):
            raise  # half a character
        note(f"reference answer not read: {why}")
        return ""
    if answer := final_line(said)[1]:
        return answer
    if BOX.search(said) and (answer := boxed(said) or ""):
        return answer.strip()
    if plain(path) in names.WORKED.names and (len(said) > BARE or "\n" in said):
        note(f"no answer could be read from the column {path}")
        return ""
    if plain(said) in NONE:
        note(f"reference answer {named(said)!r} stands for none")
        return ""
    return said


def final_line(solution: str) -> tuple[str, str]:
    """A worked solution without its last line `#### 72`, as GSM8K ends one,
    and the answer in it; else as it is, and none.
    """
    before, _, last = solution.rstrip().rpartition("\n")
    if not last.startswith(FINAL) or last.startswith(FINAL + "#"):
        return solution, ""
    return before.rstrip(), last.removeprefix(FINAL).strip()

"""AIME 2025: thirty problems of the American Invitational Mathematics
Examination, with whole-number answers.

`aime25` downloads math-ai/aime25; `aime25:FILE` reads rows with `problem`
(or `question`) and `answer`. Either is the split `test`, unless `split=NAME`
says otherwise.
"""

from cotpress.tasks import Task, _contest


def load(target: str = "", *, split: str = "test") -> Task:
    """The release, or a local file, glob or folder."""
    return _contest.task("aime25", target, split, dataset="math-ai/aime25", of="test")

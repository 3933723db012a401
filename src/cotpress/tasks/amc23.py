"""AMC 2023: forty problems of the American Mathematics Competitions 12, with numbers as answers.

`amc23` downloads math-ai/amc23; `amc23:FILE` reads rows with `problem` (or `question`) and
`answer`. Either is the split `test`, unless `split=NAME` says otherwise.
"""

from cotpress.tasks import Task, _contest


def load(target: str = "", *, split: str = "test") -> Task:
    """The release, or a local file, glob or folder."""
    return _contest.task("amc23", target, split, dataset="math-ai/amc23", of="test")

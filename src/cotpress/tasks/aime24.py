"""AIME 2024: thirty problems of the American Invitational Mathematics
Examination, with whole-number answers.

`aime24` downloads HuggingFaceH4/aime_2024; `aime24:FILE` reads rows with `problem`
(or `question`) and `answer`. Either is the split `test`, unless `split=NAME`
says otherwise.
"""

from cotpress.tasks import Task, _contest


def load(target: str = "", *, split: str = "test") -> Task:
    """The release, or a local file, glob or folder."""
    return _contest.task("aime24", target, split, dataset="HuggingFaceH4/aime_2024", of="train")

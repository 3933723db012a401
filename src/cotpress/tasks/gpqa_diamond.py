r"""GPQA Diamond: 198 multiple-choice questions of biology, chemistry and physics (Rein et al. 2023,
arXiv 2311.12022).

`gpqa-diamond` downloads Idavidrein/gpqa, which is gated: accept its terms and log in first.
`gpqa-diamond:FILE` reads rows with `Question`, `Correct Answer` and `Incorrect Answer 1` to `3`,
such as the release's gpqa_diamond.csv. Either is the split `test`, unless `split=NAME` says
otherwise.

The four options are shuffled by a hash of the question, so that they stand in the same order every
time and everywhere; the answer is the letter. The domains are strata.
"""

from random import Random

from cotpress.inputs import Hub, Row
from cotpress.records import Problem
from cotpress.tasks import Task, _sources

INSTRUCTION = r"Please reason step by step, and put the letter of the right option within \boxed{}."
LETTERS = "ABCD"
MAX_TOKENS = 32_768


def load(target: str = "", *, split: str = "test") -> Task:
    """The release, or a local file, glob or folder."""
    return _sources.one_split(
        "gpqa-diamond",
        target,
        split,
        release=Hub(
            "Idavidrein/gpqa",
            "gpqa_diamond",
            keep=True,
            instead="read a file with gpqa-diamond:FILE",
        ),
        problem=_problem,
        grader="choice",
        max_tokens=MAX_TOKENS,
    )


def _problem(row: Row) -> Problem:
    question = row.text(_sources.named(row, "question", "problem")).strip()
    names = ("correct answer", *(f"incorrect answer {number}" for number in (1, 2, 3)))
    options = [row.text(_sources.named(row, name)).strip() for name in names]
    known = _sources.digest(question)
    order = Random(f"gpqa/{known}").sample(range(4), 4)
    listed = "\n".join(
        f"({letter}) {options[index]}" for letter, index in zip(LETTERS, order, strict=True)
    )
    domain = _sources.named(row, "high-level domain", "domain")
    return Problem(
        id=f"gpqa/{known}",
        question=f"{question}\n\n{listed}",
        answer=LETTERS[order.index(0)],
        task="gpqa-diamond",
        instruction=INSTRUCTION,
        stratum=row.text(domain) if row.values.get(domain) else "",
    )

"""Word problems like GSM8K's from 85 templates, without end or download: `gsm_symbolic` of the
package reasoning-gym.

The templates are GSM-Symbolic's (Mirzadeh et al. 2024, arXiv 2410.05229). Problem `n` is made from
the seed `n` alone. A template with few values makes a question more than once: the second time it
is passed over, and the split of a question is decided by its hash (`tasks/_sources.py`), so that no
question is in two splits, whatever its seed.
"""

from collections.abc import Iterator
from itertools import count

from cotpress.answers import stated
from cotpress.errors import CotpressError
from cotpress.plugins import require
from cotpress.records import Problem, Trace
from cotpress.tasks import BOXED, Task, _sources, gsm8k, worked_trace

BLOCK = 1000
"""Seeds per generator. The library draws a block's templates from its
first seed, so this number is part of the data.
"""


def load(target: str = "") -> Task:
    """All templates; takes no target."""
    if target:
        raise CotpressError(
            f"task gsm-symbolic takes no target, but got {target!r}: write gsm-symbolic alone."
        )
    return Task(
        "gsm-symbolic",
        lambda split: (trace.problem for trace in worked(split)),
        _sources.TRAIN_AND_TEST,
        gold=worked,
        max_tokens=gsm8k.MAX_TOKENS,
    )


def worked(split: str) -> Iterator[Trace]:
    """The problems of a split, each with its worked reasoning and conclusion."""
    gym = require("reasoning_gym", "task gsm-symbolic")
    seen: set[str] = set()
    for first in count(0, BLOCK):
        for row in gym.create_dataset("gsm_symbolic", seed=first, size=BLOCK):
            question = row["question"]
            known = _sources.digest(question)
            if _sources.split_of(question) == split and known not in seen:
                seen.add(known)
                yield _trace(known, question, row["answer"], row["metadata"]["answer_cot"])


def _trace(known: str, question: str, answer: str, solution: str) -> Trace:
    problem = Problem(
        id=f"gsm-symbolic/{known}",
        question=question,
        answer=answer,
        task="gsm-symbolic",
        instruction=BOXED,
    )
    return worked_trace(
        problem,
        solution.rpartition("####")[0].rstrip(),
        stated(answer),
    )

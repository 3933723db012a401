"""The examples that nothing is trained on (`--eval-share`), chosen by problem."""

import random
from collections.abc import Sequence
from typing import Protocol, TypeVar

from cotpress.errors import CotpressError
from cotpress.training.options import TrainOptions


class OfProblem(Protocol):
    """A row that says which problem it is about."""

    @property
    def problem(self) -> str:
        """Its id."""
        ...


R = TypeVar("R", bound=OfProblem)


def split(rows: Sequence[R], options: TrainOptions) -> tuple[list[R], list[R]]:
    """(taught, held out): by problem, so that no problem is on both sides."""
    if not options.eval_share:
        return list(rows), []
    problems = sorted({row.problem for row in rows})
    n = max(1, round(options.eval_share * len(problems)))
    if n >= len(problems):
        raise CotpressError(
            f"--eval-share {options.eval_share:g} of {len(problems)} problems leaves none to "
            "train on: choose a smaller share, or leave it out."
        )
    held = set(random.Random(options.seed).sample(problems, n))
    return [row for row in rows if row.problem not in held], [
        row for row in rows if row.problem in held
    ]

"""What a sample is worth: one file per reward, each with `load(target, **options) -> Reward`.

A reward judges all samples of one problem together, graded traces, and gives each a number; several
rewards are added with weights. A whole reward::

    class Short:
        name = "short"

        def __call__(self, group):
            return [1.0 if one.trace.n_tokens < 100 else 0.0 for one in group]

    def load(target: str = "") -> Short:
        return Short()

Lengths are reasoning tokens of the model that is taught; a limit on the whole answer is the
sampling's.
"""

from collections.abc import Sequence
from typing import NamedTuple, Protocol, cast

from cotpress import plugins
from cotpress.errors import CotpressError
from cotpress.records import Trace


class Sample(NamedTuple):
    """One answer, graded, and what it was asked to be."""

    trace: Trace
    wanted: int | None = None
    """Reasoning tokens that the prompt asked for; None where it asked for nothing."""

    @property
    def right(self) -> bool:
        """Whether it ended by itself with the right answer."""
        return self.trace.finished and self.trace.grade is not None and self.trace.grade.correct


class Reward(Protocol):
    """Judges the samples of one problem."""

    name: str
    """What the log calls it."""

    def __call__(self, group: Sequence[Sample]) -> Sequence[float]:
        """One finite number per sample, in order; higher is better."""
        ...


def load(spec: str) -> Reward:
    """The reward that `spec` names: `NAME[,option=value…]`."""
    return cast(Reward, plugins.load("rewards", spec, offers=("name", "__call__")))


def wanted(sample: Sample, usual: int, name: str) -> int:
    """The length that a sample was asked for, else the one the reward was given; `CotpressError`
    where there is none.
    """
    if (found := sample.wanted or usual) < 1:
        raise CotpressError(
            f"reward {name} needs a length, and problem {sample.trace.problem.id} asks for none: "
            f"write {name},length=200, or train on rows of `build --format grpo` with a ratio."
        )
    return found

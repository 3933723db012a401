"""What one evaluated setting is: the only key by which an evaluation groups its traces, from the arms to the report."""

from typing import NamedTuple, Self

from cotpress.methods import ORIGINAL, method
from cotpress.records import EvalRow, Trace


class Setting(NamedTuple):
    """Who answers, by which method, and what is asked for. Traces and rows of the same setting belong together."""

    model: str
    method: str
    asked: float | None
    """The ratio in the prompt; None: none is named."""
    latents: int | None = None
    """How many latent tokens are forced; None: the model chooses."""

    @classmethod
    def of(cls, one: Trace | EvalRow) -> Self:
        """The setting of a trace or of a row."""
        return cls(one.model, one.method, one.ratio, one.latents)

    @property
    def is_reference(self) -> bool:
        """Whether this is what the others are measured against: the untouched model, asked without a ratio."""
        return self[1:] == (ORIGINAL, None, None)

    def order(self, scorer: str = "") -> tuple[int, str, str, str, float, int]:
        """Where it stands in a report: original, methods, what they are compared with; each by falling ratio."""
        kind = method(self.method).kind
        rank = 0 if kind == "original" else 1 if kind == "taught" else 2
        falling = -2.0 if self.asked is None else -self.asked
        return rank, self.method, scorer, self.model, falling, -1 if self.latents is None else self.latents

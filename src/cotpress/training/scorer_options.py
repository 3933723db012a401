"""How `cotpress train-scorer` trains, and what it writes down; light, so that the command line can
show the options without torch.
"""

from dataclasses import dataclass
from typing import Annotated, Literal

from cyclopts import Group, Parameter

from cotpress.errors import CotpressError
from cotpress.records import Record

TRAINING = Parameter(group=Group("Training", sort_key=30))

SHARES = (0.3, 0.5, 0.7)
"""Kept shares at which student and teacher are compared."""


@dataclass(frozen=True, kw_only=True)
class ScorerOptions:
    """How to train a scorer."""

    epochs: Annotated[float, TRAINING] = 3.0
    """How often each trace is seen."""
    max_steps: Annotated[int, TRAINING] = 0
    """Optimiser steps, in place of --epochs; 0: as many as --epochs makes."""
    lr: Annotated[float, TRAINING] = 5e-5
    """Highest learning rate; an encoder from random weights needs about 1e-3."""
    batch: Annotated[int, TRAINING] = 8
    """Traces per optimiser step."""
    window: Annotated[int, TRAINING] = 8192
    """Tokens that are read at once, the question included; at most what the encoder reads."""
    eval_share: Annotated[float, TRAINING] = 0.1
    """Hold out this share of the problems, on which the scorer is compared with its teacher."""
    most_loss: Annotated[float, TRAINING] = 0.5
    """Of keep and drop decisions those are learnt from whose conclusion lost at most so many nats
    (`cotpress verify`).
    """
    save_every: Annotated[int, TRAINING] = 0
    """Steps between two points that an interrupted run can go on from; 0: one epoch."""
    seed: Annotated[int, TRAINING] = 0
    """Of the order of the traces, of what is held out and of new weights."""

    def __post_init__(self) -> None:
        """Refuse what cannot be trained with."""
        for name in ("epochs", "lr", "batch", "window"):
            if not getattr(self, name) > 0:
                raise CotpressError(f"--{name} {getattr(self, name):g} must be above 0.")
        for name in ("max_steps", "save_every", "most_loss"):
            if getattr(self, name) < 0:
                said = f"--{name.replace('_', '-')} {getattr(self, name):g}"
                raise CotpressError(f"{said} must not be below 0.")
        if not 0 < self.eval_share < 1:
            raise CotpressError(
                f"--eval-share {self.eval_share:g} must be a share above 0 and below 1: on what is "
                "held out the scorer is compared with its teacher."
            )


class Agreement(Record, frozen=True, kw_only=True):
    """How far student and teacher keep the same tokens, at one kept share."""

    share: float
    agreement: float
    """Mean over the held-out traces of the share of the teacher's kept tokens that the student
    keeps, too; chance gives `share`.
    """


Labels = Literal["importance", "above 0", "kept"]
"""What was learnt: the ranks of an importance; whether it is above 0; what cuts kept."""


class ScorerSummary(Record, frozen=True, kw_only=True):
    """What `cotpress_scorer.json` says in a trained scorer's folder."""

    base: str
    """Folder or hub id of the encoder."""
    teacher: str
    """The scorer whose importance or cuts were learnt."""
    labels: Labels
    window: int
    """Tokens that are read at once."""
    from_start: bool
    traces: int
    """How many were trained on."""
    held_out: int
    left_out: dict[str, int]
    steps: int
    loss: float | None
    agreement: list[Agreement]
    """Empty where nothing held out tells tokens apart."""
    traces_per_second: float
    """Read when it was compared with its teacher."""
    seconds: float
    options: ScorerOptions
    version: str
    fingerprint: str

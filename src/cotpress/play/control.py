"""`cotpress.json -> Control`: what the slider asks a model for, and between which ends."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from cotpress.errors import CotpressError
from cotpress.lm.checkpoint import Checkpoint
from cotpress.records import NOTHING, Asked

Kind = Literal["ratio", "budget"]

STEP = 0.05
"""Of the slider of ratios: two decimals are what a prompt carries."""


@dataclass(frozen=True)
class Control:
    """A slider. `kind` None: the model takes neither ratio nor budget, and there is no slider."""

    kind: Kind | None
    least: float = 0.0
    most: float = 0.0
    usual: float = 0.0
    """Where it stands at first."""
    step: float = 0.0
    taught: str = ""
    """What the model was taught, in words; empty: not known."""

    def asked(self, value: float) -> Asked:
        """What the model is asked for at a place of the slider."""
        if self.kind is None:
            return NOTHING
        if self.kind == "budget":
            return Asked(budget=max(1, round(value)))
        return Asked(ratio=round(value, 2))


UNTAUGHT = {
    "ratio": Control("ratio", 0.1, 1.0, 0.5, STEP),
    "budget": Control("budget", 16, 4096, 256, 16),
}
"""The sliders of models of which nothing is known: servers, and folders from elsewhere."""


def control_of(trained: Checkpoint | None, kind: Kind | None = None) -> Control:
    """The slider of a model with this `cotpress.json` (None: without one).

    `kind` is the user's choice; None: what was taught, ratios before budgets. `CotpressError` where
    the model was not taught that kind.
    """
    if trained is None:
        return UNTAUGHT[kind or "ratio"]
    ratios = sorted({ratio for ratio in trained.ratios if ratio < 1})
    known = {"ratio": bool(ratios), "budget": trained.budgets is not None}
    if kind and not known[kind]:
        others = " and ".join(f"{name}s" for name, has in known.items() if has)
        instead = f"it was taught {others}" if others else "it was taught neither"
        raise CotpressError(
            f"this model was not taught {kind}s, but {instead}: leave out --control {kind}."
        )
    if known["ratio"] and kind != "budget":
        return _of_ratios(ratios)
    if trained.budgets is not None:
        budgets = trained.budgets
        step = max(1, (budgets.most - budgets.least) // 100)
        said = f"budgets from {budgets.least:,} to {budgets.most:,} tokens"
        return Control("budget", budgets.least, budgets.most, budgets.medium, step, said)
    return Control(None, taught="neither ratios nor budgets")


def _of_ratios(ratios: Sequence[float]) -> Control:
    usual = ratios[len(ratios) // 2]
    said = "the ratios " + ", ".join(f"{ratio:g}" for ratio in reversed(ratios))
    return Control("ratio", ratios[0], 1.0, usual, STEP, said)

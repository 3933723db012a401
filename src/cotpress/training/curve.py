"""The curve of a training: what was logged at each step, and what it comes to."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import mean
from typing import Any, NamedTuple

import msgspec

from cotpress import storage
from cotpress.records import Record

LOG = "train_log.jsonl"
"""The curve: a line of it is a `Point`, of a training by rewards a `RewardPoint`."""

SHOWN = 10
"""Steps whose mean is a reported loss."""

LOGGED = {"loss": "loss", "eval_loss": "eval_loss", "learning_rate": "lr", "grad_norm": "grad_norm"}
"""What transformers calls the fields of a point."""


class Point(Record, frozen=True, kw_only=True, omit_defaults=True):
    """What was logged at one step."""

    step: int
    epoch: float
    loss: float | None = None
    """Mean over the completion tokens of the steps since the point before."""
    eval_loss: float | None = None
    """On the examples that were held out."""
    lr: float | None = None
    grad_norm: float | None = None
    """Of the step alone, before it is shortened."""


class RewardPoint(Record, frozen=True, kw_only=True, omit_defaults=True):
    """What was logged at one step of a training by rewards."""

    step: int
    accuracy: float
    tokens: float
    """Mean reasoning tokens."""
    cut_off: float
    """Share of answers that the limit ended."""
    no_variance: float
    """Share of problems whose answers were all worth the same."""
    reward: float
    """Mean of the weighted sum."""
    rewards: dict[str, float]
    """Mean of each."""
    entropy: float | None = None
    """Mean over tokens, in nats."""
    loss: float | None = None
    lr: float | None = None
    grad_norm: float | None = None


def curve(history: Sequence[Mapping[str, Any]]) -> list[Point]:
    """What the trainer logged, a point for each step; without what depends on the clock, so that a
    run that was interrupted has the curve of one that was not.
    """
    points: dict[int, dict[str, Any]] = {}
    for entry in history:
        kept = {name: entry[key] for key, name in LOGGED.items() if key in entry}
        if kept:
            points.setdefault(entry["step"], {}).update(kept, epoch=round(entry["epoch"], 4))
    return [Point(step=step, **found) for step, found in sorted(points.items())]


class Losses(NamedTuple):
    """What a curve comes to, under the names of `TrainSummary`."""

    loss: float | None
    """Mean of the last `SHOWN` steps, or of the second half of fewer."""
    first_loss: float | None
    """Mean of as many at the beginning."""
    eval_loss: float | None
    """The lowest on what was held out."""
    best_step: int | None


def summed_up(points: Sequence[Point]) -> Losses:
    """The reported losses."""
    losses = [point.loss for point in points if point.loss is not None]
    judged = [(point.eval_loss, point.step) for point in points if point.eval_loss is not None]
    n = max(1, min(SHOWN, len(losses) // 2))
    ends = (mean(losses[-n:]), mean(losses[:n])) if losses else (None, None)
    return Losses(*ends, *(min(judged) if judged else (None, None)))


def read(path: Path) -> list[Point] | list[RewardPoint]:
    """The curve of a training, of either kind."""
    with path.open("rb") as file:
        first = msgspec.json.decode(file.readline() or b"{}")
    if "rewards" in first:
        return list(storage.read(path, RewardPoint))
    return list(storage.read(path, Point))

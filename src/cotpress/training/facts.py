"""What a training writes down of its examples, found in one pass, so that none has to be held."""

from array import array
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from cotpress.lm.taught import budgets_of
from cotpress.records import TrainingExample

JOINED = ("method", "scorer", "unit", "protect", "protect_regex", "budget")
"""Fields that are joined by `+` where examples differ."""


@dataclass(frozen=True)
class Facts:
    """Of all examples of a training."""

    codebook: int
    """Latent tokens that the model's vocabulary needs; 0: none."""
    draws: int
    """Epochs that they are drawn for."""
    summary: dict[str, Any]
    """Fields of `TrainSummary`."""


def facts(examples: Iterable[TrainingExample]) -> Facts:
    """Go through the examples once."""
    found: defaultdict[str, set[Any]] = defaultdict(set)
    budgets = array("q")
    for one in examples:
        for field in (*JOINED, "longest_run", "codebook", "epoch"):
            found[field].add(getattr(one, field))
        found["tasks"].add(one.problem.task)
        found["instructions"].add(one.problem.instruction)
        if one.ratio is not None:
            found["ratios"].add(one.ratio)
        if one.asked.budget is not None:
            budgets.append(one.asked.budget)
    codebook, runs = max(found["codebook"], default=0), found["longest_run"]
    summary = {field: "+".join(sorted(found[field] - {""})) for field in JOINED} | {
        "longest_run": next(iter(runs)) if len(runs) == 1 else None,
        "ratios": sorted(found["ratios"], reverse=True),
        "budgets": budgets_of(budgets),
        "codebook": codebook,
        "tasks": sorted(found["tasks"]),
        "instructions": sorted(found["instructions"]),
    }
    return Facts(codebook, len(found["epoch"]), summary)

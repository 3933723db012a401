"""Several runs of one setting, under several seeds or one: their mean, and how far they lie apart.
What one run's interval says is another thing: how well its problems stand for all such problems.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import fmean, stdev
from typing import Any

from cotpress.records import EvalRow
from cotpress.report.rows import same_but_for_run, short
from cotpress.report.sections import Grid, Part, Section
from cotpress.report.table import NOTHING, budget, known, ratio
from cotpress.report.told import Report

PLACE = 11

HOW = (
    "Mean ± standard deviation over the runs, with the least and the most in brackets. Runs differ "
    "by what was drawn, on the same problems; the interval of one run tells how well its problems "
    "stand for others, and is another thing."
)


@dataclass(frozen=True)
class Spread:
    """A figure over several runs."""

    mean: float
    sd: float
    """Standard deviation of the sample."""
    min: float
    max: float


def section(told: Report) -> Section | None:
    """None where every setting was run once."""
    repeated = [runs for runs in _by_setting(told.rows) if len(runs) > 1]
    if not repeated:
        return None
    lines = [_line(runs) for runs in repeated]
    titles = list(lines[0])
    words = ("task", "method", "model")
    table = known([(title, title in words, [line[title] for line in lines]) for title in titles])
    part = Part("", (HOW,), (), Grid("Settings that were run more than once.", table))
    return Section("runs", "Seeds and runs", (part,), [_data(runs) for runs in repeated])


def spread(values: Sequence[float]) -> Spread:
    """Of two values or more."""
    return Spread(fmean(values), stdev(values), min(values), max(values))


def _by_setting(rows: Sequence[EvalRow]) -> list[list[EvalRow]]:
    """The rows that differ in nothing but their run, in order."""
    found: list[list[EvalRow]] = []
    for row in rows:
        others = next((runs for runs in found if same_but_for_run(runs[0], row)), None)
        if others is None:
            found.append([row])
        else:
            others.append(row)
    return found


def _line(runs: Sequence[EvalRow]) -> dict[str, str]:
    first = runs[0]
    accuracy = spread([100 * row.accuracy for row in runs])
    kept = [row.kept for row in runs if row.kept is not None]
    return {
        "method": first.method,
        "ratio asked": ratio(first.ratio),
        "tokens asked": budget(first),
        "runs": str(len(runs)),
        "seeds": ", ".join(str(row.seed) for row in runs),
        "accuracy, %": _shown(accuracy, 1),
        "reasoning tokens": _shown(spread([row.mean_tokens for row in runs]), 1),
        "actual ratio": _shown(spread(kept), 3) if len(kept) == len(runs) else NOTHING,
        "task": first.task,
        "model": short(first.model),
    }


def _shown(found: Spread, digits: int) -> str:
    return (
        f"{found.mean:.{digits}f}\u00a0±\u00a0{found.sd:.{digits}f} "
        f"[{found.min:.{digits}f}\u2013{found.max:.{digits}f}]"
    )


def _data(runs: Sequence[EvalRow]) -> dict[str, Any]:
    first = runs[0]
    kept = [row.kept for row in runs if row.kept is not None]
    return {
        "task": first.task,
        "setting": first.setting,
        "scorer": first.scorer,
        "seeds": [row.seed for row in runs],
        "accuracy": asdict(spread([row.accuracy for row in runs])),
        "mean_tokens": asdict(spread([row.mean_tokens for row in runs])),
        "kept": asdict(spread(kept)) if len(kept) == len(runs) else None,
    }

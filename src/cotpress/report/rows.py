"""Rows in the order and under the names that every part of a report uses: one series is one curve.

A series is what shares task, method, scorer, model and run. Labels are as short as they can be: the
scorer, the model and the seed are named only where the method alone would mean two curves.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import NamedTuple

import msgspec

from cotpress.evaluation import setting
from cotpress.methods import ORIGINAL, method
from cotpress.records import NOTHING, EvalRow
from cotpress.report.table import setting as asked_for


@dataclass(frozen=True)
class Series:
    """The rows of one curve, by falling ratio or budget."""

    task: str
    label: str
    rows: tuple[EvalRow, ...]

    @property
    def reference(self) -> bool:
        """Whether this is what the others are measured against."""
        return is_reference(self.rows[0])

    @property
    def compared(self) -> bool:
        """Whether this is a baseline or a control rather than a
        method; also the untouched model asked for a ratio.
        """
        return not self.reference and not is_taught(self.rows[0])


def is_reference(row: EvalRow) -> bool:
    """Whether a row is the untouched model's, asked without a ratio."""
    return setting.is_reference(row.setting)


def is_taught(row: EvalRow) -> bool:
    """Whether a row is of a method that the report is about,
    rather than of what it is compared with.
    """
    return method(row.method).kind == "taught"


def in_order(rows: Iterable[EvalRow]) -> list[EvalRow]:
    """Rows without repetitions (of an original that several evaluations judged, too, though not in
    the same time): by task, the original first, then methods, then baselines, each by falling
    ratio and then by seed.
    """
    distinct: list[EvalRow] = []
    known: list[EvalRow] = []
    for row in rows:
        same = msgspec.structs.replace(row, seconds_per_problem=0.0) if is_reference(row) else row
        if same not in known:
            known.append(same)
            distinct.append(row)

    return sorted(
        distinct, key=lambda row: (row.task, *setting.order(row.setting, row.scorer), row.seed)
    )


class Curve(NamedTuple):
    """What the rows of one curve share."""

    task: str
    method: str
    scorer: str
    model: str
    reference: bool
    seed: int
    budgeted: bool = False
    """Whether it is asked for budgets: they and ratios make two curves."""
    asked: str = ""
    """Of a blend the ratio or budget that all its weights were asked for."""
    run: int = 0
    """Which of several runs under one seed."""


def series(rows: Sequence[EvalRow]) -> list[Series]:
    """The curves of rows that are in order."""
    curves: dict[Curve, list[EvalRow]] = {}
    for row in rows:
        budgeted = row.budget is not None
        plain = row.blend is None or row.setting.asked == NOTHING or row.ratio == 1.0
        asked = "" if plain else f"asked {row.setting.asked}"
        same = (row.task, row.method, row.scorer, row.model, is_reference(row), row.seed)
        curve = Curve(*same, budgeted, asked)
        while any(other.setting == row.setting for other in curves.get(curve, ())):
            curve = curve._replace(run=curve.run + 1)
        curves.setdefault(curve, []).append(row)
    return [
        Series(curve.task, _label(curve, list(curves)), tuple(found))
        for curve, found in curves.items()
    ]


def _label(curve: Curve, curves: Sequence[Curve]) -> str:
    same = (curve.task, curve.method, curve.reference)
    alike = [other for other in curves if (other.task, other.method, other.reference) == same]
    name = curve.method
    name = f"{name} with ratio" if name == ORIGINAL and not curve.reference else name
    parts = []
    if len({other.budgeted for other in alike}) > 1:
        parts.append("budgets" if curve.budgeted else "ratios")
    alike = [other for other in alike if other.budgeted == curve.budgeted]
    if len({other.scorer for other in alike}) > 1:
        parts.append(curve.scorer or "no scorer")
    alike = [other for other in alike if other.scorer == curve.scorer]
    if len({other.model for other in alike}) > 1:
        parts.append(short(curve.model))
    alike = [other for other in alike if other.model == curve.model]
    if len({other.asked for other in alike}) > 1:
        parts.append(curve.asked or "nothing asked")
    alike = [other for other in alike if other.asked == curve.asked]
    if len({other.seed for other in alike}) > 1:
        parts.append(f"seed {curve.seed}")
    if len([other for other in alike if other.seed == curve.seed]) > 1:
        parts.append(f"run {curve.run + 1}")
    return f"{name} ({', '.join(parts)})" if parts else name


def same_but_for_run(row: EvalRow, other: EvalRow) -> bool:
    """Whether two rows are of one setting, run under the same or another seed."""
    return (row.task, row.setting, row.scorer) == (other.task, other.setting, other.scorer)


def first_runs(curves: Iterable[Series]) -> list[Series]:
    """Of curves that differ in nothing but their run the first."""
    found: dict[tuple[str, str, str, str, bool], Series] = {}
    for curve in curves:
        row = curve.rows[0]
        kind = row.budget is not None
        found.setdefault((row.task, row.method, row.scorer, row.model, kind), curve)
    return list(found.values())


def named(rows: Sequence[EvalRow]) -> list[tuple[str, EvalRow]]:
    """Each row with what to call it: `tokenskip at 0.5`, and on which task where there are
    several.
    """
    on = len(tasks_of(rows)) > 1
    return [
        (curve.label + asked_for(row) + (f" on {row.task}" if on else ""), row)
        for curve in series(rows)
        for row in curve.rows
    ]


def tasks_of(rows: Iterable[EvalRow]) -> list[str]:
    """The tasks of rows, in their order."""
    return list(dict.fromkeys(row.task for row in rows))


def short(model: str) -> str:
    """The last part of a model's path or spec: `hf:org/name` ->
    `name`; of a folder called `model` two: `cts/model`.
    """
    path = PurePosixPath(model.removeprefix("hf:"))
    return (
        str(PurePosixPath(path.parent.name, path.name))
        if path.name == "model"
        else path.name or model
    )


def original_of(row: EvalRow, rows: Iterable[EvalRow]) -> EvalRow | None:
    """The original that `row.kept` is a fraction of: of
    several on the same task, the one whose length fits.
    """
    originals = [other for other in rows if is_reference(other) and other.task == row.task]
    originals = [other for other in originals if other.seed == row.seed] or originals
    if not originals or row.kept is None:
        return originals[0] if len(originals) == 1 else None
    kept = row.kept
    return min(originals, key=lambda original: abs(original.mean_tokens * kept - row.mean_tokens))

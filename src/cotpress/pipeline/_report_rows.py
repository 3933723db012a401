"""Rows in the order and under the names that every part of a report uses: one series is one curve.

A series is what shares task, method, scorer and model. Labels are as short as they can be: the scorer and the model are
named only where the method alone would mean two curves.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from cotpress.pipeline.baselines import PROMPTS
from cotpress.pipeline.evaluate import ORIGINAL
from cotpress.records import EvalRow

TAUGHT = {
    "tokenskip": "fine-tuned on its own reasoning, pruned to the ratio that the prompt asks for.",
    "cts": "as tokenskip, with importance from a reference model that is given the question and the answer.",
    "token-assorted": "fine-tuned on reasoning whose first part is replaced by discrete latent tokens.",
}
"""The methods that a report is about, each in one sentence."""

COMPARED = {
    **{name: f"the original, told “{sentence.format(percent='N')}”" for name, sentence in PROMPTS.items()},
    "truncation": "the first tokens of the original's own reasoning, as many as the method really kept; the original then only"
    " concludes, and the seconds are those of the conclusion.",
    "random": "as truncation, with segments drawn at random: what importance scores must beat.",
    "solution-only": "fine-tuned to answer without reasoning.",
    "pause": "fine-tuned with pause tokens, which say nothing, in place of reasoning.",
    "icot": "fine-tuned while the first reasoning tokens are removed step by step (implicit chain of thought).",
    "drop-only": "fine-tuned with the first part of the reasoning dropped and nothing in its place.",
    "full-cot": "fine-tuned on the whole reasoning, as long as the method it is compared with.",
    "pause-cot": "fine-tuned with pause tokens in front of the whole reasoning.",
    "random-codes": "as token-assorted, with random codes in place of those that encode the reasoning.",
    "constant-codes": "as token-assorted, with one and the same code everywhere: a pause of the same length.",
    "forced-latents": "the token-assorted model, made to write the given number of latent tokens first.",
    "corrupted-codes": "the token-assorted model, going on from its own latent tokens with other codes in their place; “answers"
    " changed” is the share that then differs.",
}
"""What a method is compared with, each in one sentence. Any other name but `original` is taken for a method."""

NOTES = {
    ORIGINAL: "the untouched model; the reference is its answers to the plain question, without a ratio.",
    **TAUGHT,
    **COMPARED,
}


@dataclass(frozen=True)
class Series:
    """The rows of one curve, by falling ratio."""

    task: str
    label: str
    rows: tuple[EvalRow, ...]

    @property
    def reference(self) -> bool:
        """Whether this is what the others are measured against."""
        return is_reference(self.rows[0])

    @property
    def compared(self) -> bool:
        """Whether this is a baseline or a control rather than a method; also the untouched model asked for a ratio."""
        return not self.reference and self.rows[0].method in (ORIGINAL, *COMPARED)


def is_reference(row: EvalRow) -> bool:
    """Whether a row is the untouched model's, asked without a ratio."""
    return row.method == ORIGINAL and row.ratio is None


def in_order(rows: Iterable[EvalRow]) -> list[EvalRow]:
    """Rows without repetitions: by task, the original first, then methods, then baselines, each by falling ratio."""
    distinct: list[EvalRow] = []
    for row in rows:
        if row not in distinct:
            distinct.append(row)

    def order(row: EvalRow) -> tuple[object, ...]:
        return (
            row.task,
            *setting_order(row.method, row.model, row.ratio, row.scorer),
            -1 if row.latents is None else row.latents,
        )

    return sorted(distinct, key=order)


def setting_order(method: str, model: str, ratio: float | None, scorer: str = "") -> tuple[int, str, str, str, float]:
    """Where one setting stands: original, methods, baselines; those without a ratio before the falling ratios."""
    rank = 0 if method == ORIGINAL else 2 if method in COMPARED else 1
    return rank, method, scorer, model, -2.0 if ratio is None else -ratio


Curve = tuple[str, str, str, str, bool]
"""Task, method, scorer, model, and whether it is the reference."""


def series(rows: Sequence[EvalRow]) -> list[Series]:
    """The curves of rows that are in order."""
    curves: dict[Curve, list[EvalRow]] = {}
    for row in rows:
        curves.setdefault((row.task, row.method, row.scorer, row.model, is_reference(row)), []).append(row)
    return [Series(curve[0], _label(curve, list(curves)), tuple(found)) for curve, found in curves.items()]


def _label(curve: Curve, curves: Sequence[Curve]) -> str:
    task, method, scorer, model, reference = curve
    alike = [other for other in curves if other[:2] == (task, method) and other[4] == reference]
    name = f"{method} with ratio" if method == ORIGINAL and not reference else method
    parts = []
    if len({other[2] for other in alike}) > 1:
        parts.append(scorer or "no scorer")
    if len([other for other in alike if other[2] == scorer]) > 1:
        parts.append(short(model))
    return f"{name} ({', '.join(parts)})" if parts else name


def tasks_of(rows: Iterable[EvalRow]) -> list[str]:
    """The tasks of rows, in their order."""
    return list(dict.fromkeys(row.task for row in rows))


def short(model: str) -> str:
    """The last part of a model's path or spec: `hf:org/name` -> `name`; of a folder called `model` two: `cts/model`."""
    path = PurePosixPath(model.removeprefix("hf:"))
    return str(PurePosixPath(path.parent.name, path.name)) if path.name == "model" else path.name or model


def original_of(row: EvalRow, rows: Iterable[EvalRow]) -> EvalRow | None:
    """The original that `row.kept` is a fraction of: of several on the same task, the one whose length fits."""
    originals = [other for other in rows if is_reference(other) and other.task == row.task]
    if not originals or row.kept is None:
        return originals[0] if len(originals) == 1 else None
    kept = row.kept
    return min(originals, key=lambda original: abs(original.mean_tokens * kept - row.mean_tokens))

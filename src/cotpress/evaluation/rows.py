"""`graded Trace -> EvalRow`: what an evaluation found, setting by setting.

Pure over the traces, so that every figure can be made again without a model. Definitions follow
TokenSkip (specification section 5), and differ where the paper flatters: every length counts
failures and cut-off answers, every row has the same token budget (A9), the base of `kept` is the
untouched model on the same problems (A7; against the method's own ratio 1.0 it is `kept_own`), and
a ratio that is missed is said (`note`).
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

import msgspec

from cotpress.errors import CotpressError
from cotpress.evaluation.baselines import CONTROLS
from cotpress.evaluation.brief import Groups, grouped, is_readable
from cotpress.evaluation.row import Beside, row
from cotpress.evaluation.setting import is_reference
from cotpress.grading import Check
from cotpress.lm.taught import Budgets
from cotpress.methods import CORRUPTED, FORCED, method
from cotpress.records import Asked, EvalRow, Setting, Trace

TOLERANCE = 0.03
"""An actual ratio further than this from the requested one is called a miss."""

BUDGET_TOLERANCE = 0.1
"""So is a mean that is further than this share of a budget from it."""


def rows(
    traces: Iterable[Trace],
    *,
    scorer: str = "",
    trained: Sequence[float] | None = None,
    budgets: Budgets | None = None,
    seed: int = 0,
    graders: Mapping[str, str | Check] | None = None,
    overlapping: Collection[str] | None = None,
) -> list[EvalRow]:
    """One row per task, model, method and ratio of the graded traces of one evaluation, in order of
    appearance.

    The reference is the untouched model: method `original` with no ratio. Intervals are 95 %:
    Wilson's, or bootstraps over problems.

    Args:
        traces: What `evaluate` gives; of each its numbers are held.
        scorer: Recorded in the rows of trained methods.
        trained: The ratios that the model was trained on; default: not known. A row at another
            one says so in `note`.
        budgets: The range of budgets, in reasoning tokens, that it was trained on; default: not
            known.
        seed: The run's, to be recorded.
        graders: Of tasks that are graded by another grader than `math`: task -> grader.
        overlapping: Ids of problems that the judged model was also taught; default: not known.

    Returns:
        The rows; lengths in tokens of the model that answers, failures included.

    Raises:
        CotpressError: A trace has no grade, or a task has two untouched models.
    """
    return rows_of(
        grouped(traces, graders),
        scorer=scorer,
        trained=trained,
        budgets=budgets,
        seed=seed,
        graders=graders,
        overlapping=overlapping,
    )


def rows_of(
    groups: Groups,
    *,
    scorer: str = "",
    trained: Sequence[float] | None = None,
    budgets: Budgets | None = None,
    seed: int = 0,
    graders: Mapping[str, str | Check] | None = None,
    overlapping: Collection[str] | None = None,
) -> list[EvalRow]:
    """The rows of answers that are grouped already; see `rows`."""
    result = []
    for (task, setting), group in groups.items():
        beside = _beside(task, setting, groups, readable=is_readable(task, graders))
        found = row(task, setting, group, beside)
        if setting.method == CORRUPTED:
            found = msgspec.structs.replace(found, changed=_changed(task, setting, groups))
        if method(setting.method).trained:
            found = msgspec.structs.replace(found, scorer=scorer)
        if overlapping is not None:
            n_taught = len({problem for problem, _ in group} & set(overlapping))
            found = msgspec.structs.replace(found, overlap=n_taught)
        result.append(msgspec.structs.replace(found, seed=seed, note=note(found, trained, budgets)))
    return result


def _beside(task: str, setting: Setting, groups: Groups, *, readable: bool) -> Beside:
    """What a setting is measured against: others on the same task."""
    on_task = {other: found for (of, other), found in groups.items() if of == task}
    untouched = {other.model: found for other, found in on_task.items() if is_reference(other)}
    if len(untouched) > 1:
        names = " and ".join(untouched)
        raise CotpressError(
            f"two untouched models for task {task} ({names}): make the "
            "rows of one evaluation at a time."
        )
    base = next(iter(untouched.values()), {})
    whole = msgspec.structs.replace(setting, asked=Asked(ratio=1.0), latents=None)
    longest = [base] if base else on_task.values()
    largest = max(answer.n_tokens for group in longest for answer in group.values())
    return Beside(base, on_task.get(whole, {}), largest, readable)


def note(row: EvalRow, trained: Sequence[float] | None, budgets: Budgets | None = None) -> str:
    """What must not be missed about a row's ratio or budget: it was never trained on, or the
    actual length is another. Else empty.
    """
    ratio = row.ratio
    if row.method in CONTROLS:
        return ""
    if row.budget is not None:
        return "; ".join(_about_budget(row, row.budget, budgets))
    if ratio is None:
        return ""
    notes = []
    if method(row.method).trained:
        if ratio == 1.0 and set(trained or ()) <= {1.0}:
            return ""  # a method that knows no ratios, and none was asked for
        if trained is not None and ratio not in trained:
            notes.append("never trained on")
    if row.kept is not None and abs(row.kept - ratio) > TOLERANCE:
        notes.append(f"asked {ratio:g}, kept {row.kept:.2f}")
    return "; ".join(notes)


def _about_budget(row: EvalRow, budget: int, taught: Budgets | None) -> Iterator[str]:
    if taught and method(row.method).trained and not taught.hold(budget):
        yield f"outside what was trained ({taught})"
    if abs(row.mean_tokens - budget) > BUDGET_TOLERANCE * budget:
        yield f"asked {budget:,}, spent {row.mean_tokens:,.0f}"


def _changed(task: str, setting: Setting, groups: Groups) -> float | None:
    """Share of answers that differ from those of the model by itself, its latent tokens neither
    forced nor exchanged, pair by pair; None where it was not asked by itself.
    """
    group = groups[task, setting]
    alike = (
        found
        for (of, other), found in groups.items()
        if of == task
        and other == msgspec.structs.replace(setting, method=other.method)
        and method(other.method).trained
        and other.method not in (FORCED, CORRUPTED)
    )
    own = next(alike, None)
    if own is None:
        return None
    shared = [(one.grade, own[key].grade) for key, one in group.items() if key in own]
    return sum(a.answer != b.answer for a, b in shared) / max(1, len(shared))

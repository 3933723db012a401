"""How long the answers are: when right and when wrong, against what was asked, after the answer was
found, and outside of the reasoning.
"""

from collections.abc import Callable

from cotpress.records import EvalRow, Lengths
from cotpress.report.rows import named, tasks_of
from cotpress.report.sections import Grid, Part, Section
from cotpress.report.strips import strips
from cotpress.report.table import NOTHING, interval, known, share
from cotpress.report.told import Report

PLACE = 14

HOW = (
    "Reasoning tokens as mean / median / 90th percentile. Where wrong answers are much longer, a "
    "mean over all tells more about failures than about success.",
    "Off what was asked: mean of |asked − actual| / asked, answer by answer, which a ratio of "
    "means hides (L1, arXiv 2503.04697); longer than asked: the share of such answers.",
    "After the answer: of the reasoning that states the right answer at all, the share of its text "
    "that follows the first sentence in which the grader reads it (overthinking; arXiv "
    "2412.21187). An upper bound, since a number can be the answer by chance.",
    "Rest: tokens outside the reasoning over the original's; above 1 the conclusion takes over "
    "what the reasoning leaves out.",
)

STRIPS = (
    "How lengths are distributed: the share of answers by their reasoning tokens, each problem "
    "with the same weight; the outline is the original's. All on one scale of tokens, each as high "
    "as its highest bar."
)


def section(told: Report) -> Section | None:
    """A part for each task; None where no row knows these lengths, as those of older files."""
    rows = [row for row in told.rows if row.lengths_right or row.lengths_wrong]
    tasks = tasks_of(rows)
    if not tasks:
        return None
    parts = tuple(
        _part([row for row in rows if row.task == task], task, alone=len(tasks) == 1)
        for task in tasks
    )
    return Section("lengths", "How long the answers are", parts)


def _part(rows: list[EvalRow], task: str, *, alone: bool) -> Part:
    found = named(rows)

    def column(title: str, cell: Callable[[EvalRow], str]) -> tuple[str, bool, list[str]]:
        return title, False, [cell(row) for _, row in found]

    table = known(
        [
            ("method", True, [name for name, _ in found]),
            column("right: tokens", lambda row: _lengths(row.lengths_right)),
            column("wrong: tokens", lambda row: _lengths(row.lengths_wrong)),
            column("off what was asked [95\u00a0%]", _off),
            column("longer than asked", lambda row: share(row.over_asked)),
            column("states the answer", lambda row: share(row.answer_stated)),
            column("after the answer", lambda row: share(row.after_answer)),
            column("rest", lambda row: _growth(row.conclusion_growth)),
        ]
    )
    return Part(
        "" if alone else task,
        HOW,
        strips=strips(rows),
        strips_say=STRIPS,
        grid=Grid(f"Lengths on {task}.", table),
    )


def _lengths(found: Lengths | None) -> str:
    if found is None:
        return NOTHING
    return f"{found.mean:,.0f} / {found.median:,.0f} / {found.p90:,.0f}"


def _off(row: EvalRow) -> str:
    error, low, high = row.asked_error, row.asked_error_low, row.asked_error_high
    if error is None or low is None or high is None:
        return share(error)
    return interval(error, low, high)


def _growth(value: float | None) -> str:
    return NOTHING if value is None else f"×\u00a0{value:.2f}"

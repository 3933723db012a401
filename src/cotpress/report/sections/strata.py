"""The parts of a task by themselves, such as the levels of MATH: whether what is saved is paid for
by the hard problems.
"""

from cotpress.records import EvalRow
from cotpress.report.rows import named, tasks_of
from cotpress.report.sections import Grid, Part, Section
from cotpress.report.table import NOTHING, interval, known
from cotpress.report.told import Report

PLACE = 16

HOW = (
    "Each part of the task by itself, as the task names it. Intervals as in the table of all "
    "problems, wider because the problems are fewer; the parts are not tested against each other."
)


def section(told: Report) -> Section | None:
    """A part for each task that has strata; None where there is none."""
    stratified = [row for row in told.rows if row.strata]
    tasks = tasks_of(stratified)
    if not tasks:
        return None
    parts = tuple(
        _part([row for row in stratified if row.task == task], task, alone=len(tasks) == 1)
        for task in tasks
    )
    title = f"{tasks[0]}: part by part" if len(tasks) == 1 else "Tasks part by part"
    return Section("strata", title, parts)


def _part(rows: list[EvalRow], task: str, *, alone: bool) -> Part:
    found = [(name, stratum) for name, row in named(rows) for stratum in row.strata]
    order = list(dict.fromkeys(stratum.name for _, stratum in found))
    found.sort(key=lambda one: order.index(one[1].name))
    table = known(
        [
            ("part", True, [stratum.name for _, stratum in found]),
            ("method", True, [name for name, _ in found]),
            ("n", False, [str(stratum.n) for _, stratum in found]),
            (
                "accuracy [95\u00a0%]",
                False,
                [interval(one.accuracy, one.accuracy_low, one.accuracy_high) for _, one in found],
            ),
            ("reasoning tokens", False, [f"{one.mean_tokens:.1f}" for _, one in found]),
            (
                "actual ratio",
                False,
                [NOTHING if one.kept is None else f"{one.kept:.3f}" for _, one in found],
            ),
        ]
    )
    return Part("" if alone else task, (HOW,), (), Grid(f"The parts of {task}.", table, long=True))

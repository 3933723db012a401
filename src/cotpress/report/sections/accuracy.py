"""What shorter reasoning costs on each task: accuracy against length,
is a ratio or a budget obeyed, and every figure in a table.
"""

from cotpress.records import EvalRow
from cotpress.report.figures import accuracy_figure, ratio_figure, spent_figure
from cotpress.report.rows import is_taught, series, tasks_of
from cotpress.report.sections import Drawn, Grid, Part, Section
from cotpress.report.table import table
from cotpress.report.told import Report

PLACE = 10

READ = "the same figures stand in the table below."


def section(told: Report) -> Section | None:
    """A part for each task; None where nothing was evaluated."""
    tasks = tasks_of(told.rows)
    if not tasks:
        return None
    parts = tuple(
        _part(told.rows, task, number, alone=len(tasks) == 1) for number, task in enumerate(tasks)
    )
    return Section(
        "accuracy",
        f"{tasks[0]}: accuracy and length" if len(tasks) == 1 else "Accuracy and length",
        parts,
    )


def _part(all_rows: list[EvalRow], task: str, number: int, *, alone: bool) -> Part:
    rows = [row for row in all_rows if row.task == task]
    curves = series(rows)
    drawn = accuracy_figure(curves)
    forced = (
        ", or how many latent tokens it was made to write"
        if any(row.latents is not None for row in rows)
        else ""
    )
    if any(row.blend is not None for row in rows):
        forced += ", or the trained model's weight in a blend"
    budgets = ", or so many tokens" if any(is_taught(row) and row.budget for row in rows) else ""
    detailed = (
        "The upper panel shows a part of the lower one. " if "yaxis2" in drawn["layout"] else ""
    )
    figures = [
        Drawn(
            f"accuracy-{number}",
            "Accuracy against mean reasoning tokens,",
            "with 95 % intervals. Up and to the left is better. Numbers beside "
            "points are the ratios asked for, that is which "
            f"share of its reasoning a model is asked to keep{budgets}{forced}; baselines are "
            "dashed; the dotted line is the original, "
            f"in the band of its interval. {detailed}The accuracy axis need not begin at zero.",
            f"Accuracy against mean reasoning tokens; {READ}",
            drawn,
        )
    ]
    if (asked := ratio_figure(curves)) is not None:
        asked["layout"]["height"] = drawn["layout"]["height"]  # they stand side by side
        figures.append(
            Drawn(
                f"ratio-{number}",
                "Does it obey?",
                "Actual ratio against the ratio asked for. On the dotted line the "
                "request is met; in the grey band it is met "
                "within 0.03. Controls are not shown: they are cut to what the method kept.",
                f"Actual ratio against the ratio asked for; {READ}",
                asked,
            )
        )
    if (spent := spent_figure(curves)) is not None:
        spent["layout"]["height"] = drawn["layout"]["height"]
        figures.append(
            Drawn(
                f"spent-{number}",
                "Does it keep to its budgets?",
                "Mean reasoning tokens, with 95 % intervals, against the number asked for in the "
                "prompt. On the dotted line the request is met; in the grey band it is met within "
                "10 %. How far single answers are off stands in the table of lengths. Controls are "
                "not shown: they end at the budget by force.",
                f"Mean reasoning tokens against the number asked for; {READ}",
                spent,
            )
        )
    return Part(
        "" if alone else task, (), tuple(figures), Grid(f"Every setting on {task}.", table(rows))
    )

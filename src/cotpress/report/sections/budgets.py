"""What a token budget buys: accuracy over the budget, the area below it, and the two scores of the
field that weigh accuracy and length in one figure.
"""

import html
from collections.abc import Sequence

from cotpress.evaluation.baselines import CONTROLS
from cotpress.records import EvalRow
from cotpress.report.figures import styles
from cotpress.report.plotting import HEIGHT, MARGIN, Figure, axis, layout
from cotpress.report.rows import named, series, tasks_of
from cotpress.report.sections import Drawn, Grid, Part, Section
from cotpress.report.table import NOTHING, known, setting
from cotpress.report.told import Report

PLACE = 12

LINE = 22
"""Height of a line of the legend, in pixels."""

FAINTEST = 0.35
"""Opacity of a method's smallest ratio."""

HOW = (
    "An answer counts at a budget if it is right and reasons within so many tokens, as if longer "
    "ones had been cut off there.",
    "Area: the mean of that share over all budgets from 0 to the longest reasoning of the original "
    "on the task (AUC_OAA of OptimalThinkingBench, arXiv 2508.13141).",
    "AES: the share of all tokens saved, plus 3 times the relative gain of accuracy or less 5 "
    "times the relative loss, against the original (O1-Pruner, arXiv 2501.12570). OckScore: "
    "accuracy in percent less 10 log10(1 + tokens / 10,000), with all tokens of an answer "
    "(OckBench, arXiv 2511.05722). Both hide the curve.",
)


def section(told: Report) -> Section | None:
    """A part for each task; None where no row knows its budgets, as those of older files."""
    rows = [row for row in told.rows if row.budgets]
    tasks = tasks_of(rows)
    if not tasks:
        return None
    parts = tuple(
        _part([row for row in rows if row.task == task], task, number, alone=len(tasks) == 1)
        for number, task in enumerate(tasks)
    )
    return Section("budgets", "What a token budget buys", parts)


def _part(rows: list[EvalRow], task: str, number: int, *, alone: bool) -> Part:
    found = named(rows)
    largest = max(row.budgets[-1] for row in rows)
    uneven = "" if all(row.budgets[-1] == largest for row in rows) else " (areas end apart)"
    table = known(
        [
            ("method", True, [name for name, _ in found]),
            ("area", False, [_figure(row.budget_area, 3) for _, row in found]),
            ("up to tokens", False, [f"{row.budgets[-1]:,}" for _, row in found]),
            ("AES", False, [_figure(row.aes, 2, sign=True) for _, row in found]),
            ("OckScore", False, [_figure(row.ock_score, 1) for _, row in found]),
            ("all tokens", False, [f"{row.mean_total_tokens:,.1f}" for _, row in found]),
        ]
    )
    drawn = Drawn(
        f"budget-{number}",
        "Share right within a budget,",
        "in reasoning tokens. Further up and to the left is better; of one method the fainter "
        "curve is that of the smaller ratio. Controls are not shown; their areas stand in the "
        "table.",
        "Share of answers that are right within each budget; its area stands in the table below.",
        budget_figure([row for row in rows if row.method not in CONTROLS] or rows),
    )
    title = "" if alone else task
    return Part(title, HOW, (drawn,), Grid(f"Budgets on {task}{uneven}.", table))


def budget_figure(rows: Sequence[EvalRow]) -> Figure:
    """The curves of one task's rows as steps, in the colours of the other figures: of one method
    the fainter the smaller the ratio.
    """
    curves = series(rows)
    data = []
    for curve, (colour, _) in zip(curves, styles(curves), strict=True):
        for place, row in enumerate(curve.rows):
            data.append(
                {
                    "type": "scatter",
                    "mode": "lines",
                    "name": html.escape(curve.label + setting(row)),
                    "x": [0, *row.budgets],
                    "y": [0.0, *(100 * share for share in row.at_budget)],
                    "line": {"color": colour, "width": 2, "shape": "hv"},
                    "opacity": 1 - (1 - FAINTEST) * place / max(1, len(curve.rows) - 1),
                    "hovertemplate": "%{fullData.name}: %{y:.1f} % right within %{x:,} tokens"
                    "<extra></extra>",
                }
            )
    largest, legend = max(row.budgets[-1] for row in rows), LINE * (1 + len(rows) // 3)
    return {
        "data": data,
        "layout": layout(
            height=HEIGHT + legend,
            margin={**MARGIN, "b": MARGIN["b"] + legend},
            xaxis=axis("reasoning tokens allowed", [0, 1.02 * largest]),
            yaxis=axis("right within the budget, %", [0, 103]),
            showlegend=True,
            legend={"orientation": "h", "x": 0, "y": -60 / HEIGHT, "yanchor": "top"},
        ),
    }


def _figure(value: float | None, digits: int, *, sign: bool = False) -> str:
    if value is None:
        return NOTHING
    return f"{value:+.{digits}f}" if sign else f"{value:.{digits}f}"

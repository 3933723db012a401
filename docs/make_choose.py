"""The figure of docs/results.md and the README, accuracy against reasoning tokens, drawn from the
first table of that page, so that both say the same.

    python docs/make_choose.py choose.html
    chromium --headless --no-sandbox --window-size=1080,560 --screenshot=docs/choose.png choose.html

An arm's points are joined in the order of the table; bars are its intervals.
"""

import re
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import plotly.graph_objects as go

from cotpress.report.plotting import SANS

PAGE = Path(__file__).with_name("results.md")
BEGIN = "| arm | asked | seeds | reasoning tokens | accuracy, % |"

KINDS = {
    "untouched": ("#000000", "circle"),
    "grpo": ("#d55e00", "square"),
    "shortest": ("#009e73", "diamond"),
    "random-right": ("#009e73", "diamond-open"),
    "blend": ("#0072b2", "diamond"),
    "earliest": ("#cc79a7", "triangle-up"),
    "surprisal-step": ("#b8860b", "x"),
    "surprisal-token": ("#56b4e9", "star"),
    "cts-step": ("#332288", "triangle-down"),
    "averaged-cts-step": ("#332288", "hexagon"),
    "cts-token": ("#882255", "triangle-down-open"),
    "token-assorted": ("#aa4499", "pentagon"),
    "random-codes": ("#aa4499", "pentagon-open"),
    "random-step": ("#777777", "circle-open"),
    "budget-forcing": ("#8c564b", "square-open"),
}
"""Arms that are drawn, with colour and symbol; a control has the colour or an open symbol."""

AS = {"grpo": "rewards after shortest", "budget-forcing": "budget-forcing, untrained"}
"""Names that the legend spells out."""


class Point(NamedTuple):
    """One row of the table."""

    tokens: float
    accuracy: float
    low: float
    high: float
    asked: str


def rows(page: str) -> Iterator[tuple[str, Point]]:
    """Arm and point of every row of the table; `ValueError` where the page has no such table."""
    _, begin, rest = page.partition(BEGIN)
    if not begin:
        raise ValueError(f"the page has no table that begins with {BEGIN}")
    arm = ""
    for line in rest.splitlines()[2:]:
        if not line.startswith("|"):
            return
        name, asked, _, tokens, right = (cell.strip() for cell in line.strip("|").split("|"))
        if name:
            found = re.search(r"`([\w.-]+)`", name)
            arm = found[1] if found else name
        few = [float(number) for number in re.findall(r"[\d.]+", tokens.replace(",", ""))]
        values = [float(number) for number in re.findall(r"[\d.]+", right.replace("*", ""))]
        yield arm, Point(sum(few) / len(few), values[0], values[1], values[2], asked)


def figure(page: str) -> go.Figure:
    """The arms of `KINDS`, each a line through its points."""
    points: defaultdict[str, list[Point]] = defaultdict(list)
    for arm, point in rows(page):
        points[arm].append(point)
    drawn = go.Figure()
    for arm, (colour, symbol) in KINDS.items():
        of = points[arm]
        drawn.add_scatter(
            x=[one.tokens for one in of],
            y=[one.accuracy for one in of],
            name=AS.get(arm, arm),
            mode="lines+markers",
            marker={"size": 10, "symbol": symbol, "color": colour, "line": {"width": 1.5}},
            line={"color": colour, "width": 1.5, "dash": "dot" if "open" in symbol else "solid"},
            error_y={
                "array": [one.high - one.accuracy for one in of],
                "arrayminus": [one.accuracy - one.low for one in of],
                "thickness": 1,
                "width": 3,
            },
        )
    drawn.update_xaxes(title="mean reasoning tokens", range=[0, 340])
    drawn.update_yaxes(title="accuracy, %", range=[0, 103])
    drawn.update_layout(
        template="plotly_white",
        font={"family": SANS, "size": 15},
        margin={"t": 15, "r": 10, "b": 60, "l": 70},
        width=1070,
        height=560,
    )
    return drawn


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    made = figure(PAGE.read_text(encoding="utf-8"))
    made.write_html(sys.argv[1], config={"displayModeBar": False})

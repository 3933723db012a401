"""Do the conclusions survive? How likely a model finds them after the
shortened reasoning, as `cotpress verify` measured it.
"""

from statistics import mean, median, quantiles

from cotpress.report.plotting import COLOURS, HEIGHT, MUTED, Figure, axis, layout
from cotpress.report.sections import Drawn, Grid, Part, Section
from cotpress.report.table import Table
from cotpress.report.told import Report
from cotpress.report.verified import Survival

PLACE = 30


def section(told: Report) -> Section | None:
    """None where nothing was verified."""
    found = told.verified
    if not found.by_ratio:
        return None
    title = "Do the conclusions survive?"
    losses = [
        {"ratio": ratio, "n": len(lost), "median": median(lost), "mean": mean(lost)}
        for ratio, lost in sorted(found.by_ratio.items())
    ]
    lines = [
        [f"{one['ratio']:g}", str(one["n"]), f"{one['median']:.2f}", f"{one['mean']:.2f}"]
        for one in losses
    ]
    table = Table(["ratio", "traces", "median loss (nats)", "mean loss"], [False] * 4, lines)
    how = (
        f"How likely {found.reference} finds each conclusion after the shortened "
        "reasoning, against the full one. A loss of "
        "0.7 nats makes it half as likely; below 0 it became likelier."
    )
    return Section(
        "verified",
        title,
        (Part("", (how,), tuple(_figures(found)), Grid("Losses by ratio.", table)),),
        losses,
    )


def _figures(found: Survival) -> list[Drawn]:
    lost = Drawn(
        "loss",
        "What the conclusions lose,",
        "in nats of log-likelihood: median and quartiles over the traces.",
        "Likelihood that the conclusions lose at each ratio; the same "
        "figures stand in the table below.",
        loss_figure(found),
    )
    if (given := chosen_figure(found)) is None:
        return [lost]
    caption = (
        "Each trace at the smallest ratio at which its conclusion loses at "
        f"most {found.threshold:g} nats; the others are "
        "kept whole."
    )
    return [
        lost,
        Drawn(
            "chosen",
            "Ratios of their own.",
            caption,
            "How many traces were given which ratio.",
            given,
        ),
    ]


def loss_figure(found: Survival) -> Figure:
    """Median and quartiles of the loss against the ratio,
    with the loss without any reasoning as a line.
    """
    ratios = sorted(found.by_ratio)
    quartiles = [_quartiles(found.by_ratio[ratio]) for ratio in ratios]
    medians = [middle for _, middle, _ in quartiles]
    top = median(found.without) if found.without else 0.0
    bars = {
        "type": "data",
        "symmetric": False,
        "array": [high - middle for _, middle, high in quartiles],
        "arrayminus": [middle - low for low, middle, _ in quartiles],
        "color": COLOURS[0],
        "thickness": 1,
        "width": 3,
    }
    line = {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": top, "y1": top}
    label = {
        "xref": "paper",
        "x": 0.01,
        "y": top,
        "text": "no reasoning at all (median)",
        "showarrow": False,
        "xanchor": "left",
    }
    return {
        "data": [
            {
                "type": "scatter",
                "mode": "lines+markers",
                "x": ratios,
                "y": medians,
                "error_y": bars,
                "line": {"color": COLOURS[0], "width": 2},
                "marker": {"color": COLOURS[0], "size": 8},
                "name": "loss",
                "hovertemplate": "ratio %{x:g}: median loss %{y:.2f} nats<extra></extra>",
            }
        ],
        "layout": layout(
            height=HEIGHT,
            xaxis=axis("ratio", [0, 1.05], dtick=0.2),
            yaxis=axis(
                "likelihood the conclusion loses, in nats",
                _range([value for three in quartiles for value in three] + [top, 0.0]),
            ),
            shapes=[{**line, "line": {"color": MUTED, "width": 1, "dash": "dot"}}],
            annotations=[
                {
                    **label,
                    "showarrow": False,
                    "xanchor": "left",
                    "yanchor": "bottom",
                    "font": {"color": MUTED, "size": 12},
                }
            ],
        ),
    }


def chosen_figure(found: Survival) -> Figure | None:
    """How many traces were given which ratio; None where no ratio was chosen."""
    if not found.chosen:
        return None
    ratios = sorted(found.chosen)
    return {
        "data": [
            {
                "type": "bar",
                "x": [f"{ratio:g}" for ratio in ratios],
                "y": [found.chosen[ratio] for ratio in ratios],
                "width": 0.6,
                "marker": {"color": COLOURS[0]},
                "hovertemplate": "ratio %{x}: %{y} traces<extra></extra>",
            }
        ],
        "layout": layout(
            height=HEIGHT,
            xaxis={
                **axis("ratio chosen for the trace", [-0.5, len(ratios) - 0.5]),
                "type": "category",
            },
            yaxis=axis("traces", [0, 1.08 * max(found.chosen.values())]),
        ),
    }


def _quartiles(losses: list[float]) -> tuple[float, float, float]:
    low, middle, high = quantiles(losses, n=4) if len(losses) > 1 else losses * 3
    return low, middle, high


def _range(values: list[float]) -> list[float]:
    low, high = min(values), max(values)
    air = 0.15 * (high - low) or 1.0
    return [low - air, high + air]

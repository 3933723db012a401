"""The figures of a task: accuracy against length, and what was asked for against what came: ratios
and budgets.
"""

import html
from collections.abc import Sequence
from dataclasses import dataclass

from cotpress.evaluation.baselines import CONTROLS
from cotpress.evaluation.rows import BUDGET_TOLERANCE, TOLERANCE
from cotpress.records import NOTHING, EvalRow
from cotpress.report.plotting import (
    BAND,
    COLOURS,
    HEIGHT,
    INK,
    MARGIN,
    SYMBOLS,
    TALL,
    Figure,
    axis,
    layout,
    line,
)
from cotpress.report.rows import Series, is_reference, is_taught, original_of, short
from cotpress.report.table import accuracy, p_value, ratio, setting, share

WIDTH, LINE, LETTER, GAP = 560, 16, 7.5, 12
"""Pixels: of the plot at full width, between two labels, of a
letter in them, between a label and its point.
"""
CROWD, LEGEND = 6, 70
"""Curves from which on not every name fits beside its curve, and
the height of the legend that then names them.
"""
LONGEST = 34
"""Letters of a curve's name in a figure; of a longer one the
middle is left out, and the table has all of it.
"""
ASKED = "%{fullData.name}<br>asked for %{x:g}, kept %{y:.3f}<extra></extra>"
"""What is said of a point of the second figure."""
SPENT = "%{fullData.name}<br>asked for %{x:,}, spent %{y:,.1f}%{customdata}<extra></extra>"
"""And of the third; behind it how far its answers are off."""
FLAT = 0.4
"""A detail panel is added where the methods and the original
span less than this share of all accuracies.
"""
LOWER, UPPER = (0.0, 0.36), (0.42, 1.0)
"""Where the two panels stand, as fractions of the height."""


@dataclass(frozen=True)
class _Panel:
    """One of the parts of the accuracy figure that share an x axis."""

    axis: str
    title: str
    between: tuple[float, float]
    """The accuracies it shows, in percent."""
    domain: tuple[float, float] = (0.0, 1.0)
    """The part of the height it takes."""

    def shows(self, curve: Series) -> bool:
        """Whether the shortest point of a curve, where its name stands, lies within."""
        return self.between[0] <= 100 * _shortest(curve).accuracy <= self.between[1]


def accuracy_figure(curves: Sequence[Series]) -> Figure:
    """Accuracy in percent, with 95 % intervals, against mean reasoning tokens: a curve for each of
    one task's series.

    Baselines that fail can press the rest into a line at the top; then an upper panel shows methods
    and original in detail. Every curve is drawn in each panel and named once, in the most detailed
    panel that shows its end. Of more than `CROWD` curves only the methods are named in place, and a
    legend names all.
    """
    rows = [row for curve in curves for row in curve.rows]
    styled = list(zip(curves, styles(curves), strict=True))
    panels = _panels(rows)
    crowded = len(curves) > CROWD
    x_max = 1.08 * max(row.mean_tokens for row in rows) or 1
    height = HEIGHT if len(panels) == 1 else TALL
    data: list[Figure] = []
    parts: Figure = {"shapes": [], "annotations": []}
    unnamed = [curve.label for curve in curves if not (crowded and curve.compared)]
    for panel in panels:
        names = [
            (curve, style[0])
            for curve, style in styled
            if panel.shows(curve) and curve.label in unnamed
        ]
        unnamed = [label for label in unnamed if label not in [curve.label for curve, _ in names]]
        for curve, style in styled:
            drawn = _accuracy_trace(curve, *style, rows, ratios=panel is panels[0])
            data.append({**drawn, "yaxis": panel.axis, "showlegend": panel is panels[0]})
        pixels = (height - MARGIN["t"] - MARGIN["b"]) * (panel.domain[1] - panel.domain[0])
        parts[f"yaxis{panel.axis[1:]}"] = _percent_axis(panel)
        parts["shapes"] += [
            shape for row in rows if is_reference(row) for shape in _reference(row, panel.axis)
        ]
        parts["annotations"] += _labels(names, panel, x_max, pixels)
    parts["xaxis"] = axis("mean reasoning tokens per problem", [0, x_max], anchor="y")
    if crowded:
        parts |= {
            "showlegend": True,
            "legend": {"orientation": "h", "x": 0, "y": -60 / height, "yanchor": "top"},
        }
    return {"data": data, "layout": layout(height=height + (LEGEND if crowded else 0), **parts)}


def _panels(rows: Sequence[EvalRow]) -> list[_Panel]:
    """One panel, or two with the detail first."""
    methods = [row for row in rows if is_taught(row)]
    everything = _span(rows)
    detail = _span([*methods, *filter(is_reference, rows)] if methods else rows)
    if detail[1] - detail[0] >= FLAT * (everything[1] - everything[0]):
        return [_Panel("y", "accuracy", everything)]
    return [
        _Panel("y2", "accuracy: detail", detail, UPPER),
        _Panel("y", "accuracy: all", everything, LOWER),
    ]


def _span(rows: Sequence[EvalRow]) -> tuple[float, float]:
    """From which to which percent an axis runs that shows the intervals of `rows`: at least ten
    points, with some air.

    Beyond 0 and 100 there is nothing but the air that a mark at the edge and its label need.
    """
    low, high = (
        100 * min(row.accuracy_low for row in rows),
        100 * max(row.accuracy_high for row in rows),
    )
    middle, half = (low + high) / 2, max(1.16 * (high - low) / 2, 5)
    air = 0.12 * half
    return max(middle - half, -air), min(middle + half, 100 + air)


def _percent_axis(panel: _Panel) -> Figure:
    """An axis of percentages whose ticks do not go beyond 0 and 100, as its range may."""
    low, high = panel.between
    step = next(
        (
            step
            for step in (1, 2, 5, 10)
            if (high - low) / step <= 12 * (panel.domain[1] - panel.domain[0])
        ),
        20,
    )
    ticks = [value for value in range(0, 101, step) if low <= value <= high]
    return axis(
        panel.title,
        panel.between,
        domain=panel.domain,
        tickvals=ticks,
        ticktext=[f"{value} %" for value in ticks],
    )


def _shortest(curve: Series) -> EvalRow:
    return min(curve.rows, key=lambda row: row.mean_tokens)


def ratio_figure(curves: Sequence[Series]) -> Figure | None:
    """Actual against requested ratio, with the diagonal and the band in which a request counts as
    met; None without any.

    At 1.0 nothing is asked for: a curve that has no other ratio, as those with latent tokens, is
    not a request.
    """
    data = []
    for curve, (colour, symbol) in zip(curves, styles(curves), strict=True):
        met = [
            row
            for row in curve.rows
            if row.ratio is not None
            and row.kept is not None
            and row.blend is None
            and row.method not in CONTROLS
        ]
        if any(row.ratio != 1.0 for row in met):
            data.append(
                {
                    **_marks(curve, colour, symbol),
                    "x": [row.ratio for row in met],
                    "y": [row.kept for row in met],
                    "error_y": _bars(
                        [row.kept for row in met],
                        [row.kept_low for row in met],
                        [row.kept_high for row in met],
                        colour,
                    ),
                    "hovertemplate": ASKED,
                }
            )
    if not data:
        return None
    top = max(1.05, *(1.05 * value for trace in data for value in trace["y"]))
    corner = [0, top]
    band = f"M0,{-TOLERANCE} L{top},{top - TOLERANCE} L{top},{top + TOLERANCE} L0,{TOLERANCE} Z"
    below = {"type": "path", "fillcolor": BAND, "line": {"width": 0}, "layer": "below"}
    return {
        "data": data,
        "layout": layout(
            xaxis=axis("ratio asked for", [0, 1.05], dtick=0.2, constrain="domain"),
            yaxis=axis("actual ratio", corner, dtick=0.2, scaleanchor="x", constrain="domain"),
            shapes=[{"path": band, **below}, line(0, 0, top, top)],
            height=HEIGHT,
            showlegend=True,
            legend={"x": 0.99, "y": 0.02, "xanchor": "right", "yanchor": "bottom"},
        ),
    }


def spent_figure(curves: Sequence[Series]) -> Figure | None:
    """Reasoning tokens that were spent against those asked for in the prompt, with the diagonal and
    the band in which a request counts as met; None without any.

    Controls are not shown: they end at the budget by force.
    """
    data = []
    for curve, (colour, symbol) in zip(curves, styles(curves), strict=True):
        met = [
            row
            for row in curve.rows
            if row.budget is not None and row.blend is None and row.method not in CONTROLS
        ]
        if met:
            spent = [row.mean_tokens for row in met]
            data.append(
                {
                    **_marks(curve, colour, symbol),
                    "x": [row.budget for row in met],
                    "y": spent,
                    "error_y": _bars(
                        spent,
                        [row.mean_tokens_low for row in met],
                        [row.mean_tokens_high for row in met],
                        colour,
                    ),
                    "customdata": [
                        "" if row.asked_error is None else f"<br>{share(row.asked_error)} off"
                        for row in met
                    ],
                    "hovertemplate": SPENT,
                }
            )
    if not data:
        return None
    right = 1.05 * max(value for trace in data for value in trace["x"])
    top = 1.05 * max(value for trace in data for value in (right / 1.05, *trace["y"]))
    less, more = (right * (1 + sign * BUDGET_TOLERANCE) for sign in (-1, 1))
    band = {"path": f"M0,0 L{right},{less} L{right},{more} Z", "type": "path", "fillcolor": BAND}
    return {
        "data": data,
        "layout": layout(
            xaxis=axis("reasoning tokens asked for", [0, right]),
            yaxis=axis("mean reasoning tokens spent", [0, top]),
            shapes=[{**band, "line": {"width": 0}, "layer": "below"}, line(0, 0, right, right)],
            height=HEIGHT,
            showlegend=True,
            legend={"x": 0.01, "y": 0.98, "xanchor": "left", "yanchor": "top"},
        ),
    }


def styles(curves: Sequence[Series]) -> list[tuple[str, str]]:
    """Colour and marker of each curve: ink for originals, then the palette in order."""
    found, used = [], 0
    for curve in curves:
        if curve.reference:
            found.append((INK, "circle-open"))
            continue
        found.append((COLOURS[used % len(COLOURS)], SYMBOLS[used % len(SYMBOLS)]))
        used += 1
    return found


def _accuracy_trace(
    curve: Series, colour: str, symbol: str, rows: Sequence[EvalRow], *, ratios: bool
) -> Figure:
    """One curve with its intervals; `ratios` writes the ratio asked for
    beside the points, of several methods the last.
    """
    alone = len({(row.method, row.scorer, row.model) for row in rows if is_taught(row)}) == 1
    return {
        **_marks(curve, colour, symbol),
        "x": [row.mean_tokens for row in curve.rows],
        "y": [100 * row.accuracy for row in curve.rows],
        "error_y": _bars(
            [100 * row.accuracy for row in curve.rows],
            [100 * row.accuracy_low for row in curve.rows],
            [100 * row.accuracy_high for row in curve.rows],
            colour,
        ),
        "text": [
            _point_name(row, curve)
            if ratios and (alone or row is _shortest(curve) or _is_numbered(row))
            else ""
            for row in curve.rows
        ],
        "textposition": [
            "bottom right" if row is _shortest(curve) else "top left" for row in curve.rows
        ],
        "textfont": {"size": 11, "color": colour},
        "customdata": [_hover(row, rows) for row in curve.rows],
        "hovertemplate": "%{customdata}<extra></extra>",
    }


def _bars(
    values: Sequence[float | None],
    lows: Sequence[float | None],
    highs: Sequence[float | None],
    colour: str,
) -> Figure:
    """95 % intervals as error bars; none at a point whose interval is not known."""
    lengths = [
        (0.0, 0.0) if value is None or low is None or high is None else (high - value, value - low)
        for value, low, high in zip(values, lows, highs, strict=True)
    ]
    up, down = [up for up, _ in lengths], [down for _, down in lengths]
    return {
        "type": "data",
        "symmetric": False,
        "array": up,
        "arrayminus": down,
        "color": colour,
        "thickness": 1,
        "width": 3,
    }


def _point_name(row: EvalRow, curve: Series) -> str:
    """The ratio or budget beside a method's points, the number of forced latent tokens, or the
    weight of a blend; other baselines are told by hovering.
    """
    if row.latents is not None:
        return str(row.latents)
    if row.blend is not None:
        return f"{row.blend:g}"
    if row.ratio == 1.0 and len(curve.rows) == 1:  # nothing was asked for
        return ""
    if not is_taught(row) or row.setting.asked == NOTHING:
        return ""
    return ratio(row.ratio) if row.budget is None else str(row.budget)


def _is_numbered(row: EvalRow) -> bool:
    """Whether its points differ in a number of their own rather than in the ratio."""
    return row.latents is not None or row.blend is not None


def _marks(curve: Series, colour: str, symbol: str) -> Figure:
    baseline = curve.compared
    return {
        "type": "scatter",
        "mode": "lines+markers+text" if len(curve.rows) > 1 else "markers+text",
        "name": html.escape(_abridged(curve.label)),
        "line": {
            "color": colour,
            "width": 1.25 if baseline else 2,
            "dash": "dash" if baseline else "solid",
        },
        "marker": {
            "color": colour,
            "symbol": symbol,
            "size": 8,
            "line": {"width": 2 if "open" in symbol else 0},
        },
    }


def _abridged(label: str) -> str:
    """A curve's name without its middle, where it is too long for a figure."""
    half = (LONGEST - 1) // 2
    return label if len(label) <= LONGEST else f"{label[:half]}…{label[-half:]}"


def _hover(row: EvalRow, rows: Sequence[EvalRow]) -> str:
    name = html.escape(row.method) + setting(row)
    of = (
        ""
        if row.kept is None or (original := original_of(row, rows)) is None
        else f" of {original.mean_tokens:.1f}"
    )
    lines = [
        f"<b>{name}</b> ({html.escape(short(row.model))})",
        f"{row.mean_tokens:.1f}{of} reasoning tokens"
        + ("" if row.kept is None else f": {row.kept:.3f} kept"),
        f"accuracy {accuracy(row)}, n = {row.n}, p {p_value(row)}",
    ]
    return "<br>".join(lines)


def _reference(original: EvalRow, axis: str) -> list[Figure]:
    """The original's accuracy as a line across a panel, in the band of its interval."""
    band = {
        "type": "rect",
        "xref": "paper",
        "x0": 0,
        "x1": 1,
        "yref": axis,
        "y0": 100 * original.accuracy_low,
        "y1": 100 * original.accuracy_high,
        "fillcolor": BAND,
        "line": {"width": 0},
        "layer": "below",
    }
    at = 100 * original.accuracy
    return [band, {**line(0, at, 1, at), "xref": "paper", "yref": axis}]


def _labels(
    curves: Sequence[tuple[Series, str]], panel: _Panel, x_max: float, height: float
) -> list[Figure]:
    """The name of each curve in its colour: left of its shortest point, an original's on its line;
    raised where two overlap.

    A name that has no room to the left of its point stands above it, from the axis on. Overlap is
    judged in pixels at the page's full width; narrow pages have a legend instead.
    """
    per_token, per_point = WIDTH / x_max, height / (panel.between[1] - panel.between[0])
    labels: list[Figure] = []
    taken: list[tuple[float, float, float]] = []
    for curve, colour in sorted(curves, key=lambda named: _shortest(named[0]).accuracy):
        end = _shortest(curve)
        original = curve.reference
        name = _abridged(curve.label)
        length = LETTER * len(name)
        left = end.mean_tokens * per_token - GAP - length
        at_axis = original or left < 0
        left = 6.0 if at_axis else left
        bottom = per_point * 100 * end.accuracy + (
            0 if not at_axis else LINE / 2 if original else LINE
        )
        while any(
            left < right and left + length > start and abs(bottom - level) < LINE
            for start, right, level in taken
        ):
            bottom += 1
        taken.append((left, left + length, bottom))
        labels.append(
            {
                "x": 0 if at_axis else end.mean_tokens,
                "y": 100 * end.accuracy,
                "yref": panel.axis,
                "text": f"<b>{html.escape(name)}</b>",
                "font": {"color": colour, "size": 12.5},
                "showarrow": False,
                "xanchor": "left" if at_axis else "right",
                "xshift": left if at_axis else -GAP,
                "yshift": bottom - per_point * 100 * end.accuracy,
            }
        )
    return labels

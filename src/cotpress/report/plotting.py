"""What all figures have in common: colours, sizes, axes and layout, as plain data for plotly.js.

Written as dictionaries rather than with plotly's Python classes: the page needs only JSON, its
bytes then depend on nothing but the rows (no random element ids), and the import of plotly stays
out of it. Colours are Okabe and Ito's, then Tol's, which colour-blind readers can tell apart; every
series has a marker shape of its own as well.
"""

from collections.abc import Sequence
from typing import Any

Figure = dict[str, Any]

COLOURS = [
    "#0072B2",
    "#D55E00",
    "#009E73",
    "#CC79A7",
    "#B8860B",
    "#56B4E9",
    "#332288",
    "#882255",
    "#44AA99",
    "#8C564B",
]
SYMBOLS = ("circle", "square", "diamond", "triangle-up", "x", "star", "triangle-down", "pentagon")
INK, MUTED, RULE, BAND = "#1b1b1b", "#5c5f62", "#e3e3e0", "#efefec"
DARK = {
    INK: "#e6e4df",
    MUTED: "#a8abad",
    RULE: "#303437",
    BAND: "#24282b",
    "white": "#16181a",
    "#0072B2": "#5cb3ea",
    "#D55E00": "#ff8c42",
    "#009E73": "#3fc89b",
    "#B8860B": "#e0b040",
    "#332288": "#9d8cf0",
    "#882255": "#e07aa8",
    "#8C564B": "#c9978b",
}
"""What a colour becomes where the reader prefers a dark page; the others are light enough."""
SANS = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"

HEIGHT, TALL = 430, 600
MARGIN = {"l": 62, "r": 16, "t": 30, "b": 50}


def axis(title: str, between: Sequence[float], **more: Any) -> Figure:
    """An axis from one value to another."""
    plain = {
        "gridcolor": RULE,
        "linecolor": MUTED,
        "zeroline": False,
        "ticks": "outside",
        "tickcolor": MUTED,
        "ticklen": 4,
    }
    return {
        "title": {"text": title, "standoff": 8},
        "range": list(between),
        "showline": True,
        **plain,
        **more,
    }


def layout(**more: Any) -> Figure:
    """What all figures have in common, and more."""
    return {
        "margin": MARGIN,
        "font": {"family": SANS, "size": 12.5, "color": INK},
        "paper_bgcolor": "white",
        "plot_bgcolor": "white",
        "showlegend": False,
        "hoverlabel": {
            "bgcolor": "white",
            "bordercolor": MUTED,
            "font": {"family": SANS, "color": INK, "size": 12.5},
            "align": "left",
        },
        **more,
    }


def line(x0: float, y0: float, x1: float, y1: float) -> Figure:
    """A dotted line from one point to another."""
    style = {"line": {"color": MUTED, "width": 1, "dash": "dot"}, "layer": "below"}
    return {"type": "line", "x0": x0, "y0": y0, "x1": x1, "y1": y1, **style}

"""How traces were cut and what `cotpress verify` found, for the page: likelihood that conclusions lose, ratios chosen by it."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from statistics import median, quantiles
from typing import cast

from cotpress.pipeline.segmenting import Protect, Rules
from cotpress.records import Budget, CompressedTrace, ScoredTrace
from cotpress.report.figures import COLOURS, HEIGHT, MUTED, Figure, _axis, _layout


@dataclass
class Cuts:
    """What is known of the cuts of one scored trace."""

    rules: Rules | None = None
    """Units and protection; None: not known, the usual ones of its scorer."""
    budget: Budget = "trace"
    longest_run: int | None = None
    losses: list[tuple[float, float]] = field(default_factory=list)
    """(ratio, nats) that the conclusion lost."""
    chosen: float | None = None
    """The ratio that was chosen for this very trace."""
    rooms: dict[float, int] = field(default_factory=dict)
    """Tokens kept at each ratio, where one threshold for all traces decided it."""


@dataclass
class Survival:
    """Losses in nats by ratio, and each trace's cuts."""

    reference: str = ""
    by_ratio: dict[float, list[float]] = field(default_factory=dict)
    without: list[float] = field(default_factory=list)
    """Losses when all of the reasoning is dropped, one per cut."""
    cuts: dict[tuple[str, str], Cuts] = field(default_factory=dict)
    """By scorer and trace key."""
    chosen: dict[float, int] = field(default_factory=dict)
    """How many traces were given a ratio of their own, by ratio."""
    threshold: float | None = None

    def of(self, scored: ScoredTrace) -> Cuts:
        """The cuts of a scored trace; ordinary ones where nothing is known of it."""
        return self.cuts.get((scored.scorer, scored.key), Cuts())


def survival(compressed: Iterable[CompressedTrace]) -> Survival:
    """Collect what was verified or chosen; memory grows by a few numbers per cut."""
    found = Survival()
    for one in compressed:
        rules = Rules(one.unit, cast(Protect, one.protect), one.protect_regex) if one.unit else None
        own = Cuts(rules, one.budget, one.longest_run)
        found.cuts[one.scorer, one.key] = own
        for cut in one.cuts:
            if one.budget == "dataset":
                own.rooms[cut.ratio] = cut.n_tokens
            if one.keep_answer is not None:
                found.chosen[cut.ratio] = found.chosen.get(cut.ratio, 0) + 1
                own.chosen = cut.ratio
                found.threshold = one.keep_answer
            if cut.verified is not None:
                found.reference = cut.verified.reference
                found.by_ratio.setdefault(cut.ratio, []).append(cut.verified.loss)
                found.without.append(cut.verified.full - cut.verified.none)
                own.losses.append((cut.ratio, round(cut.verified.loss, 3)))
    return found


def loss_figure(found: Survival) -> Figure:
    """Median and quartiles of the loss against the ratio, with the loss without any reasoning as a line."""
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
        "layout": _layout(
            height=HEIGHT,
            xaxis=_axis("ratio", [0, 1.05], dtick=0.2),
            yaxis=_axis(
                "likelihood the conclusion loses, in nats",
                _range([value for three in quartiles for value in three] + [top, 0.0]),
            ),
            shapes=[{**line, "line": {"color": MUTED, "width": 1, "dash": "dot"}}],
            annotations=[
                {**label, "showarrow": False, "xanchor": "left", "yanchor": "bottom", "font": {"color": MUTED, "size": 12}}
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
        "layout": _layout(
            height=HEIGHT,
            xaxis={**_axis("ratio chosen for the trace", [-0.5, len(ratios) - 0.5]), "type": "category"},
            yaxis=_axis("traces", [0, 1.08 * max(found.chosen.values())]),
        ),
    }


def _quartiles(losses: list[float]) -> tuple[float, float, float]:
    low, middle, high = quantiles(losses, n=4) if len(losses) > 1 else losses * 3
    return low, middle, high


def _range(values: list[float]) -> list[float]:
    low, high = min(values), max(values)
    air = 0.15 * (high - low) or 1.0
    return [low - air, high + air]

"""The tables and the figure of recipes/choose.sh: what every arm reached, over seeds, and all arms
at equal mean tokens.

    python benchmarks/choose.py runs/choose --figure choose.html
    python benchmarks/choose.py runs/choose/sweep

A seed is one fine-tuning. `accuracy` is the mean over seeds with each seed's in brackets, `pooled`
Wilson's interval over all answers, which the seeds' common problems make too narrow. At equal mean
tokens: an arm that is asked for ratios is a line from the untouched model through its ratios, and
the accuracy where that line has the tokens that a trained arm without a ratio reached is read off
by linear interpolation, seed by seed; nothing is read off beyond its shortest point. Arms without a
training come from the folder `untrained` and have one run.
"""

import argparse
from collections import defaultdict
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from statistics import mean
from typing import NamedTuple

from cotpress import storage
from cotpress.evaluation.statistics import wilson
from cotpress.methods import CORRUPTED
from cotpress.records import EvalRow
from cotpress.report.plotting import COLOURS, SANS, SYMBOLS

DASHES = ("solid", "dash", "dot")
SHORTER = 0.9
"""An arm's tokens are compared at, where they are less than this share of the original's."""
NOWHERE = "–"
ORIGINAL = "original"
UNTRAINED = "untrained"
BLEND = "blend"


class Point(NamedTuple):
    """What one seed of an arm reached at one ratio, or after one round."""

    tokens: float
    accuracy: float
    n: int
    error: float | None
    """Mean |actual - asked| / asked, where a ratio or a budget was asked for."""
    over: float | None
    """Share of the answers over the budget."""


Found = dict[str, dict[str, dict[str, Point]]]
"""Arm -> what was asked for, or the round -> seed -> point."""


def found(folder: Path) -> Found:
    """All points of a folder; those of the untouched model are one."""
    points: Found = defaultdict(lambda: defaultdict(dict))
    for path in sorted(folder.glob("*/*/eval.rows.jsonl")):
        arm, run, _ = path.relative_to(folder).parts
        rest, seeded, seed = run.rpartition("seed-")
        rest, seed = (rest.replace("-", " "), seed) if seeded else (run, "")
        for row in storage.read(path, EvalRow):
            if arm == BLEND and row.blend is None and row.method != ORIGINAL:
                continue  # the short model itself, which stands under its own arm
            free = row.method if UNTRAINED in (arm, run) or row.method == ORIGINAL else ""
            point = Point(row.mean_tokens, row.accuracy, row.n, row.asked_error, row.over_asked)
            name = free or arm
            points[name][asked(row, rest if not free else "")]["" if free else seed] = point
    return points


def asked(row: EvalRow, run: str) -> str:
    """What an arm was asked for, and in which round or under which setting."""
    ratio, budget, blend = row.setting.asked.ratio, row.setting.asked.budget, row.blend
    if row.method == CORRUPTED:
        what = "its codes exchanged"
    elif row.latents is not None:
        what = f"{row.latents} codes"
    elif blend is not None:
        what = f"weight {blend:g}"
    elif budget is not None:
        what = f"{budget} tokens"
    else:
        what = "" if ratio in (None, 1.0) else f"{ratio:g}"
    return f"{what} {run}".strip()


def line(arm: str, what: str, seeds: dict[str, Point]) -> str:
    """One row of the first table."""
    n = sum(point.n for point in seeds.values())
    low, high = wilson(sum(round(point.accuracy * point.n) for point in seeds.values()), n)
    tokens = mean(point.tokens for point in seeds.values())
    each = ", ".join(f"{100 * seeds[seed].accuracy:.1f}" for seed in sorted(seeds))
    accuracy = 100 * mean(point.accuracy for point in seeds.values())
    return (
        f"| {arm} | {what or '–'} | {len(seeds)} | {n} | {tokens:.1f} | {accuracy:.1f} ({each}) "
        f"| [{100 * low:.1f}, {100 * high:.1f}] |"
    )


def at(curve: Sequence[Point], tokens: float) -> float | None:
    """The accuracy of a curve where it has so many tokens; None where it does not reach."""
    for long, short in pairwise(sorted(curve, key=lambda point: -point.tokens)):
        if short.tokens <= tokens <= long.tokens:
            share = (long.tokens - tokens) / ((long.tokens - short.tokens) or 1.0)
            return long.accuracy + share * (short.accuracy - long.accuracy)
    return None


def equal(points: Found, arm: str, tokens: float) -> str:
    """The mean accuracy of an arm at so many tokens, over the seeds that reach it."""
    whole = points[ORIGINAL][""][""]
    seeds = sorted({seed for of in points[arm].values() for seed in of})
    curves = [[whole, *(of[seed] for of in points[arm].values() if seed in of)] for seed in seeds]
    values = [value for curve in curves if (value := at(curve, tokens)) is not None]
    if not values:
        return NOWHERE
    few = "" if len(values) == len(seeds) else f" ({len(values)} of {len(seeds)} seeds)"
    return f"{100 * mean(values):.1f}{few}"


def draw(points: Found, path: Path) -> None:
    """Accuracy against reasoning tokens: an arm's means over seeds with the range of its seeds."""
    import plotly.graph_objects as go

    page = go.Figure()
    for number, (arm, of) in enumerate(points.items()):
        places = sorted(of.items(), key=lambda one: mean(p.tokens for p in one[1].values()))
        each = [[100 * p.accuracy for p in seeds.values()] for _, seeds in places]
        middle = [mean(values) for values in each]
        page.add_scatter(
            x=[mean(p.tokens for p in seeds.values()) for _, seeds in places],
            y=middle,
            name=arm,
            mode="lines+markers",
            text=[what for what, _ in places],
            marker={"size": 9, "symbol": SYMBOLS[number % len(SYMBOLS)]},
            line={"color": COLOURS[number % len(COLOURS)], "dash": DASHES[number // len(COLOURS)]},
            error_y={
                "array": [max(values) - m for values, m in zip(each, middle, strict=True)],
                "arrayminus": [m - min(values) for values, m in zip(each, middle, strict=True)],
            },
        )
    page.update_xaxes(title="mean reasoning tokens", rangemode="tozero")
    page.update_yaxes(title="accuracy, %", range=[0, 102])
    page.update_layout(
        template="plotly_white",
        font={"family": SANS, "size": 14},
        margin={"t": 20, "r": 20, "b": 60},
    )
    page.write_html(path, config={"displayModeBar": False})


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--figure", type=Path, help="where a page with the figure goes")
    options = parser.parse_args()
    points = found(options.folder)
    arms = [arm for arm in points if arm != ORIGINAL]
    print("| arm | ratio, round | seeds | n | tokens | accuracy, % (seeds) | pooled 95 % |")
    print("|---|---|---|---|---|---|---|")
    for arm in [ORIGINAL, *arms]:
        for what, seeds in points[arm].items():
            print(line(arm, what, seeds))
    if options.figure:
        draw(points, options.figure)
    budgets(points, arms)
    compare(points, arms)


def budgets(points: Found, arms: Sequence[str]) -> None:
    """How far the arms that were asked for a number of tokens are from it."""
    rows = [
        f"| {arm} | {what} | {mean(p.tokens for p in seeds.values()):.0f} "
        f"| {100 * mean(p.error for p in seeds.values() if p.error is not None):.1f} "
        f"| {100 * mean(p.over or 0.0 for p in seeds.values()):.1f} |"
        for arm in arms
        for what, seeds in points[arm].items()
        if what.endswith("tokens") and all(p.error is not None for p in seeds.values())
    ]
    if rows:
        print("\n| arm | asked | tokens | mean distance from what was asked, % | over it, % |")
        print("|---|---|---|---|---|")
        print("\n".join(rows))


def compare(points: Found, arms: Sequence[str]) -> None:
    """All arms at the mean tokens that each trained arm without a ratio reached."""
    longest = SHORTER * points[ORIGINAL][""][""].tokens
    own = {
        f"{arm} {what}".strip(): tokens
        for arm in arms
        for what, seeds in points[arm].items()
        if (not what or "round" in what)
        and all(seeds)  # untrained arms have no seed
        and (tokens := mean(point.tokens for point in seeds.values())) < longest
    }
    if not own:
        return
    print("\nAccuracy, %, at the mean tokens that an arm without a ratio reached:\n")
    print("| arm | " + " | ".join(f"{name}: {n:.0f}" for name, n in own.items()) + " |")
    print("|---|" + "---|" * len(own))
    for arm in arms:
        cells = [equal(points, arm, tokens) for tokens in own.values()]
        if any(cell != NOWHERE for cell in cells):
            print(f"| {arm} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()

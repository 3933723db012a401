"""`EvalRow -> Strip`: how the lengths of a row's answers are distributed, as paths of an SVG that
the page draws without a script.

One strip for each row, all on one scale of tokens, with the original's outline on top. A bar's area
is the share of answers in it, so that grids of several evaluations can be laid over one another;
each strip is scaled to its own highest bar.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from cotpress.evaluation.at_budget import STEPS
from cotpress.records import EvalRow
from cotpress.report.rows import is_reference, named, original_of

WIDTH, HEIGHT = 400.0, 40.0
"""Units of the drawing, which the page stretches."""

BAR = WIDTH / STEPS
"""Width of the bar for answers that are longer than the scale."""


@dataclass(frozen=True)
class Strip:
    """The distribution of one row."""

    label: str
    said: str
    """What it shows, in words."""
    bars: str
    """Path of the row's bars."""
    outline: str
    """Path of the original's outline; empty where this is the original, or there is none."""
    width: float
    """Of the drawing: of all strips of a task the same."""
    ends: tuple[str, str]
    """What stands below its left and right edge."""


@dataclass(frozen=True)
class _Bar:
    left: float
    """Reasoning tokens."""
    right: float
    height: float
    """Share of answers per token."""


def strips(rows: Sequence[EvalRow]) -> tuple[Strip, ...]:
    """A strip for each row of one task whose distribution is known, the original's first."""
    rows = [row for row in rows if row.budgets and len(row.budgets) == len(row.within_budget)]
    if not rows:
        return ()
    largest = max(row.budgets[-1] for row in rows)
    over = any(_longer(row) for row in rows)
    end = f"over {largest:,} tokens" if over else f"{largest:,} tokens"
    return tuple(_strip(row, name, rows, largest, end, over=over) for name, row in named(rows))


def _strip(
    row: EvalRow, name: str, rows: Sequence[EvalRow], largest: int, end: str, *, over: bool
) -> Strip:
    original = None if is_reference(row) else original_of(row, rows)
    bars = list(_bars(row, largest))
    behind = list(_bars(original, largest)) if original else []
    peak = max(bar.height for bar in [*bars, *behind]) or 1.0
    said = _said(row)
    return Strip(
        name,
        said,
        " ".join(_closed(bar, largest, peak) for bar in bars if bar.height),
        _open(behind, largest, peak),
        WIDTH + (1.5 * BAR if over else 0.0),
        ("0", end),
    )


def _longer(row: EvalRow) -> float:
    """The share of answers beyond the row's last budget."""
    return round(1 - row.within_budget[-1], 9)


def _bars(row: EvalRow, largest: int) -> Iterator[_Bar]:
    """The row's bars, and behind a gap that of the answers that are longer."""
    edges = pairwise([0, *row.budgets])
    shares = pairwise([0.0, *row.within_budget])
    for (left, right), (below, within) in zip(edges, shares, strict=True):
        yield _Bar(left, right, max(0.0, within - below) / (right - left))
    if share := _longer(row):
        step = largest / STEPS
        yield _Bar(largest + step / 2, largest + 1.5 * step, share / step)


def _closed(bar: _Bar, largest: int, peak: float) -> str:
    left, right, top = _placed(bar, largest, peak)
    return f"M{left:.1f} {HEIGHT:.0f}V{top:.1f}H{right:.1f}V{HEIGHT:.0f}Z"


def _open(bars: Sequence[_Bar], largest: int, peak: float) -> str:
    """One line over all bars."""
    if not bars:
        return ""
    steps = []
    for bar in bars:
        left, right, top = _placed(bar, largest, peak)
        steps.append(f"H{left:.1f}V{top:.1f}H{right:.1f}")
    return f"M0 {HEIGHT:.0f}{''.join(steps)}V{HEIGHT:.0f}"


def _placed(bar: _Bar, largest: int, peak: float) -> tuple[float, float, float]:
    """Left, right and top in units of the drawing."""
    return (
        bar.left / largest * WIDTH,
        bar.right / largest * WIDTH,
        HEIGHT * (1 - bar.height / peak),
    )


def _said(row: EvalRow) -> str:
    """`half within 45, 90 % within 60`."""
    parts = []
    for share, name in ((0.5, "half"), (0.9, "90\u00a0%")):
        pairs = zip(row.budgets, row.within_budget, strict=True)
        found = next((budget for budget, within in pairs if within >= share - 1e-9), None)
        parts.append(
            f"{name} over {row.budgets[-1]:,}" if found is None else f"{name} within {found:,}"
        )
    return ", ".join(parts)

"""The table of a report: every figure of a row in words, with its
interval. Formatting happens here and nowhere else.
"""

from collections.abc import Sequence
from typing import NamedTuple

from cotpress.evaluation.baselines import CONTROLS
from cotpress.evaluation.rows import TOLERANCE
from cotpress.records import EvalRow

MISS, NOTHING = "†", "–"
"""What marks a ratio that was missed, and what stands where nothing is known."""


def percent(share: float) -> str:
    """0.976 -> `97.6 %`, with a space that does not break."""
    return f"{100 * share:.1f}\u00a0%"


def share(value: float | None) -> str:
    """A share in percent; a dash where it is not known."""
    return NOTHING if value is None else percent(value)


def accuracy(row: EvalRow) -> str:
    """Accuracy with its 95 % interval: `97.6 % [95.8, 98.6]`."""
    return interval(row.accuracy, row.accuracy_low, row.accuracy_high)


def interval(value: float, low: float, high: float) -> str:
    """A share with its interval, in percent."""
    return f"{percent(value)}\u00a0[{100 * low:.1f},\u00a0{100 * high:.1f}]"


def p_value(row: EvalRow) -> str:
    """`0.80`, `0.004`, `< 0.001`; a dash where there was nothing to compare with."""
    if row.p_value is None:
        return NOTHING
    return (
        "<\u00a00.001"
        if row.p_value < 0.001
        else f"{row.p_value:.3f}"
        if row.p_value < 0.1
        else f"{row.p_value:.2f}"
    )


def ratio(value: float | None) -> str:
    """A ratio as it was asked for; a dash where none was."""
    return (
        NOTHING if value is None else f"{value:.1f}" if round(value, 1) == value else f"{value:g}"
    )


def setting(row: EvalRow) -> str:
    """What a row was asked for, to follow its name: ` at 0.5`, `, 2 forced`, or nothing; of a blend
    its weight before it.
    """
    if row.blend is not None:
        asked = "" if row.ratio in (None, 1.0) else f" at {ratio(row.ratio)}"
        return f" of weight {row.blend:g}{asked}"
    if row.latents is not None:
        return f", {row.latents} forced"
    if row.setting.asked.budget is not None:
        return f" at {row.setting.asked}"
    return "" if row.ratio is None else f" at {ratio(row.ratio)}"


def missed(row: EvalRow) -> bool:
    """Whether the actual ratio is further than `TOLERANCE` from the one asked for.

    At 1.0 nothing is asked for, and controls are cut to what the method kept: neither can miss.
    """
    asked = None if row.ratio == 1.0 or row.method in CONTROLS else row.ratio
    return asked is not None and row.kept is not None and abs(row.kept - asked) > TOLERANCE


def kept(row: EvalRow) -> str:
    """Actual ratio with its interval where there is one:
    `0.612 [0.601, 0.623]`, and a † where it misses.
    """
    if row.kept is None:
        return NOTHING
    known = row.kept_low is not None and row.kept_high is not None and row.kept_low < row.kept_high
    interval = f"\u00a0[{row.kept_low:.3f},\u00a0{row.kept_high:.3f}]" if known else ""
    return f"{row.kept:.3f}{interval}" + (f"\u00a0{MISS}" if missed(row) else "")


class Table(NamedTuple):
    """Titles and cells of the columns that hold anything."""

    titles: list[str]
    words: list[bool]
    """Whether a column holds words rather than figures."""
    lines: list[list[str]]


def table(rows: Sequence[EvalRow]) -> Table:
    """All that is known of each row, in words; columns in which nothing is known are left out."""
    seeds = len({row.seed for row in rows}) > 1
    columns: list[tuple[str, bool, list[str]]] = [
        ("method", True, [row.method for row in rows]),
        ("weight", False, [NOTHING if row.blend is None else f"{row.blend:g}" for row in rows]),
        ("ratio asked", False, [ratio(row.ratio) for row in rows]),
        ("tokens asked", False, [budget(row) for row in rows]),
        ("actual ratio [95\u00a0%]", False, [kept(row) for row in rows]),
        (
            "of own 1.0",
            False,
            [
                NOTHING if row.kept_own is None or row.ratio == 1.0 else f"{row.kept_own:.3f}"
                for row in rows
            ],
        ),
        ("seed", False, [str(row.seed) if seeds else NOTHING for row in rows]),
        ("n", False, [str(row.n) for row in rows]),
        ("k", False, [str(row.k) if row.k > 1 else NOTHING for row in rows]),
        ("accuracy [95\u00a0%]", False, [accuracy(row) for row in rows]),
        ("p", False, [p_value(row) for row in rows]),
        ("pass@k", False, [share(row.pass_at_k) for row in rows]),
        ("maj@k", False, [share(row.maj_at_k) for row in rows]),
        ("reasoning tokens", False, [f"{row.mean_tokens:.1f}" for row in rows]),
        ("all tokens", False, [f"{row.mean_total_tokens:.1f}" for row in rows]),
        ("latent + markers", False, [_latents(row) for row in rows]),
        (
            "with latents",
            False,
            [percent(row.with_latents) if row.with_latents else NOTHING for row in rows],
        ),
        (
            "answers changed",
            False,
            [share(row.changed) for row in rows],
        ),
        ("cut off", False, [percent(row.truncated) for row in rows]),
        ("looping", False, [percent(row.looping) for row in rows]),
        ("unsplit", False, [percent(row.unsplit) for row in rows]),
        ("s / problem", False, [f"{row.seconds_per_problem:.3g}" for row in rows]),
        ("no grade", True, [_no_grade(row) for row in rows]),
        ("scorer", True, [row.scorer or NOTHING for row in rows]),
        ("model", True, [row.model for row in rows]),
        ("note", True, [row.note or NOTHING for row in rows]),
    ]
    return known(columns)


def known(columns: Sequence[tuple[str, bool, list[str]]]) -> Table:
    """The table of columns, each with its title and whether it holds words; those in which nothing
    is known are left out.
    """
    titles, words, cells = zip(
        *(column for column in columns if {*column[2]} != {NOTHING}), strict=True
    )
    return Table(list(titles), list(words), [list(line) for line in zip(*cells, strict=True)])


def budget(row: EvalRow) -> str:
    """The budget in reasoning tokens; a dash where none was asked for."""
    return NOTHING if row.budget is None else f"{row.budget:,}"


def _latents(row: EvalRow) -> str:
    """Latent tokens and markers per problem, a part of the
    reasoning tokens; how many were forced, if they were.
    """
    forced = "" if row.latents is None else f" ({row.latents} forced)"
    return (
        f"{row.mean_latent:.1f} + {row.mean_markers:.1f}{forced}"
        if row.mean_latent or forced
        else NOTHING
    )


def _no_grade(row: EvalRow) -> str:
    return (
        ", ".join(
            f"{count} {status}"
            for status, count in sorted(row.statuses.items())
            if status != "ok" and count
        )
        or NOTHING
    )

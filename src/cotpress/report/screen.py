"""The rows of an evaluation on a terminal: what `cotpress eval` prints."""

from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from cotpress.records import NOTHING, EvalRow
from cotpress.shown import shown


def table(rows: Sequence[EvalRow], title: str) -> Table:
    """The rows for a person: shares in percent, lengths in tokens per problem, of the reasoning and
    in all.
    """
    result = Table(title=Text(shown(title)), box=None, pad_edge=False, title_justify="left")
    latent = ("latent", "with any", "changed") if any(row.mean_latent for row in rows) else ()
    tasked = ("task",) if len({row.task for row in rows}) > 1 else ()
    adhering = any(row.asked_error is not None and row.budget is not None for row in rows)
    asking = ("off asked [95 %]", "over") if adhering else ()
    several = ("k", "pass@k", "maj@k") if any(row.k > 1 for row in rows) else ()
    for name in (
        *tasked,
        "method",
        "asked",
        "n",
        "accuracy [95 %]",
        *several,
        "tokens",
        "in all",
        "kept",
        *asking,
        "truncated",
        "looping",
        "p",
        *latent,
        "note",
    ):
        result.add_column(
            name,
            justify="left" if name in ("task", "method", "note") else "right",
            no_wrap=name != "note",
        )
    for row in rows:
        cells = (
            *((row.task,) if tasked else ()),
            _name(row),
            "" if row.setting.asked == NOTHING else str(row.setting.asked),
            str(row.n),
            f"{row.accuracy:.1%} [{100 * row.accuracy_low:.1f}, {100 * row.accuracy_high:.1f}]",
            *((str(row.k), _share(row.pass_at_k), _share(row.maj_at_k)) if several else ()),
            f"{row.mean_tokens:.1f}",
            f"{row.mean_total_tokens:.1f}",
            "" if row.kept is None else f"{row.kept:.2f}",
            *((_off(row), _share(row.over_asked)) if adhering else ()),
            f"{row.truncated:.1%}",
            f"{row.looping:.1%}",
            "" if row.p_value is None else f"{row.p_value:.2g}",
            *(
                (f"{row.mean_latent:.1f}", f"{row.with_latents:.0%}", _share(row.changed))
                if latent
                else ()
            ),
            row.note,
        )
        result.add_row(*(Text(shown(cell)) for cell in cells))
    return result


def _off(row: EvalRow) -> str:
    """How far answers are from what was asked for, in percent."""
    if row.asked_error is None:
        return ""
    low, high = row.asked_error_low, row.asked_error_high
    interval = "" if low is None or high is None else f" [{100 * low:.1f}, {100 * high:.1f}]"
    return f"{row.asked_error:.1%}{interval}"


def _name(row: EvalRow) -> str:
    """The method, with how many latent tokens were forced, or the weight of a blend."""
    forced = "" if row.latents is None else f" {row.latents}"
    return f"{row.method}{forced}" + ("" if row.blend is None else f" {row.blend:g}")


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.1%}"

"""The sentences and figures of a report: what was found, what to beware of, and the table in words.

The headline follows a rule that is stated on the page: of each method, the row with the fewest reasoning tokens whose
accuracy is at most `TOLERATED` below the original's and not significantly different from it.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from cotpress.pipeline._report_rows import Series, is_reference, original_of, series, short, tasks_of
from cotpress.pipeline.baselines import CONTROLS
from cotpress.pipeline.evaluate import TOLERANCE
from cotpress.records import EvalRow

TOLERATED = 0.02
"""The accuracy a headline row may lose, as a fraction."""
SIGNIFICANT = 0.05
NOTABLE = 0.02
"""A share of cut-off, looping or unsplit answers that deserves a warning."""
WIDE = 0.05
"""Half width of an accuracy interval from which it is called wide."""

MISS, NOTHING = "†", "–"

FOOTNOTES = (
    "Tokens are those of the evaluated model's own tokenizer. Reasoning tokens are the part before the conclusion; all tokens"
    " add markup and conclusion. Every answer counts, wrong, cut-off and looping ones included.",
    "The actual ratio is the mean of the reasoning tokens over that of the original model on the same problems."
    f" {MISS} marks one that misses the ratio asked for by more than {TOLERANCE:g}. Of own 1.0: the same over the method's own"
    " reasoning at ratio 1.0.",
    "Intervals are Wilson's at 95 %. p is the exact McNemar test against the original on the same problems, not corrected for"
    " the number of rows. Cut off: the token limit ended the answer. Looping: it ends in a repetition. Unsplit: no conclusion"
    " could be told from the reasoning. No grade: no answer was read, or the grader gave up; these count as wrong.",
    "The headline names, for each method, the row with the fewest reasoning tokens whose accuracy is not below the original's,"
    f" or by at most {100 * TOLERATED:.0f} points and not significantly (p ≥ {SIGNIFICANT:g}). Not significant is not the"
    " same as equal: look at the interval.",
)
"""What the figures mean, and the rule of the headline."""


class Table(NamedTuple):
    """Titles and cells of the columns that hold anything."""

    titles: list[str]
    words: list[bool]
    """Whether a column holds words rather than figures."""
    lines: list[list[str]]


def percent(share: float | None) -> str:
    """0.976 -> `97.6 %`, with a space that does not break."""
    return NOTHING if share is None else f"{100 * share:.1f}\u00a0%"


def accuracy(row: EvalRow) -> str:
    """Accuracy with its 95 % interval: `97.6 % [95.8, 98.6]`."""
    return f"{percent(row.accuracy)}\u00a0[{100 * row.accuracy_low:.1f},\u00a0{100 * row.accuracy_high:.1f}]"


def p_value(row: EvalRow) -> str:
    """`0.80`, `0.004`, `< 0.001`; a dash where there was nothing to compare with."""
    if row.p_value is None:
        return NOTHING
    return "<\u00a00.001" if row.p_value < 0.001 else f"{row.p_value:.3f}" if row.p_value < 0.1 else f"{row.p_value:.2f}"


def ratio(value: float | None) -> str:
    """A ratio as it was asked for; a dash where none was."""
    return NOTHING if value is None else f"{value:.1f}" if round(value, 1) == value else f"{value:g}"


def missed(row: EvalRow) -> bool:
    """Whether the actual ratio is further than `TOLERANCE` from the one asked for; controls follow the method instead."""
    asked, kept = row.ratio, row.kept
    return asked is not None and kept is not None and row.method not in CONTROLS and abs(kept - asked) > TOLERANCE


def kept(row: EvalRow) -> str:
    """Actual ratio with its interval where there is one: `0.612 [0.601, 0.623]`, and a † where it misses."""
    if row.kept is None:
        return NOTHING
    known = row.kept_low is not None and row.kept_high is not None and row.kept_low < row.kept_high
    interval = f"\u00a0[{row.kept_low:.3f},\u00a0{row.kept_high:.3f}]" if known else ""
    return f"{row.kept:.3f}{interval}" + (f"\u00a0{MISS}" if missed(row) else "")


def table(rows: Sequence[EvalRow]) -> Table:
    """All that is known of each row, in words; columns in which nothing is known are left out."""
    columns: list[tuple[str, bool, list[str]]] = [
        ("method", True, [row.method for row in rows]),
        ("ratio asked", False, [ratio(row.ratio) for row in rows]),
        ("actual ratio [95 %]", False, [kept(row) for row in rows]),
        ("of own 1.0", False, [NOTHING if row.kept_own is None else f"{row.kept_own:.3f}" for row in rows]),
        ("n", False, [str(row.n) for row in rows]),
        ("accuracy [95 %]", False, [accuracy(row) for row in rows]),
        ("p", False, [p_value(row) for row in rows]),
        ("reasoning tokens", False, [f"{row.mean_tokens:.1f}" for row in rows]),
        ("all tokens", False, [f"{row.mean_total_tokens:.1f}" for row in rows]),
        ("cut off", False, [percent(row.truncated) for row in rows]),
        ("looping", False, [percent(row.looping) for row in rows]),
        ("unsplit", False, [percent(row.unsplit) for row in rows]),
        ("s / problem", False, [f"{row.seconds_per_problem:.3g}" for row in rows]),
        ("no grade", True, [_no_grade(row) for row in rows]),
        ("scorer", True, [row.scorer or NOTHING for row in rows]),
        ("model", True, [row.model for row in rows]),
        ("note", True, [row.note or NOTHING for row in rows]),
    ]
    titles, words, cells = zip(*(column for column in columns if {*column[2]} != {NOTHING}), strict=True)
    return Table(list(titles), list(words), [list(line) for line in zip(*cells, strict=True)])


def _no_grade(row: EvalRow) -> str:
    return (
        ", ".join(f"{count} {status}" for status, count in sorted(row.statuses.items()) if status != "ok" and count) or NOTHING
    )


def measured(rows: Sequence[EvalRow]) -> str:
    """What was measured, in one sentence: models, tasks, number of problems and settings."""
    if not rows:
        return "Nothing was evaluated."
    models = _list(dict.fromkeys(short(row.model) for row in rows))
    tasks = _list(f"{task} (n = {_span([row.n for row in rows if row.task == task])})" for task in tasks_of(rows))
    settings = "1 setting" if len(rows) == 1 else f"{len(rows)} settings"
    return f"{models} on {tasks}, {settings}."


def headline(rows: Sequence[EvalRow]) -> list[str]:
    """One sentence for each method and task (for each baseline where there is no method)."""
    curves = [curve for curve in series(rows) if not curve.reference]
    subjects = [curve for curve in curves if not curve.compared] or curves
    several_tasks = len(tasks_of(rows)) > 1
    return [_finding(curve, rows, named=len(subjects) > 1, on_task=several_tasks) for curve in subjects]


def _finding(curve: Series, rows: Sequence[EvalRow], *, named: bool, on_task: bool) -> str:
    """The best a method does, against its original."""
    shorter = [row for row in curve.rows if row.ratio != 1.0] or list(curve.rows)
    holding = [row for row in shorter if _holds(row, original_of(row, rows))]
    best = min(holding, key=lambda row: row.mean_tokens) if holding else max(shorter, key=lambda row: row.accuracy)
    original = original_of(best, rows)
    where = f"On {curve.task}, " if on_task else ""
    at = f"at ratio {ratio(best.ratio)}" if best.ratio is not None else "without a ratio in the prompt"
    who = f"{curve.label} " if named or best.ratio is None else "the model "
    if original is None or best.kept is None:
        found = f"{at} {who}reasons in {best.mean_tokens:.0f} tokens; accuracy {accuracy(best)}, with no original beside it."
        return _sentence(where + found)
    found = (
        f"{at} {who}reasons in {100 * best.kept:.0f}\u00a0% of the tokens"
        f" ({best.mean_tokens:.0f} of {original.mean_tokens:.0f});"
        f" accuracy {accuracy(best)} against {accuracy(original)} ({_p(best)})."
    )
    if not holding:
        found = f"no shorter reasoning of {curve.label} keeps the accuracy; the most accurate: {found}"
    return _sentence(where + found)


def _holds(row: EvalRow, original: EvalRow | None) -> bool:
    """Whether a row keeps the accuracy of its original, by the rule of the headline."""
    if original is None:
        return False
    worse = original.accuracy - row.accuracy
    return worse <= 0 or (worse <= TOLERATED and (row.p_value is None or row.p_value >= SIGNIFICANT))


def _p(row: EvalRow) -> str:
    if row.p_value is None:
        return "not tested"
    return "p\u00a0" + (p_value(row) if row.p_value < 0.001 else f"=\u00a0{p_value(row)}")


def warnings(rows: Sequence[EvalRow]) -> list[str]:
    """What a reader must know before believing a row, in plain words; empty when there is nothing."""
    named = _named(rows)
    found = [
        _where("The token limit cut answers off; they count as they are, so their real length is greater",
               named, lambda row: row.truncated >= NOTABLE, lambda row: percent(row.truncated)),
        _where("Answers end in a repetition; their tokens count",
               named, lambda row: row.looping >= NOTABLE, lambda row: percent(row.looping)),
        _where("Reasoning and conclusion could not be told apart; all of it counts as reasoning",
               named, lambda row: row.unsplit >= NOTABLE, lambda row: percent(row.unsplit)),
        _where("The grader gave up (timeout or error); these answers count as wrong",
               named, lambda row: _ungraded(row) > 0, lambda row: f"{_ungraded(row)} of {row.n}"),
        _where("The ratio needs a second look", named,
               lambda row: bool(row.note) or missed(row), lambda row: row.note or f"kept {row.kept:.2f}"),
    ]  # fmt: skip
    for task in tasks_of(rows):
        found += _about_task(task, [row for row in rows if row.task == task])
    return [sentence for sentence in found if sentence]


def _about_task(task: str, rows: Sequence[EvalRow]) -> list[str]:
    """What makes the rows of one task hard to compare."""
    found = []
    if not any(map(is_reference, rows)):
        found.append(f"No original was evaluated on {task}: the rows have nothing to be measured against.")
    if len({row.n for row in rows}) > 1:
        found.append(f"The settings on {task} were evaluated on different numbers of problems ({_span([r.n for r in rows])}).")
    if (half := max((row.accuracy_high - row.accuracy_low) / 2 for row in rows)) > WIDE:
        few = min(row.n for row in rows)
        found.append(f"Few problems on {task}: with n = {few} an accuracy is known to about ±{100 * half:.0f} points only.")
    uneven = []
    for asked in sorted({row.ratio for row in rows if row.ratio is not None}, reverse=True):
        kept = {c.label: row.kept for c in series(rows) for row in c.rows if row.ratio == asked and row.kept is not None}
        if len(kept) > 1 and max(kept.values()) - min(kept.values()) > TOLERANCE:
            uneven.append(f"at {ratio(asked)}: " + ", ".join(f"{label} {share:.2f}" for label, share in kept.items()))
    if uneven:
        found.append(
            f"Asked for the same ratio on {task}, methods really keep different shares ({'; '.join(uneven)}):"
            " compare them at equal length in the figure, not row by row."
        )
    return found


def _named(rows: Sequence[EvalRow]) -> list[tuple[str, EvalRow]]:
    """Each row with what to call it in a sentence: `tokenskip at 0.5`, and on which task where there are several."""
    on = len(tasks_of(rows)) > 1
    return [
        (curve.label + (f" at {ratio(row.ratio)}" if row.ratio is not None else "") + (f" on {row.task}" if on else ""), row)
        for curve in series(rows)
        for row in curve.rows
    ]


def _where(
    what: str, named: Iterable[tuple[str, EvalRow]], is_so: Callable[[EvalRow], bool], say: Callable[[EvalRow], str]
) -> str:
    """`what: method at ratio (figure), …` for the rows where it is so; empty for none."""
    found = [f"{name} ({say(row)})" for name, row in named if is_so(row)]
    return f"{what}: {', '.join(found)}." if found else ""


def _ungraded(row: EvalRow) -> int:
    return row.statuses.get("timeout", 0) + row.statuses.get("error", 0)


def _span(counts: Sequence[int]) -> str:
    return str(counts[0]) if min(counts) == max(counts) else f"{min(counts)} to {max(counts)}"


def _list(words: Iterable[str]) -> str:
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]

"""The sentences of a report: what was measured, what was found, what to beware of, and how to read
it.

The headline follows a rule that is stated on the page: of each method, the row with the fewest
reasoning tokens whose accuracy is at most `TOLERATED` below the original's and not significantly
different from it.
"""

from collections.abc import Callable, Iterable, Sequence
from statistics import fmean, stdev

from cotpress.evaluation.rows import TOLERANCE
from cotpress.lm.contract import MOSTLY_CUT
from cotpress.records import NOTHING, EvalRow
from cotpress.report.rows import (
    Series,
    first_runs,
    is_reference,
    named,
    original_of,
    same_but_for_run,
    series,
    short,
    tasks_of,
)
from cotpress.report.table import MISS, accuracy, missed, p_value, percent, ratio

TOLERATED = 0.02
"""The accuracy a headline row may lose, as a fraction."""
SIGNIFICANT = 0.05
NOTABLE = 0.02
"""A share of cut-off, looping or unsplit answers that deserves a warning."""
MANY = 6
"""A warning names this many rows, methods first; the table has the rest."""
SHORTER = 0.995
"""Actual ratio from which on a reasoning is not called shorter."""
WIDE = 0.05
"""Half width of an accuracy interval from which it is called wide."""

FOOTNOTES = (
    "Tokens are those of the evaluated model's own tokenizer. Reasoning tokens "
    "are the part before the conclusion; all tokens"
    " add markup and conclusion. Every answer counts, wrong, cut-off and looping ones included.",
    "The actual ratio is the mean of the reasoning tokens over that of "
    "the original model on the same problems."
    f" {MISS} marks one that misses the ratio asked for by more than "
    f"{TOLERANCE:g}. Of own 1.0: the same over the method's own"
    " reasoning at ratio 1.0.",
    "Intervals are Wilson's at 95 %. p is the exact McNemar test against the "
    "original on the same problems, not corrected for"
    " the number of rows. Cut off: the token limit ended the answer. Looping: "
    "it ends in a repetition. Unsplit: no conclusion"
    " could be separated from the reasoning. No grade: no answer was read, or "
    "the grader gave up; these count as wrong.",
    "The headline names, for each method, the row with the fewest reasoning "
    "tokens whose accuracy is not below the original's,"
    f" or by at most {100 * TOLERATED:.0f} points and not significantly (p ≥ "
    f"{SIGNIFICANT:g}). Not significant is not the"
    " same as equal: look at the interval.",
)
"""What the figures mean, and the rule of the headline."""

SEVERAL = (
    "Where a problem was asked k times, accuracy is the mean over problems of the share of right "
    "answers (avg@k); its interval is a percentile bootstrap of the problems (2,000 draws), since "
    "answers to one problem are alike, and p is a sign-flip permutation test over problems. "
    "pass@k: any of k answers is right (unbiased; Chen et al. 2021, arXiv 2107.03374). maj@k: the "
    "most frequent answer is right (Wang et al. 2023, arXiv 2203.11171), ties by the share of them "
    "that is."
)
"""What the figures mean where a problem was asked several times."""


def footnotes(rows: Sequence[EvalRow]) -> tuple[str, ...]:
    """What the figures mean; nothing where there are none."""
    several = any(row.k > 1 for row in rows)
    return (*FOOTNOTES[:3], SEVERAL, *FOOTNOTES[3:]) if several else FOOTNOTES if rows else ()


def measured(rows: Sequence[EvalRow]) -> str:
    """What was measured, in one sentence: models, tasks, number of problems and settings."""
    models = _list(dict.fromkeys(short(row.model) for row in rows))
    tasks = _list(
        f"{task} ({_asked([row for row in rows if row.task == task])})" for task in tasks_of(rows)
    )
    settings = "1 setting" if len(rows) == 1 else f"{len(rows)} settings"
    return f"{models} on {tasks}, {settings}."


def _asked(rows: Sequence[EvalRow]) -> str:
    """`n = 500`, or `n = 30, 16 answers each`."""
    k = _span([row.k for row in rows])
    return f"n = {_span([row.n for row in rows])}" + ("" if k == "1" else f", {k} answers each")


def headline(rows: Sequence[EvalRow]) -> list[str]:
    """What was also taught and what a token limit has decided, before anything else; then one
    sentence for each method and task (for each baseline where there is no method), of several runs
    about the first.
    """
    curves = [curve for curve in series(rows) if not curve.reference]
    subjects = first_runs([curve for curve in curves if not curve.compared] or curves)
    several_tasks = len(tasks_of(rows)) > 1
    return (
        _taught(rows)
        + _mostly_cut(rows)
        + [
            _finding(curve, rows, alone=len(subjects) == 1, on_task=several_tasks)
            for curve in subjects
        ]
    )


def _taught(rows: Sequence[EvalRow]) -> list[str]:
    """That problems were also taught, task by task; empty where none were."""
    found = []
    for task in tasks_of(rows):
        here = [row for row in rows if row.task == task]
        if most := max(row.overlap or 0 for row in here):
            n = max(row.n for row in here)
            found.append(
                f"Of the {n} problems of {task}, {most} {'was' if most == 1 else 'were'} also "
                "taught, word for word or nearly so: figures that include them say little about "
                "new problems; evaluate again with --exclude-overlap."
            )
    return found


def _mostly_cut(rows: Sequence[EvalRow]) -> list[str]:
    """That too many answers were cut off to tell anything but that; empty where they were not."""
    found = _where(
        f"The token limit cut off more than {100 * MOSTLY_CUT:.0f}\u00a0% of these answers, so "
        "that their figures tell about the limit; evaluate again with a larger --max-tokens",
        named(rows),
        lambda row: row.truncated > MOSTLY_CUT,
        lambda row: percent(row.truncated),
    )
    return [found] if found else []


TAKEN_OVER = 0.3
"""A conclusion that grows by more than this share of the original's reasoning is pointed out."""


def _finding(curve: Series, rows: Sequence[EvalRow], *, alone: bool, on_task: bool) -> str:
    """The best a method does, against its original."""
    asked = [row for row in curve.rows if row.ratio != 1.0] or list(curve.rows)
    shorter = [row for row in asked if row.kept is None or row.kept < SHORTER]
    holding = [row for row in shorter if _holds(row, original_of(row, rows))]
    best = (
        max(shorter, key=lambda row: row.accuracy)
        if shorter and not holding
        else min(holding or asked, key=lambda row: row.mean_tokens)
    )
    original = original_of(best, rows)
    # it was asked for nothing, as models with latent tokens are
    free = all(row.ratio == 1.0 for row in curve.rows)
    at = (
        ""
        if free
        else f"at ratio {ratio(best.ratio)} "
        if best.ratio is not None
        else "without a ratio in the prompt "
        if best.setting.asked.budget is None
        else f"at a budget of {best.setting.asked} "
    )
    who = "the model" if alone and not free and best.setting.asked != NOTHING else curve.label
    start = f"{at}{who} reasons in"
    if original is None or best.kept is None:
        found = (
            f"{start} {best.mean_tokens:.0f} tokens; accuracy "
            f"{accuracy(best)}, with no original beside it."
        )
    else:
        if not shorter:
            start = f"no reasoning{'' if alone else f' of {who}'} became shorter: {start}"
        elif not holding:
            start = (
                f"no shorter reasoning{'' if alone else f' of {who}'} keeps "
                f"the accuracy. At its best, {start}"
            )
        tokens = (
            f"{100 * best.kept:.0f}\u00a0% of the tokens "
            f"({best.mean_tokens:.0f} of {original.mean_tokens:.0f})"
        )
        found = (
            f"{start} {tokens}; accuracy {accuracy(best)} against "
            f"{accuracy(original)} ({_p(best)})."
        )
    runs = [row for row in rows if same_but_for_run(row, best)]
    if len(runs) > 1:
        shares = [100 * row.accuracy for row in runs]
        found += (
            f" Over {len(runs)} runs the accuracy is {fmean(shares):.1f}\u00a0±\u00a0"
            f"{stdev(shares):.1f}\u00a0%."
        )
    if best.truncated >= NOTABLE:
        found += f" The token limit cut {percent(best.truncated)} of these answers off."
    return _sentence(f"on {curve.task}, {found}" if on_task else found)


def _holds(row: EvalRow, original: EvalRow | None) -> bool:
    """Whether a row keeps the accuracy of its original and is no longer in all, by the rule of the
    headline.
    """
    if original is None or row.mean_total_tokens > original.mean_total_tokens:
        return False
    worse = original.accuracy - row.accuracy
    return worse <= 0 or (
        worse <= TOLERATED and (row.p_value is None or row.p_value >= SIGNIFICANT)
    )


def _p(row: EvalRow) -> str:
    if row.p_value is None:
        return "not tested"
    return "p\u00a0" + (p_value(row) if row.p_value < 0.001 else f"=\u00a0{p_value(row)}")


def warnings(rows: Sequence[EvalRow]) -> list[str]:
    """What a reader must know before believing a row, in plain words; empty when there is
    nothing.
    """
    called = named(rows)
    found = [
        _where(
            "The token limit cut answers off; they count as they are, so their real length is "
            "greater",
            called,
            lambda row: row.truncated >= NOTABLE,
            lambda row: percent(row.truncated),
        ),
        _where(
            "Answers end in a repetition; their tokens count",
            called,
            lambda row: row.looping >= NOTABLE,
            lambda row: percent(row.looping),
        ),
        _where(
            "Reasoning and conclusion could not be separated; all of it counts as reasoning",
            called,
            lambda row: row.unsplit >= NOTABLE,
            lambda row: percent(row.unsplit),
        ),
        _where(
            "The grader gave up (timeout or error); these answers count as wrong",
            called,
            lambda row: _ungraded(row) > 0,
            lambda row: f"{_ungraded(row)} of {row.n * row.k}",
        ),
        _where(
            "The conclusion takes over what the reasoning leaves out; compare the tokens in all",
            called,
            lambda row: _taken_over(row, original_of(row, rows)) > TAKEN_OVER,
            lambda row: f"{row.mean_total_tokens:.0f} tokens in all",
        ),
        _where(
            "The model does not follow the ratio, or is asked for one it was not taught",
            called,
            lambda row: row.budget is None and (bool(row.note) or missed(row)),
            lambda row: row.note or f"kept {row.kept:.2f}",
        ),
        _where(
            "The budget needs a second look",
            called,
            lambda row: row.budget is not None and bool(row.note),
            lambda row: row.note,
        ),
    ]
    for task in tasks_of(rows):
        found += _about_task(task, [row for row in rows if row.task == task])
    return [sentence for sentence in found if sentence]


def _taken_over(row: EvalRow, original: EvalRow | None) -> float:
    """By how much of the original's reasoning the rest of an answer grows."""
    if original is None or not original.mean_tokens:
        return 0.0
    rests = [one.mean_total_tokens - one.mean_tokens for one in (row, original)]
    return (rests[0] - rests[1]) / original.mean_tokens


def _about_task(task: str, rows: Sequence[EvalRow]) -> list[str]:
    """What makes the rows of one task hard to compare."""
    found = []
    if not any(map(is_reference, rows)):
        found.append(
            f"No original was evaluated on {task}: the rows have nothing to be measured against."
        )
    if len({row.n for row in rows}) > 1:
        found.append(
            f"The settings on {task} were evaluated on different numbers of "
            f"problems ({_span([r.n for r in rows])})."
        )
    if (half := max((row.accuracy_high - row.accuracy_low) / 2 for row in rows)) > WIDE:
        few = min(row.n for row in rows)
        found.append(
            f"Few problems on {task}: with n = {few} an accuracy is known to "
            f"about ±{100 * half:.0f} points only."
        )
    uneven = {}
    for asked in sorted({row.ratio for row in rows if row.ratio is not None and row.ratio < 1}):
        kept = {
            c.label: row.kept
            for c in series(rows)
            for row in c.rows
            if row.ratio == asked and row.kept is not None
        }
        if len(kept) > 1 and max(kept.values()) - min(kept.values()) > TOLERANCE:
            uneven[ratio(asked)] = ", ".join(
                f"{label} {share:.2f}" for label, share in kept.items()
            )
    if uneven:
        (first, shares), *others = uneven.items()
        also = f"; also at {', '.join(asked for asked, _ in others)}" if others else ""
        found.append(
            f"Asked for the same ratio on {task}, methods really keep "
            f"different shares (at {first}: {shares}{also}):"
            " compare them at equal length in the figure, not row by row."
        )
    return found


def _where(
    what: str,
    named: Iterable[tuple[str, EvalRow]],
    is_so: Callable[[EvalRow], bool],
    say: Callable[[EvalRow], str],
) -> str:
    """`what: method at ratio (figure), …` for the rows where it is so; empty for none."""
    found = [f"{name} ({say(row)})" for name, row in named if is_so(row)]
    more = f" and {len(found) - MANY} more rows" if len(found) > MANY else ""
    return f"{what}: {', '.join(found[:MANY])}{more}." if found else ""


def _ungraded(row: EvalRow) -> int:
    return row.statuses.get("timeout", 0) + row.statuses.get("error", 0)


def _span(counts: Sequence[int]) -> str:
    return str(counts[0]) if min(counts) == max(counts) else f"{min(counts)} to {max(counts)}"


def _list(words: Iterable[str]) -> str:
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]

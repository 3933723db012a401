"""The rows of an evaluation as a table for a paper: `EvalRow -> CSV, Markdown, LaTeX`."""

import csv
import io
from collections.abc import Sequence
from typing import Any

import msgspec

from cotpress.records import EvalRow
from cotpress.report.rows import named, same_but_for_run, short
from cotpress.report.sections.runs import spread
from cotpress.report.table import NOTHING, Table, accuracy, known, p_value, ratio

SPECIAL = {c: f"\\{c}" for c in "&%$#_{}"} | {
    "\\": "\\textbackslash{}",
    "~": "\\textasciitilde{}",
    "^": "\\textasciicircum{}",
    "\u00a0": "~",
    "±": "$\\pm$",
    "–": "--",
    "<": "$<$",
    ">": "$>$",
}
"""What LaTeX reads as more than a letter."""


def as_csv(rows: Sequence[EvalRow]) -> str:
    """Every figure of every row, one column each; a setting's parts are columns of their own."""
    flat = [_flat(msgspec.to_builtins(row)) for row in rows]
    names = dict.fromkeys(name for row in flat for name in row)
    columns = [one for one in names if not any(name.startswith(f"{one}.") for name in names)]
    file = io.StringIO()
    writer = csv.DictWriter(file, columns, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(flat)
    return file.getvalue()


def _flat(held: dict[str, Any], above: str = "") -> dict[str, Any]:
    """Nested fields under dotted names, without lists; a setting's without a prefix."""
    found: dict[str, Any] = {}
    for name, value in held.items():
        if isinstance(value, dict):
            found |= _flat(value, "" if name in ("setting", "asked") else f"{above}{name}.")
        elif not isinstance(value, list):
            found[above + name] = value
    return found


def paper_table(rows: Sequence[EvalRow]) -> Table:
    """What a paper tells of each setting; of several runs mean ± standard deviation."""
    groups: list[list[EvalRow]] = []
    for _, row in named(rows):
        runs = next((one for one in groups if same_but_for_run(one[0], row)), None)
        if runs is None:
            groups.append([row])
        else:
            runs.append(row)
    several = {
        what: len({getattr(row, what) for row in rows}) > 1 for what in ("task", "model", "scorer")
    }

    def words(what: str) -> list[str]:
        told = [getattr(runs[0], what) for runs in groups]
        return [(short(one) or NOTHING) if several[what] else NOTHING for one in told]

    return known(
        [
            ("Task", True, words("task")),
            ("Method", True, [runs[0].method for runs in groups]),
            ("Model", True, words("model")),
            ("Scorer", True, words("scorer")),
            ("Ratio", False, [ratio(runs[0].ratio) for runs in groups]),
            ("Budget", False, [str(runs[0].setting.asked.budget or NOTHING) for runs in groups]),
            ("n", False, [str(runs[0].n) for runs in groups]),
            ("Runs", False, [str(len(runs)) if len(runs) > 1 else NOTHING for runs in groups]),
            ("Accuracy", False, [_accuracy(runs) for runs in groups]),
            ("Tokens", False, [_of([row.mean_tokens for row in runs], 1) for runs in groups]),
            ("Actual ratio", False, [_kept(runs) for runs in groups]),
            ("p", False, [p_value(runs[0]) if len(runs) == 1 else NOTHING for runs in groups]),
        ]
    )


def _accuracy(runs: Sequence[EvalRow]) -> str:
    shares = [100 * row.accuracy for row in runs]
    return accuracy(runs[0]) if len(runs) == 1 else f"{_of(shares, 1)}\u00a0%"


def _kept(runs: Sequence[EvalRow]) -> str:
    kept = [row.kept for row in runs if row.kept is not None]
    return _of(kept, 3) if len(kept) == len(runs) else NOTHING


def _of(values: Sequence[float], digits: int) -> str:
    """One value, or mean ± standard deviation of several."""
    if len(values) == 1:
        return f"{values[0]:.{digits}f}"
    found = spread(values)
    return f"{found.mean:.{digits}f}\u00a0±\u00a0{found.sd:.{digits}f}"


def as_latex(rows: Sequence[EvalRow]) -> str:
    """A `tabular` in the style of booktabs, without a float around it."""
    table = paper_table(rows)
    columns = "".join("l" if words else "r" for words in table.words)
    lines = [_line(table.titles), "\\midrule", *map(_line, table.lines)]
    inside = "\n".join(["\\toprule", *lines, "\\bottomrule"])
    return (
        "% needs \\usepackage{booktabs}\n"
        f"\\begin{{tabular}}{{{columns}}}\n{inside}\n\\end{{tabular}}\n"
    )


def _line(cells: Sequence[str]) -> str:
    return " & ".join("".join(SPECIAL.get(c, c) for c in cell) for cell in cells) + r" \\"


def as_table(rows: Sequence[EvalRow]) -> str:
    """The same as a table of Markdown."""
    table = paper_table(rows)
    rule = ["---" if words else "---:" for words in table.words]
    cells = [[cell.replace("|", "\\|") for cell in line] for line in table.lines]
    return "\n".join(f"| {' | '.join(line)} |" for line in [table.titles, rule, *cells]) + "\n"

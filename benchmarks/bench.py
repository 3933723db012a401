"""Run the rows of the table of speed in docs/benchmarks.md and write it anew.

    make bench [ONLY=compress] [DATA=FOLDER]
    python benchmarks/bench.py [--only NAME …] [--data FOLDER] [--limit 600] [--table]

Every `row_NAME.py` beside this file is run in a process of its own for `--limit` seconds at most,
and its rows go to rows.json, in place of what the file gave before. A row that could not be
measured keeps its last figure, with the date of it; without one the table says why there is none.
`--table` runs nothing and writes the table from rows.json. NOT_RUN are rows that no file measures.
"""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec
from measured import Row

HERE = Path(__file__).parent
BEGIN, END = "<!-- rows: begin -->", "<!-- rows: end -->"
GPU = "no GPU was at hand"
NOT_RUN = [
    Row(
        what="CTS, two contexts, on a GPU",
        against="a batch-of-one loop with full logits",
        goal="≥ 5×",
        skipped=GPU,
    ),
]


def names() -> list[str]:
    """The rows that there are, each a file."""
    return sorted(path.stem.removeprefix("row_") for path in HERE.glob("row_*.py"))


def measure(name: str, options: Sequence[str], limit: float) -> list[Row]:
    """The rows of one file; one that says why, where it gave none or not all in time."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "rows.jsonl"
        command = [sys.executable, str(HERE / f"row_{name}.py"), "--out", str(out), *options]
        why = done(command, limit)
        found = read(out)
    return [*found, Row(what="", skipped=why)] if why else found


def done(command: Sequence[str], limit: float) -> str:
    """Run it; why it did not end well. What it has started, a server say, ends with it."""
    with subprocess.Popen(command, start_new_session=True) as process:
        try:
            code = process.wait(limit)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            return f"took longer than {limit:g} s"
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            raise
    return f"ended with exit code {code}" if code else ""


def read(path: Path) -> list[Row]:
    """The rows of a file; none where there is no file."""
    lines = path.read_bytes().splitlines() if path.exists() else []
    return [msgspec.json.decode(line, type=Row) for line in lines]


def merged(known: dict[str, list[Row]], name: str, found: Iterable[Row]) -> dict[str, list[Row]]:
    """What is known with what a file gave: a measured row takes the place of the one before it."""
    measured = {(row.what, row.against): row for row in found if not row.skipped}
    before = {(row.what, row.against): row for row in known.get(name, ()) if not row.skipped}
    rows = list((before | measured).values())
    return known | {name: rows or [row for row in found if row.skipped]}


def table(rows: Iterable[Row]) -> str:
    """The rows in Markdown."""
    head = ["| what | against | goal | measured | n | load, date | command |", "|" + "---|" * 7]
    return "\n".join([*head, *map(line, rows)])


def line(row: Row) -> str:
    """One row in Markdown."""
    figure = ""
    if row.ratio is not None and row.spread is not None:
        figure = f"**{row.ratio:.2f}×** ({row.spread[0]:.2f}–{row.spread[1]:.2f})"
    said = "; ".join(part for part in (figure, row.said) if part)
    when = f"{row.load}, {row.date}" if row.load is not None else ""
    cells = [
        row.what, row.against or "–", row.goal or "–",
        f"not measured: {row.skipped}" if row.skipped else said,
        row.n or "–", when or "–", f"`{row.command}`" if row.command else "–",
    ]  # fmt: skip
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def rewritten(page: str, rows: Iterable[Row]) -> str:
    """The page with the table between its two marks; `ValueError` where they are not there."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the page needs the lines {BEGIN} and {END}, in this order")
    return f"{before}{BEGIN}\n{table(rows)}\n{END}{after}"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="*", choices=names(), help="these rows; default: all")
    parser.add_argument("--data", type=Path, help="folder with gsm8k_train.jsonl and others")
    parser.add_argument("--limit", type=float, default=600, help="seconds for a file of rows")
    parser.add_argument("--table", action="store_true", help="run nothing, write the table")
    parser.add_argument("--rows", type=Path, default=HERE / "rows.json")
    parser.add_argument("--page", type=Path, default=HERE.parent / "docs" / "benchmarks.md")
    asked, options = parser.parse_known_args()
    if asked.data:
        options += ["--data", str(asked.data)]
    known = (
        msgspec.json.decode(asked.rows.read_bytes(), type=dict[str, list[Row]])
        if asked.rows.exists()
        else {}
    )
    for name in [] if asked.table else asked.only or names():
        found = measure(name, options, asked.limit)
        for row in found:
            if row.skipped:
                print(f"{name}: skipped: {row.skipped}", flush=True)
                row.what = row.what or f"`{name}`"
        known = merged(known, name, found)
        asked.rows.write_bytes(msgspec.json.format(msgspec.json.encode(known), indent=1) + b"\n")
    rows = [row for name in sorted(known) for row in known[name]]
    page = asked.page.read_text(encoding="utf-8")
    asked.page.write_text(rewritten(page, [*rows, *NOT_RUN]), encoding="utf-8")


if __name__ == "__main__":
    main()

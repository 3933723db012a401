"""What the rows of docs/benchmarks.md share: a row as a record, ways that take turns, and the load of
the machine beside every figure.

A row file has `rows(asked) -> Iterator[Row]` and ends in `run(rows, __doc__)`; options beyond the
usual ones are an `options(parser)` of its own. It measures ours and the other in turns in one
process, by CPU time where the machine is shared, and raises `Skipped` where what it is measured
against is not at hand.
"""

import argparse
import json
import os
import resource
import shutil
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date
from pathlib import Path

import msgspec


class Row(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One line of the table."""

    what: str
    against: str = ""
    goal: str = ""
    ratio: float | None = None
    """How many times as fast as the other, the median of the passes; None where there is no other."""
    spread: tuple[float, float] | None = None
    """The least and the greatest of the passes."""
    said: str = ""
    """The figures behind the ratio, with their units."""
    n: str = ""
    load: float | None = None
    """Of the machine, over the last minute, the mean of before and after."""
    command: str = ""
    date: str = ""
    skipped: str = ""
    """Why it was not measured."""


class Skipped(Exception):
    """What is needed for a row is not at hand; says what."""


Rows = Callable[[argparse.Namespace], Iterable[Row]]


def cpu() -> float:
    """Seconds of CPU time of this process and of its children that have ended."""
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in used)


def in_turns(
    ways: Mapping[str, Callable[[], object]],
    passes: int,
    *,
    clock: Callable[[], float] = cpu,
    warm: bool = True,
) -> dict[str, list[float]]:
    """Seconds of each way in each pass; the ways take turns, so that a busy machine slows all of
    them. With `warm` each runs once before.
    """
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for n in range(passes + warm):
        for name, way in ways.items():
            began = clock()
            way()
            if n >= warm:
                seconds[name].append(clock() - began)
    return seconds


def times_as_fast(ours: list[float], other: list[float]) -> dict[str, object]:
    """`ratio` and `spread` of a row, from the seconds of either in each pass."""
    ratios = [b / a for a, b in zip(ours, other, strict=True)]
    return {"ratio": statistics.median(ratios), "spread": (min(ratios), max(ratios))}


def per_second(n: float, seconds: list[float]) -> float:
    """A rate, of the median pass."""
    return n / statistics.median(seconds)


def data(asked: argparse.Namespace, name: str) -> list[dict[str, str]]:
    """The rows of a file of problems; a line ends at `\\n` alone."""
    path = asked.data / name if asked.data else None
    if path is None or not path.exists():
        raise Skipped(f"{name} is not at hand: name its folder with --data")
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]


def worked(asked: argparse.Namespace, kind: str) -> list[str]:
    """Worked solutions: of GSM8K without the marks of its calculator, or of MATH."""
    if kind == "MATH":
        return [row["solution"] for row in data(asked, "math500_public.jsonl")]
    parts = [row["cot"].split("<<") for row in data(asked, "gsm8k_train.jsonl")]
    return ["".join([first, *(p.partition(">>")[2] for p in rest)]) for first, *rest in parts]


def python_with_vllm() -> str:
    """The interpreter that COTPRESS_VLLM names: vLLM needs an environment of its own."""
    python = os.environ.get("COTPRESS_VLLM", "")
    if not shutil.which(python):
        raise Skipped(
            "COTPRESS_VLLM names no Python with vLLM (docs/serving.md says how one is made)"
        )
    return python


def run(
    rows: Rows, doc: str | None, options: Callable[[argparse.ArgumentParser], object] = id
) -> None:
    """Measure, print each row as a line of JSON, and add it to `--out`."""
    parser = argparse.ArgumentParser(
        description=doc, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, help="folder with gsm8k_train.jsonl and others")
    parser.add_argument("--passes", type=int, default=3)
    parser.add_argument("--out", type=Path, help="a file of JSON Lines that rows are added to")
    options(parser)
    asked = parser.parse_args()
    for row in loaded(rows, asked):
        line = msgspec.json.encode(row)
        print(line.decode(), flush=True)
        if asked.out:
            with asked.out.open("ab") as file:
                file.write(line + b"\n")


def loaded(rows: Rows, asked: argparse.Namespace) -> Iterator[Row]:
    """The rows with the load of the machine, the date and the command; one that says why it was
    skipped where nothing was measured.
    """
    command = " ".join(["python", f"benchmarks/{Path(sys.argv[0]).name}", *_shown(sys.argv[1:])])
    before = os.getloadavg()[0]
    try:
        for row in rows(asked):
            after = os.getloadavg()[0]
            row.load = round((before + after) / 2, 1)
            row.command, row.date = command, date.today().isoformat()
            yield row
            before = after
    except Skipped as why:
        yield Row(what="", command=command, skipped=str(why))


def _shown(options: list[str]) -> list[str]:
    """The options without folders of this machine and without `--out`."""
    kept, left = [], list(options)
    while left:
        option = left.pop(0)
        if option in ("--out", "--data"):
            left.pop(0)
            kept += ["--data DATA"] * (option == "--data")
        else:
            kept.append(option)
    return kept


def wall() -> float:
    """Seconds by the clock on the wall."""
    return time.perf_counter()

"""How time and memory of `compress` grow with the number of traces, and with their length.

    python benchmarks/row_growth.py [--most 100000] [--longest 30000] [--figure docs/growth.png]

JSON in and out, one ratio, made-up traces; each size in a process of its own: CPU seconds of the
work, and its greatest resident memory less that before it. Traces come one by one from a few that
were made before, so that nothing but the stage could hold them.
"""

import argparse
import math
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import cycle, islice
from pathlib import Path

import msgspec
from compress_speed import made_up, with_json
from measured import Row, run

SIDE = 150
"""Tokens of a trace where their number grows, as GSM8K's have."""


def measure(n: int, length: int) -> None:
    """Print CPU seconds and megabytes of one size."""
    few = [msgspec.json.encode(made_up(length, seed, released=False)) for seed in range(8)]
    with_json(few[:1], [0.5])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.process_time()
    with_json(islice(cycle(few), n), [0.5])  # type: ignore[arg-type]
    seconds = time.process_time() - began
    print(seconds, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)


def sizes(most: int, least: int = 100) -> list[int]:
    """From `least` to `most`, each about three times the one before."""
    found = [round(least * 10 ** (k / 2)) for k in range(round(2 * math.log10(most / least)))]
    return [*found, most]


def one(n: int, length: int) -> tuple[float, float]:
    command = [sys.executable, __file__, "--one", str(n), str(length)]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    return float(said[0]), float(said[1])


def exponent(points: list[tuple[int, float]]) -> float:
    """Of the power by which seconds grow, over the last factor of ten or so."""
    (a, first), *_, (b, last) = points[-3:]
    return math.log(last / first) / math.log(b / a)


def draw(path: Path, panels: dict[str, list[tuple[int, float, float]]]) -> None:
    """Seconds and megabytes, each panel by what grows."""
    import matplotlib

    matplotlib.use("svg" if path.suffix == ".svg" else "agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, len(panels), figsize=(9, 3.4), layout="constrained")
    for axis, (name, points) in zip(axes, panels.items(), strict=True):
        grows, seconds, megabytes = zip(*points, strict=True)
        axis.loglog(grows, seconds, "o-", color="#1f5fa8", label="CPU seconds")
        axis.loglog(
            grows,
            [seconds[-1] * n / grows[-1] for n in grows],
            ":",
            color="#888888",
            label="linear",
        )
        axis.loglog(
            grows,
            [max(0.1, one) for one in megabytes],
            "s--",
            color="#b5502b",
            label="MB above the start",
        )
        axis.set_xlabel(name)
        axis.grid(alpha=0.3)
        axis.legend(frameon=False, fontsize=8)
    figure.savefig(path, dpi=130)


def rows(asked: argparse.Namespace) -> Iterator[Row]:
    by_number = [(n, *one(n, SIDE)) for n in sizes(asked.most)]
    by_length = [(length, *one(asked.each, length)) for length in sizes(asked.longest)]
    if asked.figure:
        draw(
            asked.figure,
            {
                f"traces of {SIDE} tokens": by_number,
                f"tokens of a trace ({asked.each} traces)": by_length,
            },
        )
    for what, points, unit in (
        ("number of traces", by_number, "traces"),
        ("length of a trace", by_length, "tokens"),
    ):
        yield Row(
            what=f"growth of `compress` with the {what}",
            goal="linear time; memory flat in the number",
            said=f"seconds grow as {unit} to the power {exponent([p[:2] for p in points]):.2f}; "
            f"{points[-1][1]:.1f} s and {points[-1][2]:.0f} MB above the start at {points[-1][0]:,}",
            n=f"{points[0][0]:,} to {points[-1][0]:,} {unit}, one run each",
        )


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--most", type=int, default=100_000)
    parser.add_argument("--longest", type=int, default=30_000)
    parser.add_argument("--each", type=int, default=16, help="traces of each length")
    parser.add_argument("--figure", type=Path)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        measure(*map(int, sys.argv[2:]))
    else:
        run(rows, __doc__, options)

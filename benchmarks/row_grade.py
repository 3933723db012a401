"""`grade` on all cores against a plain loop over math-verify in one process: times as fast.

    python benchmarks/row_grade.py --data DATA [--answers 5000]

The answers and both ways are those of benchmarks/grading_speed.py; seconds on the wall, for the
stage spends more than one core; each pass in new processes.
"""

import argparse
from collections.abc import Iterator

from grading_speed import answers, by_loop, by_stage
from measured import Row, Skipped, in_turns, per_second, run, times_as_fast, wall

FILES = {"MATH-500": "math500_public.jsonl", "GSM8K": "gsm8k_train.jsonl"}


def rows(asked: argparse.Namespace) -> Iterator[Row]:
    for name, file in FILES.items():
        if not asked.data or not (asked.data / file).exists():
            raise Skipped(f"{file} is not at hand: name its folder with --data")
        traces = answers(asked.data / file, asked.answers, 10)
        ways = {"stage": lambda t=traces: by_stage(t), "loop": lambda t=traces: by_loop(t)}
        seconds = in_turns(ways, asked.passes, clock=wall, warm=False)
        yield Row(
            what=f"`grade`, answers to {name}",
            against="math-verify in one process",
            goal="≥ 1.6× on two cores",
            **times_as_fast(seconds["stage"], seconds["loop"]),
            said=f"{per_second(len(traces), seconds['stage']):,.0f} against "
            f"{per_second(len(traces), seconds['loop']):,.0f} answers/s",
            n=f"{len(traces):,} answers, {asked.passes} passes",
        )


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--answers", type=int, default=5000)


if __name__ == "__main__":
    run(rows, __doc__, options)

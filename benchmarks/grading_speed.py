"""Answers graded per second by `cotpress.pipeline.grade` and by a plain loop over math-verify in
one process. The floor is 1.6 times.

    python benchmarks/grading_speed.py FILE.jsonl [--answers 5000] [--right 10] [--repeat 3]

FILE has problems with `answer` and a worked `solution` that ends in a box (MATH-500), or `cot`
(GSM8K), behind which a box is put.

20 answers to each problem in turn, as an evaluation with 20 samples has them: the worked solution
with its own answer in its last box `--right` times, and with the answers of other problems, all
different, in the rest. The stage works with its default number of processes and judges an answer
and reference that come again only once; `--right 1` leaves nothing to judge twice. The loop reads
each text with `math_verify.parse`, the reference as `$…$`, and compares them with `verify`, all
with their defaults. The two take turns, each in new processes; wall-clock time with their start,
and CPU time with theirs.
"""

import argparse
import json
import logging
import multiprocessing
import os
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import math_verify

from cotpress.grading import boxed
from cotpress.pipeline.grade import grade
from cotpress.records import Problem, Trace

SAMPLES = 20
"""Answers to one problem."""


def answers(path: Path, n: int, right: int) -> list[Trace]:
    """`n` answers, `SAMPLES` to a problem, beginning again with the first where the file ends."""
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]
    every = list(dict.fromkeys(row["answer"] for row in rows))
    made = []
    for at in range(-(-n // SAMPLES)):
        row = rows[at % len(rows)]
        wrong = [one for one in every[at:] + every[:at] if one != row["answer"]]
        for said in [row["answer"]] * right + wrong[1 : SAMPLES - right + 1]:
            solution = (
                row.get("solution") or rf"{row['cot']} The answer is \boxed{{{row['answer']}}}."
            )
            made.append(answer(f"{len(made)}", with_box(solution, said), row["answer"]))
    return made[:n]


def with_box(solution: str, said: str) -> str:
    """The solution with another answer in its last box."""
    before, box, after = solution.rpartition(r"\boxed")
    return f"{before}{box}{{{said}}}{after[len(boxed(solution) or '') + 2 :]}"


def answer(name: str, text: str, reference: str) -> Trace:
    return Trace(
        problem=Problem(id=name, question="", answer=reference, task="t"),
        model="m",
        reasoning="",
        conclusion=text,
        n_tokens=0,
        n_conclusion_tokens=0,
        finished=True,
    )


def by_stage(traces: list[Trace]) -> list[bool]:
    return [bool(one.grade and one.grade.correct) for one in grade(traces, lambda _: "math")]


def by_loop(traces: list[Trace]) -> list[bool]:
    """The loop, in a new process: nothing that an earlier round has cached helps it."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as alone:
        pairs = [(one.problem.answer, one.conclusion) for one in traces]
        return alone.submit(loop, pairs).result()


def loop(pairs: list[tuple[str, str]]) -> list[bool]:
    logging.getLogger("math_verify").setLevel(logging.CRITICAL)
    return [
        math_verify.verify(math_verify.parse(f"${reference}$"), math_verify.parse(text))
        for reference, text in pairs
    ]


def timed(name: str, work: Callable[[list[Trace]], list[bool]], traces: list[Trace]) -> float:
    """Seconds, and a line with the verdicts."""
    before, began = sum(os.times()[:4]), time.perf_counter()
    verdicts = work(traces)
    seconds, cpu = time.perf_counter() - began, sum(os.times()[:4]) - before
    print(
        f"{name:12} {len(verdicts):,} of {len(traces):,} verdicts, {sum(verdicts):,} right; "
        f"{seconds:6.1f} s ({cpu:5.1f} of CPU), {len(traces) / seconds:6.0f} answers/s",
        flush=True,
    )
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--answers", type=int, default=5000)
    parser.add_argument("--right", type=int, default=10)
    parser.add_argument("--repeat", type=int, default=3)
    asked = parser.parse_args()
    traces = answers(asked.data, asked.answers, asked.right)
    ratios = []
    for _ in range(asked.repeat):
        seconds = timed("math-verify", by_loop, traces)
        ratios.append(seconds / timed("grade stage", by_stage, traces))
    middle = sorted(ratios)[len(ratios) // 2]
    print(f"ratio {middle:.2f} ({min(ratios):.2f}–{max(ratios):.2f}), median of {len(ratios)}")


if __name__ == "__main__":
    main()
